#include "device/lane.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>
#include <vector>

#include "device/breaker.h"

namespace mien {
namespace {

using namespace std::chrono_literals;

TEST(Lane, RunsJobsInOrderAndPassesOnWhatTheyThrow) {
  Lane lane;
  std::vector<int> seen;
  for (int i = 0; i < 100; ++i) lane.run([&seen, i] { seen.push_back(i); }, 10s);
  ASSERT_EQ(seen.size(), 100U);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(seen[static_cast<std::size_t>(i)], i);
  EXPECT_THROW(lane.run([] { throw Exception(ErrorCode::internal, "no"); }, 10s), Exception);
  EXPECT_FALSE(lane.is_abandoned());
}

TEST(Lane, WaitingForATurnIsNoHanging) {
  Lane lane;
  std::atomic<int> done{0};
  std::vector<std::jthread> callers;
  // Eight jobs of 30 ms each: the last one starts long after its limit of 120 ms, were that counted from the call.
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([&] {
      lane.run([&] { std::this_thread::sleep_for(30ms); }, 120ms);
      ++done;
    });
  }
  callers.clear();
  EXPECT_EQ(done, 8);
}

TEST(Lane, IsAbandonedWhenAJobHangs) {
  const auto release = std::make_shared<std::latch>(1);
  const auto left = std::make_shared<std::latch>(1);
  {
    Lane lane;
    std::jthread waiting;
    try {
      lane.run(
          [release, left] {
            release->wait();
            left->count_down();
          },
          50ms);
      FAIL() << "a job that hangs has ended";
    } catch (const DeviceHung& error) {
      EXPECT_NE(std::string(error.what()).find("0.05 s"), std::string::npos) << error.what();
    }
    EXPECT_TRUE(lane.is_abandoned());
    EXPECT_THROW(lane.run([] {}, 1s), DeviceHung);
  }  // and its destructor does not wait for the job
  release->count_down();
  left->wait();
}

TEST(Lane, ThoseThatWaitBehindAHangingJobAreTold) {
  const auto release = std::make_shared<std::latch>(1);
  Lane lane;
  std::jthread first([&] { EXPECT_THROW(lane.run([release] { release->wait(); }, 100ms), DeviceHung); });
  std::this_thread::sleep_for(20ms);
  EXPECT_THROW(lane.run([] {}, 1h), DeviceHung);
  release->count_down();
}

class BreakerTest : public testing::Test {
 protected:
  void pass(std::chrono::milliseconds time) { now_ += time; }
  Breaker::TimePoint now_{};
  Breaker breaker_{[this] { return now_; }};
};

TEST_F(BreakerTest, OpensAfterThreeFailuresInARow) {
  for (int i = 0; i < 2; ++i) breaker_.report_failure();
  breaker_.report_success();
  for (int i = 0; i < 2; ++i) breaker_.report_failure();
  EXPECT_TRUE(breaker_.allows());
  breaker_.report_failure();
  EXPECT_FALSE(breaker_.allows());
}

TEST_F(BreakerTest, OneTrialAfterEachPauseThatDoublesUpToAMinute) {
  for (int i = 0; i < 3; ++i) breaker_.report_failure();
  for (const int pause : {1, 2, 4, 8, 16, 32, 60, 60}) {
    pass(std::chrono::seconds(pause) - 1ms);
    EXPECT_FALSE(breaker_.allows()) << pause;
    pass(1ms);
    EXPECT_TRUE(breaker_.allows()) << pause;
    EXPECT_FALSE(breaker_.allows()) << "a second trial at once, pause " << pause;
    breaker_.report_failure();
  }
  pass(60s);
  EXPECT_TRUE(breaker_.allows());
  breaker_.report_success();
  EXPECT_TRUE(breaker_.allows());
  EXPECT_TRUE(breaker_.allows());
  // And the next time it starts with a second again.
  for (int i = 0; i < 3; ++i) breaker_.report_failure();
  pass(1s);
  EXPECT_TRUE(breaker_.allows());
}

TEST_F(BreakerTest, ABatchThatWasOnItsWayDoesNotCountAsTheTrial) {
  for (int i = 0; i < 4; ++i) breaker_.report_failure();
  pass(1s);
  EXPECT_TRUE(breaker_.allows());
  breaker_.report_success();
  EXPECT_FALSE(breaker_.is_open());
}

}  // namespace
}  // namespace mien
