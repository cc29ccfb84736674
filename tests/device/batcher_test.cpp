// Batches from many threads over the test device: what meets in a run, what goes back to the CPU, and what nobody waits
// for.
#include "device/batcher.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>
#include <vector>

#include "base/stopwatch.h"
#include "support/batcher_wait.h"
#include "support/test_device.h"
#include "support/tiny_models.h"

namespace mien {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

struct Number final : BatchItem {
  explicit Number(float of) : value(of) {}
  float value;
  float doubled = 0;
};

// Doubles numbers on the device and remembers its runs. Shared with the work, which may outlive a test's objects.
struct Doubler {
  std::unique_ptr<DeviceSession> session;
  std::mutex mutex;
  std::vector<std::size_t> runs;  // items of each
  std::atomic<int> planned{0};
  std::atomic<int> plan_ms{0};

  void open(Accelerator& device) {
    if (session) return;
    GraphBuilder graph("double");
    const auto x = graph.input("x", ElementType::f32, {-1});
    graph.output("y", graph.add(x, x), ElementType::f32, {-1});
    session = device.create_session(std::move(graph).build());
  }

  void run(Accelerator& device, BatchItems items, std::size_t batch) {
    open(device);
    std::vector<float> values(batch);
    for (std::size_t i = 0; i < items.size(); ++i) values[i] = static_cast<Number&>(*items[i]).value;
    const DeviceInput input = HostTensor{ElementType::f32, {static_cast<std::int64_t>(batch)}, values.data()};
    const std::vector<DeviceOutput> outputs = session->run({&input, 1}, {});
    const std::span<const float> floats = outputs.front().values.floats();
    if (floats.size() != batch) throw DeviceFailure("another number of values");
    for (std::size_t i = 0; i < items.size(); ++i) static_cast<Number&>(*items[i]).doubled = floats[i];
    const std::lock_guard lock(mutex);
    runs.push_back(items.size());
  }
};

class BatcherTest : public testing::Test {
 protected:
  std::unique_ptr<Batcher> open(GpuMode mode = GpuMode::on, std::chrono::milliseconds answer = 20s) {
    GpuLimits limits;
    limits.answer = answer;
    return std::make_unique<Batcher>(Gpu::open(test::device_settings(mode), *runtime_, limits));
  }
  static BatchBin bin(const std::shared_ptr<Doubler>& doubler, std::size_t batch, bool is_planned,
                      const std::string& name = "double") {
    BatchBin bin{.operation = Operation::face_detection, .name = name, .batch = batch, .plan = {}, .run = {}};
    bin.run = [doubler](Accelerator& device, BatchItems items, std::size_t count) {
      doubler->run(device, items, count);
    };
    if (is_planned) {
      bin.plan = [doubler](Accelerator& device, std::size_t /*batch*/) {
        std::this_thread::sleep_for(std::chrono::milliseconds(doubler->plan_ms));
        doubler->open(device);
        ++doubler->planned;
      };
    }
    return bin;
  }

  test::TestDevice device_;
  std::unique_ptr<Runtime> runtime_ = open_onnxruntime(test::plain_settings());
  std::shared_ptr<Doubler> doubler_ = std::make_shared<Doubler>();
  const test::Patience patient_{.cpu_ms = 0, .takes_back = false, .stop = {}};
};

TEST_F(BatcherTest, WhatBinsOwnIsFreedOnTheThreadThatUsedIt) {
  std::thread::id used;
  std::promise<std::thread::id> freed;
  const auto owned = [&] {
    return std::shared_ptr<void>(nullptr, [&](void* /*unused*/) { freed.set_value(std::this_thread::get_id()); });
  };
  std::unique_ptr<Batcher> batcher = open();
  BatchBin work = bin(doubler_, 1, false);
  work.run = [&used, run = std::move(work.run), held = owned()](Accelerator& device, BatchItems items,
                                                                std::size_t count) {
    used = std::this_thread::get_id();
    run(device, items, count);
  };
  const std::size_t index = batcher->add(std::move(work));
  {
    auto caller = batcher->enter();
    ASSERT_EQ(test::wait(*batcher, caller, batcher->submit(std::make_shared<Number>(1.0F), {index}), patient_), "");
  }
  batcher = nullptr;
  EXPECT_EQ(freed.get_future().get(), used);
}

// Another thread is at work all the time, so that more may come.
TEST_F(BatcherTest, AnIdleDeviceWaitsForMoreAsLongAsItIsTold) {
  const std::unique_ptr<Batcher> batcher = open(GpuMode::require);
  const std::size_t index = batcher->add(bin(doubler_, 2, false));
  const auto wait_for_one = [&] {
    auto caller = batcher->enter();
    EXPECT_EQ(test::wait(*batcher, caller, batcher->submit(std::make_shared<Number>(1.0F), {index}), patient_), "");
  };
  auto other = batcher->enter();
  batcher->set_delay(1h);
  {
    const std::jthread first(wait_for_one);
    std::this_thread::sleep_for(200ms);  // ten times what it waits where nobody says so
    wait_for_one();
  }
  EXPECT_EQ(doubler_->runs, std::vector<std::size_t>{2});
  batcher->set_delay(0ms);
  wait_for_one();
  EXPECT_EQ(doubler_->runs.back(), 1U);
}

// One item after another of an image (its faces behind their detection): together they wait once.
TEST_F(BatcherTest, AnIdleDeviceWaitsOnceForAnImage) {
  const std::unique_ptr<Batcher> batcher = open(GpuMode::require);
  const std::size_t index = batcher->add(bin(doubler_, 2, false));
  batcher->set_delay(1s);
  auto other = batcher->enter();
  auto caller = batcher->enter();
  const auto ms_of_one = [&](const std::shared_ptr<DeviceWait>& wait) {
    const Clock::time_point begun = Clock::now();
    const auto ticket = batcher->submit(std::make_shared<Number>(1.0F), {index}, wait);
    EXPECT_EQ(test::wait(*batcher, caller, ticket, patient_), "");
    caller.go_on();
    return ms_since(begun);
  };
  const auto wait = std::make_shared<DeviceWait>();
  EXPECT_GE(ms_of_one(wait), 1000);
  EXPECT_GE(wait->ms, 1000);
  EXPECT_LT(ms_of_one(wait), 900);
  EXPECT_LT(ms_of_one(wait), 900);
  EXPECT_GE(ms_of_one(std::make_shared<DeviceWait>()), 1000) << "another image's";
}

// A thread that has done something else meanwhile finds its item done, or waits for the rest of the delay.
TEST_F(BatcherTest, TheDelayBeginsWhenAnItemIsHandedIn) {
  const std::unique_ptr<Batcher> batcher = open(GpuMode::require);
  const std::size_t index = batcher->add(bin(doubler_, 2, false));
  batcher->set_delay(2s);
  auto other = batcher->enter();
  auto caller = batcher->enter();
  const auto ticket = batcher->submit(std::make_shared<Number>(1.0F), {index});
  std::this_thread::sleep_for(2s);
  const Clock::time_point begun = Clock::now();
  EXPECT_EQ(test::wait(*batcher, caller, ticket, patient_), "");
  EXPECT_LT(ms_since(begun), 1500);
}

// A thread that comes to an image soon is not to wait for a run that begins only then.
TEST_F(BatcherTest, WhatIsDueIsNotLeftForAFullerBatch) {
  const std::unique_ptr<Batcher> batcher = open(GpuMode::require);
  batcher->set_delay(0ms);
  const std::size_t index = batcher->add(bin(doubler_, 2, false));
  auto caller = batcher->enter();  // at work, so that more may come
  const Batcher::Job job{{batcher->submit(std::make_shared<Number>(1.0F), {index})}, 0};
  std::this_thread::sleep_for(50ms);
  EXPECT_FALSE(batcher->is_settled(job.tickets.front())) << "another one would fill the batch";
  const Batcher::Job* const jobs[] = {&job};
  batcher->expect(jobs);
  for (const auto begin = Clock::now(); !batcher->is_settled(job.tickets.front()) && Clock::now() - begin < 20s;) {
    std::this_thread::sleep_for(1ms);
  }
  EXPECT_EQ(batcher->outcome(job.tickets.front()), "");
  EXPECT_EQ(doubler_->runs, std::vector<std::size_t>{1});
}

TEST_F(BatcherTest, WaitingThatBroughtOthersIsNotHeldAgainstAnImage) {
  const std::unique_ptr<Batcher> batcher = open(GpuMode::require);
  const std::size_t index = batcher->add(bin(doubler_, 4, false));
  batcher->set_delay(500ms);
  auto other = batcher->enter();
  const auto wait = std::make_shared<DeviceWait>();
  const auto wait_for_two = [&] {  // of one image
    auto caller = batcher->enter();
    const auto first = batcher->submit(std::make_shared<Number>(1.0F), {index}, wait);
    const auto second = batcher->submit(std::make_shared<Number>(2.0F), {index}, wait);
    const Batcher::Job job{.tickets = {first, second}, .cpu_ms = 0};
    const Batcher::Job* const jobs = &job;
    EXPECT_EQ(caller.wait({&jobs, 1}, {.takes_back = false}), std::nullopt);
  };
  {
    const std::jthread waiting(wait_for_two);
    std::this_thread::sleep_for(200ms);
    (void)batcher->submit(std::make_shared<Number>(3.0F), {index});
  }
  EXPECT_EQ(doubler_->runs, std::vector<std::size_t>{3});
  EXPECT_EQ(wait->ms, 0);
  const Clock::time_point begun = Clock::now();
  wait_for_two();
  EXPECT_GE(wait->ms, 450);
  EXPECT_LE(wait->ms, ms_since(begun)) << "two that wait at the same time wait once";
}

TEST_F(BatcherTest, ItemsOfManyThreadsMeetInFullBatches) {
  constexpr int kThreads = 8, kEach = 32;
  const std::unique_ptr<Batcher> batcher = open(GpuMode::require);
  const std::size_t index = batcher->add(bin(doubler_, 16, false));
  std::atomic<int> wrong{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        auto caller = batcher->enter();
        std::vector<std::pair<std::shared_ptr<Number>, std::shared_ptr<Batcher::Ticket>>> mine;
        for (int i = 0; i < kEach; ++i) {
          auto number = std::make_shared<Number>(static_cast<float>(t * kEach + i));
          mine.emplace_back(number, batcher->submit(number, {index}));
        }
        for (const auto& [number, ticket] : mine) {
          wrong +=
              test::wait(*batcher, caller, ticket, patient_).empty() && number->doubled == 2 * number->value ? 0 : 1;
        }
      });
    }
  }
  EXPECT_EQ(wrong, 0);
  const BatcherCounts counts = batcher->counts();
  EXPECT_EQ(counts.items, static_cast<std::uint64_t>(kThreads * kEach));
  EXPECT_LE(counts.runs, 24U) << "16 are the fewest that hold 256 numbers";
  EXPECT_EQ(counts.taken_back, 0U);
}

TEST_F(BatcherTest, AnItemThatTheDeviceDoesNotFinishGoesBackAndItsLateResultIsDropped) {
  const std::unique_ptr<Batcher> batcher = open();
  auto caller = batcher->enter();
  const std::size_t index = batcher->add(bin(doubler_, 1, false));
  device_.set("hang_at", 1);
  const auto first = std::make_shared<Number>(1.0F), second = std::make_shared<Number>(2.0F);
  const auto running = batcher->submit(first, {index});
  const auto waiting = batcher->submit(second, {index});
  const Clock::time_point begin = Clock::now();
  EXPECT_EQ(test::wait(*batcher, caller, running, {.cpu_ms = 30}), "the device is behind");
  EXPECT_EQ(test::wait(*batcher, caller, waiting, {.cpu_ms = 30}), "the device is behind");
  EXPECT_LT(ms_since(begin), 5000) << "it waited for the device";
  device_.set("release", 1);
  const auto third = std::make_shared<Number>(3.0F);
  EXPECT_EQ(test::wait(*batcher, caller, batcher->submit(third, {index}), patient_), "");
  EXPECT_EQ(third->doubled, 6.0F);
  const std::lock_guard lock(doubler_->mutex);
  EXPECT_EQ(doubler_->runs.size(), 2U) << "what was taken back before it ran is not run";
}

// What the device has not begun goes first, the last of it before all; what it runs goes last.
TEST_F(BatcherTest, TheCpuTakesWhatTheDeviceWouldComeToLast) {
  const std::unique_ptr<Batcher> batcher = open();
  auto caller = batcher->enter();
  const std::size_t index = batcher->add(bin(doubler_, 1, false));
  device_.set("hang_at", 1);
  std::vector<Batcher::Job> all;
  for (int i = 0; i < 3; ++i) {
    all.push_back({.tickets = {batcher->submit(std::make_shared<Number>(1.0F), {index})}, .cpu_ms = 20});
  }
  const std::vector<const Batcher::Job*> jobs = {&all[0], &all[1], &all[2]};
  EXPECT_EQ(caller.wait(jobs, {}), 2U);
  EXPECT_EQ(caller.wait(jobs, {}), 1U);
  EXPECT_EQ(caller.wait(jobs, {}), 0U);
  EXPECT_EQ(caller.wait(jobs, {}), std::nullopt);
  EXPECT_EQ(batcher->counts().taken_back, 3U);
  device_.set("release", 1);
}

// Four numbers are in one run, whose time is measured first.
TEST_F(BatcherTest, WhatRunsIsWaitedForUnlessTheCpuIsQuickerForAllOfIt) {
  const std::unique_ptr<Batcher> batcher = open();
  auto caller = batcher->enter();
  const std::size_t index = batcher->add(bin(doubler_, 4, false));
  device_.set("slow_us", 300'000);
  const auto run = [&](double cpu_ms) {
    const auto before = device_.get("compute_calls");
    std::vector<Batcher::Job> all;
    std::vector<const Batcher::Job*> jobs;
    for (int i = 0; i < 4; ++i) {
      all.push_back({.tickets = {batcher->submit(std::make_shared<Number>(1.0F), {index})}, .cpu_ms = cpu_ms});
    }
    for (const Batcher::Job& job : all) jobs.push_back(&job);
    while (device_.get("compute_calls") == before) std::this_thread::sleep_for(1ms);  // until it runs
    return caller.wait(jobs, {});
  };
  ASSERT_EQ(run(1e9), std::nullopt);
  const Clock::time_point begin = Clock::now();
  ASSERT_EQ(run(1e9), std::nullopt);
  const double run_ms = ms_since(begin);
  EXPECT_EQ(run(10 * run_ms), std::nullopt) << "here it would be 40 times as long";
  EXPECT_EQ(run(run_ms / 1000), 0U) << "here it would be nothing";
}

TEST_F(BatcherTest, ASlowDeviceIsOfferedNothingMoreAndTriedAgainLater) {
  const std::unique_ptr<Batcher> batcher = open();
  auto caller = batcher->enter();
  const std::size_t index = batcher->add(bin(doubler_, 4, false));
  EXPECT_TRUE(batcher->is_worthwhile({index}, 1)) << "nobody knows yet";
  device_.set("slow_us", 200'000);
  ASSERT_EQ(test::wait(*batcher, caller, batcher->submit(std::make_shared<Number>(1.0F), {index}), patient_), "");
  EXPECT_FALSE(batcher->is_worthwhile({index}, 50));
  EXPECT_TRUE(batcher->is_worthwhile({index}, 5000));
  const Clock::time_point begin = Clock::now();
  while (!batcher->is_worthwhile({index}, 50) && ms_since(begin) < 60e3) std::this_thread::sleep_for(10ms);
  EXPECT_TRUE(batcher->is_worthwhile({index}, 50)) << "it may be quicker now";
}

TEST_F(BatcherTest, TheCpuWorksWhileAPlanIsMadeAndRequireWaits) {
  doubler_->plan_ms = 300;
  const std::unique_ptr<Batcher> batcher = open();
  auto caller = batcher->enter();
  const std::size_t index = batcher->add(bin(doubler_, 4, true));
  const auto number = std::make_shared<Number>(1.0F);
  const Clock::time_point begin = Clock::now();
  EXPECT_EQ(test::wait(*batcher, caller, batcher->submit(number, {index}), {.cpu_ms = 20}),
            "test is compiling for this size");
  EXPECT_EQ(doubler_->planned, 0);
  EXPECT_EQ(test::wait(*batcher, caller, batcher->submit(number, {index}), patient_), "");
  EXPECT_EQ(number->doubled, 2.0F);
  EXPECT_GE(ms_since(begin), 300);
  EXPECT_EQ(batcher->counts().plans, 1U);
}

// A plan of another shape is made meanwhile.
TEST_F(BatcherTest, APlanHoldsUpNothingThatIsPlanned) {
  const auto slow = std::make_shared<Doubler>();
  slow->plan_ms = 3000;
  const std::unique_ptr<Batcher> batcher = open();
  auto caller = batcher->enter();
  const std::size_t index = batcher->add(bin(doubler_, 4, true, "first"));
  const std::size_t later = batcher->add(bin(slow, 4, true, "second"));
  const auto number = std::make_shared<Number>(1.0F);
  ASSERT_EQ(test::wait(*batcher, caller, batcher->submit(number, {index}), patient_), "");
  const Clock::time_point begin = Clock::now();
  // The second is the better one for these, and is not planned: the first takes them.
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(test::wait(*batcher, caller, batcher->submit(number, {later, index}), patient_), "");
  EXPECT_LT(ms_since(begin), 2000);
  EXPECT_EQ(slow->planned, 0);
}

TEST_F(BatcherTest, APlanThatFailsIsSaidAndTheOthersGoOn) {
  const std::unique_ptr<Batcher> batcher = open();
  auto caller = batcher->enter();
  BatchBin broken = bin(doubler_, 4, true, "broken");
  broken.plan = [](Accelerator& /*device*/, std::size_t /*batch*/) { throw DeviceFailure("it computes nonsense"); };
  const std::size_t first = batcher->add(std::move(broken));
  const std::size_t second = batcher->add(bin(doubler_, 4, true));
  const auto number = std::make_shared<Number>(1.0F);
  EXPECT_EQ(test::wait(*batcher, caller, batcher->submit(number, {first}), patient_), "it computes nonsense");
  EXPECT_EQ(test::wait(*batcher, caller, batcher->submit(number, {first, second}), patient_), "");
}

// Memory for two at a time is what the device has.
TEST_F(BatcherTest, APlanThatHasNoRoomIsMadeForFewer) {
  const std::unique_ptr<Batcher> batcher = open();
  auto caller = batcher->enter();
  BatchBin large = bin(doubler_, 16, true);
  const auto asked = std::make_shared<std::vector<std::size_t>>();
  large.plan = [asked](Accelerator& /*device*/, std::size_t batch) {
    asked->push_back(batch);
    if (batch > 2) throw OutOfDeviceMemory("no room");
  };
  const std::size_t index = batcher->add(std::move(large));
  const auto number = std::make_shared<Number>(1.0F);
  EXPECT_EQ(test::wait(*batcher, caller, batcher->submit(number, {index}), patient_), "");
  EXPECT_EQ(*asked, (std::vector<std::size_t>{16, 8, 4, 2}));
}

TEST_F(BatcherTest, EndsWithoutWaitingForAPlan) {
  doubler_->plan_ms = 3000;
  std::unique_ptr<Batcher> batcher = open();
  const Clock::time_point begin = Clock::now();
  {
    auto caller = batcher->enter();
    const std::size_t index = batcher->add(bin(doubler_, 4, true));
    (void)test::wait(*batcher, caller, batcher->submit(std::make_shared<Number>(1.0F), {index}), {.cpu_ms = 5});
  }
  batcher.reset();
  EXPECT_LT(ms_since(begin), 2500);
}

TEST_F(BatcherTest, AStopEndsTheWaiting) {
  doubler_->plan_ms = 3000;
  const std::unique_ptr<Batcher> batcher = open();
  auto caller = batcher->enter();
  const std::size_t index = batcher->add(bin(doubler_, 4, true));
  std::stop_source stop;
  const auto ticket = batcher->submit(std::make_shared<Number>(1.0F), {index});
  std::jthread stopping([&] {
    std::this_thread::sleep_for(50ms);
    stop.request_stop();
  });
  const Clock::time_point begin = Clock::now();
  try {
    (void)test::wait(*batcher, caller, ticket, {.cpu_ms = 0, .takes_back = false, .stop = stop.get_token()});
    FAIL() << "a stop is an error";
  } catch (const Exception& error) {
    EXPECT_EQ(error.error().code, ErrorCode::cancelled);
  }
  EXPECT_LT(ms_since(begin), 1000);
}

// A minute is what a plan may take.
using BatcherSlow = BatcherTest;

TEST_F(BatcherSlow, APlanThatHangsIsGivenUpAndTheOthersAreMade) {
  const std::unique_ptr<Batcher> batcher = open();
  auto caller = batcher->enter();
  const auto is_over = std::make_shared<std::atomic<bool>>(false);
  BatchBin hanging = bin(doubler_, 4, true, "hanging");
  hanging.plan = [is_over](Accelerator& /*device*/, std::size_t /*batch*/) {
    while (!*is_over) std::this_thread::sleep_for(10ms);
  };
  const auto later = std::make_shared<Doubler>();
  const std::size_t first = batcher->add(std::move(hanging));
  const std::size_t second = batcher->add(bin(later, 4, true, "second"));
  const std::size_t unplanned = batcher->add(bin(doubler_, 4, false, "unplanned"));
  const auto number = std::make_shared<Number>(1.0F);
  const Clock::time_point begin = Clock::now();
  const auto stuck = batcher->submit(number, {first});
  const auto behind = batcher->submit(std::make_shared<Number>(2.0F), {second});
  // What needs no plan goes on meanwhile, and what may be the CPU's is.
  EXPECT_EQ(test::wait(*batcher, caller, batcher->submit(std::make_shared<Number>(3.0F), {unplanned}), patient_), "");
  EXPECT_NE(test::wait(*batcher, caller, batcher->submit(std::make_shared<Number>(4.0F), {first}), {.cpu_ms = 20}), "");
  EXPECT_LT(ms_since(begin), 10'000);
  EXPECT_NE(test::wait(*batcher, caller, stuck, patient_).find("no answer from the device in 60 s"), std::string::npos);
  EXPECT_EQ(test::wait(*batcher, caller, behind, patient_), "");
  EXPECT_LT(ms_since(begin), 75'000);
  EXPECT_EQ(later->planned, 1);
  // It is not tried again.
  EXPECT_NE(test::wait(*batcher, caller, batcher->submit(number, {first}), patient_), "");
  EXPECT_LT(ms_since(begin), 80'000);
  *is_over = true;
}

}  // namespace
}  // namespace mien
