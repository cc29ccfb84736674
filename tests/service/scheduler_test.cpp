#include "service/scheduler.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace mien::service {
namespace {

using namespace std::chrono_literals;

// What came of images, in order; and a gate at which workers wait.
class Log {
 public:
  void add(std::string line) {
    const std::lock_guard lock(mutex_);
    lines_.push_back(std::move(line));
    changed_.notify_all();
  }
  std::vector<std::string> wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, 30s, [&] { return lines_.size() >= count; });
    return lines_;
  }
  void open_gate() {
    const std::lock_guard lock(mutex_);
    is_open_ = true;
    changed_.notify_all();
  }
  // Returns whether it was stopped.
  bool wait_at_gate(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!is_open_ && !stop.stop_requested()) changed_.wait_for(lock, 2ms);
    return stop.stop_requested();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> lines_;
  bool is_open_ = false;
};

class SchedulerTest : public testing::Test {
 protected:
  ImageTask task(const std::string& name, std::chrono::milliseconds limit = 60s) {
    return {.time_limit = limit,
            .late = [this, name](double) { log_.add(name + " late"); },
            .work = [this, name](const Turn&) { log_.add(name); }};
  }
  // One that occupies a worker until the gate opens.
  ImageTask gate(std::chrono::milliseconds limit = 60s) {
    const auto work = [this](const Turn& turn) {
      log_.add("begun");
      log_.add(log_.wait_at_gate(turn.stop) ? "stopped" : "done");
    };
    return {.time_limit = limit, .late = [this](double) { log_.add("gate late"); }, .work = work};
  }
  // A scheduler whose one worker is busy.
  std::unique_ptr<Scheduler> busy(SchedulerOptions options = {}) {
    auto scheduler = std::make_unique<Scheduler>(std::move(options));
    EXPECT_TRUE(scheduler->submit(scheduler->open(first_.get_token()), gate()));
    EXPECT_EQ(log_.wait_for(1).size(), 1U);
    return scheduler;
  }
  std::vector<std::string> finish(std::size_t lines) {
    log_.open_gate();
    return log_.wait_for(lines);
  }

  Log log_;
  std::stop_source first_;
  std::stop_source client_;
};

TEST_F(SchedulerTest, RequestsTakeTurns) {
  const auto scheduler = busy();
  const auto many = scheduler->open(client_.get_token());
  const auto few = scheduler->open({});
  for (const char* name : {"m1", "m2", "m3", "m4"}) ASSERT_TRUE(scheduler->submit(many, task(name)));
  for (const char* name : {"f1", "f2"}) ASSERT_TRUE(scheduler->submit(few, task(name)));
  EXPECT_EQ(scheduler->waiting(), 6U);
  const std::vector<std::string> expected = {"begun", "done", "m1", "f1", "m2", "f2", "m3", "m4"};
  EXPECT_EQ(finish(expected.size()), expected);
}

TEST_F(SchedulerTest, RefusesWhatHasNoRoom) {
  const auto scheduler = busy({.images_max = 2, .held_max = 1, .ahead_max = 2});
  const auto request = scheduler->open({});
  EXPECT_FALSE(scheduler->is_full());
  EXPECT_TRUE(scheduler->submit(request, task("1")));
  EXPECT_TRUE(scheduler->submit(request, task("2")));
  EXPECT_TRUE(scheduler->is_full());
  EXPECT_FALSE(scheduler->submit(scheduler->open({}), task("3")));
  EXPECT_TRUE(scheduler->submit_held(scheduler->open({}), task("4"))) << "it has waited already";
  EXPECT_FALSE(scheduler->submit_held(scheduler->open({}), task("5")));
  EXPECT_GE(scheduler->retry_after_seconds(), 1);
  EXPECT_EQ(finish(5).size(), 5U);
}

TEST_F(SchedulerTest, OneRequestLeavesRoomForOthers) {
  const auto scheduler = busy({.images_max = 10, .ahead_max = 2});
  const auto many = scheduler->open({});
  EXPECT_TRUE(scheduler->submit(many, task("1")));
  EXPECT_FALSE(scheduler->when_room(many, [] {})) << "there is room";
  EXPECT_TRUE(scheduler->submit(many, task("2")));
  EXPECT_FALSE(scheduler->submit(many, task("3")));
  EXPECT_TRUE(scheduler->when_room(many, [this] { log_.add("room"); }));
  EXPECT_TRUE(scheduler->submit(scheduler->open({}), task("other")));
  const std::vector<std::string> lines = finish(6);
  EXPECT_EQ(std::count(lines.begin(), lines.end(), "room"), 1);
}

TEST_F(SchedulerTest, TimeIsOver) {
  const auto scheduler = busy();
  ASSERT_TRUE(scheduler->submit(scheduler->open({}), task("waits", 30ms)));
  EXPECT_EQ(log_.wait_for(2).back(), "waits late");
  EXPECT_EQ(scheduler->waiting(), 0U);
  EXPECT_EQ(finish(3).back(), "done");
}

TEST_F(SchedulerTest, TimeOfAnImageInWorkIsOver) {
  Scheduler scheduler({.on_taken = [this](double seconds) { EXPECT_GE(seconds, 0); }});
  ASSERT_TRUE(scheduler.submit(scheduler.open({}), gate(50ms)));
  EXPECT_EQ(log_.wait_for(2).back(), "stopped");
}

TEST_F(SchedulerTest, AClientTakesItsImagesAlong) {
  const auto scheduler = busy();
  const auto request = scheduler->open(client_.get_token());
  ASSERT_TRUE(scheduler->submit(request, task("gone 1")));
  ASSERT_TRUE(scheduler->submit(request, task("gone 2")));
  ASSERT_TRUE(scheduler->submit(scheduler->open({}), task("stays")));
  client_.request_stop();
  EXPECT_EQ(scheduler->waiting(), 1U);
  EXPECT_TRUE(scheduler->submit(request, task("gone 3"))) << "it is dropped";
  first_.request_stop();
  const std::vector<std::string> expected = {"begun", "stopped", "stays"};
  EXPECT_EQ(log_.wait_for(3), expected);
}

TEST_F(SchedulerTest, HeldRequestsWaitForRoom) {
  const auto scheduler = busy({.images_max = 1, .held_max = 2});
  const auto hold = [&](const std::string& name, std::chrono::milliseconds at_most, std::stop_token gone = {}) {
    return scheduler->hold(scheduler->open(std::move(gone)), at_most,
                           [this, name](bool is_room) { log_.add(name + (is_room ? " room" : " no room")); });
  };
  EXPECT_EQ(hold("none", 60s), Scheduler::Hold::not_needed);
  ASSERT_TRUE(scheduler->submit(scheduler->open({}), task("waits")));
  EXPECT_EQ(hold("long", 20ms), Scheduler::Hold::held);
  EXPECT_EQ(log_.wait_for(2).back(), "long no room");
  const auto held = scheduler->open(client_.get_token());
  EXPECT_EQ(scheduler->hold(held, 60s, [this](bool) { log_.add("gone"); }), Scheduler::Hold::held);
  EXPECT_EQ(hold("first", 60s), Scheduler::Hold::held);
  EXPECT_EQ(hold("third", 60s), Scheduler::Hold::refused);
  client_.request_stop();
  EXPECT_EQ(scheduler->held(), 1U);
  EXPECT_EQ(hold("second", 60s), Scheduler::Hold::held);
  scheduler->drop_held();
  EXPECT_EQ(log_.wait_for(4).size(), 4U);
  EXPECT_EQ(hold("last", 60s), Scheduler::Hold::held);
  const std::vector<std::string> lines = finish(7);
  EXPECT_EQ(std::count(lines.begin(), lines.end(), "last room"), 1);
  EXPECT_EQ(std::count(lines.begin(), lines.end(), "first no room"), 1);
  EXPECT_EQ(std::count(lines.begin(), lines.end(), "gone"), 0);
}

// Many clients that come, hang up and wait: each image has one outcome, or its client is gone.
TEST_F(SchedulerTest, NothingIsLostOrDoneTwice) {
  std::atomic<int> outcomes{0};
  int accepted = 0;
  {
    Scheduler scheduler({.workers = 4, .images_max = 50, .ahead_max = 50});
    std::vector<std::jthread> clients;
    std::mutex mutex;
    for (int c = 0; c < 8; ++c) {
      clients.emplace_back([&, c] {
        for (int i = 0; i < 200; ++i) {
          const auto limit = i % 7 == 0 ? 1ms : 60'000ms;
          ImageTask one{
              .time_limit = limit, .late = [&](double) { ++outcomes; }, .work = [&](const Turn&) { ++outcomes; }};
          std::stop_source hangs_up;
          const bool taken = scheduler.submit(scheduler.open(hangs_up.get_token()), std::move(one));
          if (c % 2 == 0 && i % 5 == 0) hangs_up.request_stop();
          const std::lock_guard lock(mutex);
          accepted += taken && !(c % 2 == 0 && i % 5 == 0) ? 1 : 0;
        }
      });
    }
    clients.clear();
    while (scheduler.waiting() > 0) std::this_thread::sleep_for(1ms);
  }
  EXPECT_GE(outcomes, accepted);
  EXPECT_LE(outcomes, 1600);
}

}  // namespace
}  // namespace mien::service
