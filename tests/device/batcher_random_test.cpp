// Ten thousand batches of many threads while the device fails at random: each item has one end, and nothing waits for
// ever.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include "device/batcher.h"
#include "support/test_device.h"
#include "support/tiny_models.h"

namespace mien {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kBatches = 10'000;
constexpr std::size_t kManyThreads = 12;
constexpr std::size_t kJobsMax = 6;  // of a call
constexpr std::size_t kLargestBatch = 8;
constexpr auto kHang = 700ms;

// What a run computes, worked out here without the device.
float expected_of(float value) { return 2 * value; }

struct RandomNumber final : BatchItem {
  RandomNumber(float of, std::shared_ptr<std::atomic<int>> counter) : value(of), alive(std::move(counter)) { ++*alive; }
  ~RandomNumber() override { --*alive; }
  const float value;
  const std::shared_ptr<std::atomic<int>> alive;
  float doubled = 0;
  std::atomic<int> computed{0};  // runs that ended well with it
};

// What goes wrong in a round.
struct RoundFaults {
  bool is_full_at_times = false;     // a device that was full once gets smaller batches from then on
  std::optional<int> hangs_at = {};  // the number of a run
};

// Doubles numbers on the device and fails at random. Shared with the work, which may outlive a round.
class RandomDoubler {
 public:
  RandomDoubler(std::uint32_t seed, const RoundFaults& faults) : random_(seed), faults_(faults) {}

  void plan(Accelerator& device, std::size_t batch) {
    std::this_thread::sleep_for(5ms);
    if (faults_.is_full_at_times && batch > kLargestBatch / 2) throw OutOfDeviceMemory("no room for so many");
    run_session(device, std::vector<float>(batch, 1.0F));
  }

  void run(Accelerator& device, BatchItems items, std::size_t batch) {
    const int number = runs++;
    const unsigned fault = draw(100);
    if (faults_.hangs_at && number == *faults_.hangs_at) std::this_thread::sleep_for(kHang);
    if (fault < 5) throw DeviceFailure("it was told to fail");
    if (fault == 5 && faults_.is_full_at_times) throw OutOfDeviceMemory("it was told to be full");
    if (fault > 95) std::this_thread::sleep_for(std::chrono::milliseconds(1 + draw(10)));
    std::vector<float> values(batch);
    for (std::size_t i = 0; i < items.size(); ++i) values[i] = number_of(*items[i]).value;
    std::vector<float> doubled = run_session(device, values);
    if (fault >= 10 && fault < 13) doubled[draw(static_cast<unsigned>(items.size()))] = NAN;
    for (std::size_t i = 0; i < items.size(); ++i) {
      // Half of a batch may be written when it fails.
      if (fault >= 13 && fault < 16 && i == items.size() / 2) throw DeviceFailure("it failed in the middle");
      if (!std::isfinite(doubled[i])) throw DeviceFailure("it gives numbers that are none");
      number_of(*items[i]).doubled = doubled[i];
    }
    for (const std::shared_ptr<BatchItem>& item : items) ++number_of(*item).computed;
  }

  std::atomic<int> runs{0};

 private:
  static RandomNumber& number_of(BatchItem& item) { return static_cast<RandomNumber&>(item); }

  unsigned draw(unsigned below) {
    const std::lock_guard lock(mutex_);
    return static_cast<unsigned>(random_() % below);
  }

  std::vector<float> run_session(Accelerator& device, const std::vector<float>& values) {
    const DeviceInput input = HostTensor{ElementType::f32, {static_cast<std::int64_t>(values.size())}, values.data()};
    const std::vector<DeviceOutput> outputs = session(device).run({&input, 1}, {});
    const std::span<const float> floats = outputs.front().values.floats();
    if (floats.size() != values.size()) throw DeviceFailure("it gives another number of values");
    return {floats.begin(), floats.end()};
  }

  // Opened by a plan or by the first run.
  const DeviceSession& session(Accelerator& device) {
    const std::lock_guard lock(mutex_);
    if (session_) return *session_;
    GraphBuilder graph("double");
    const auto x = graph.input("x", ElementType::f32, {-1});
    graph.output("y", graph.add(x, x), ElementType::f32, {-1});
    session_ = device.create_session(std::move(graph).build());
    return *session_;
  }

  std::mutex mutex_;  // guards what follows
  std::mt19937 random_;
  std::unique_ptr<DeviceSession> session_;
  const RoundFaults faults_;
};

// How the items of a round ended.
struct Ends {
  std::atomic<std::size_t> submitted{0}, done{0}, left_to_cpu{0}, dropped{0}, cancelled{0};
};

// The source of the stop that a thread's call listens to. Others request it in the middle of the call.
class Stops {
 public:
  std::stop_source renew(std::size_t thread) {
    const std::lock_guard lock(mutex_);
    return sources_[thread] = std::stop_source();
  }
  void request(std::size_t thread) {
    const std::lock_guard lock(mutex_);
    sources_[thread].request_stop();
  }

 private:
  std::mutex mutex_;
  std::vector<std::stop_source> sources_{kManyThreads};
};

// One round: threads that hand numbers in until so many batches have run.
class Round {
 public:
  Round(std::shared_ptr<Gpu> gpu, std::uint32_t seed, std::size_t batches, const RoundFaults& faults)
      : seed_(seed),
        batches_(static_cast<int>(batches)),
        doubler_(std::make_shared<RandomDoubler>(seed, faults)),
        batcher_(std::make_unique<Batcher>(std::move(gpu))) {
    for (const bool is_planned : {true, false, true}) {
      bins_.push_back(batcher_->add(make_bin(is_planned)));
    }
  }

  // `is_over`: asked besides.
  void run(const std::function<bool()>& is_over) {
    std::atomic<std::size_t> working = kManyThreads;
    std::vector<std::jthread> threads;
    for (std::size_t thread = 0; thread < kManyThreads; ++thread) {
      threads.emplace_back([&, thread] {
        std::mt19937 random(seed_ * 1000 + static_cast<std::uint32_t>(thread));
        while (doubler_->runs < batches_ && !is_over()) call(thread, random);
        --working;
      });
    }
    std::mt19937 random(seed_);
    while (working > 0) {
      std::this_thread::sleep_for(2ms);
      stops_.request(random() % kManyThreads);
    }
    threads.clear();
    batcher_.reset();
  }

  const Ends& ends() const { return ends_; }
  int batches() const { return doubler_->runs; }
  int alive() const { return *alive_; }
  int wrong() const { return wrong_; }

 private:
  // Numbers that belong together, as the passes over an image do.
  struct Work {
    std::vector<std::shared_ptr<RandomNumber>> numbers;
    Batcher::Job job;
  };

  BatchBin make_bin(bool is_planned) const {
    BatchBin bin{
        .operation = Operation::face_detection, .name = "double", .batch = kLargestBatch, .plan = {}, .run = {}};
    if (is_planned) {
      bin.plan = [doubler = doubler_](Accelerator& device, std::size_t batch) { doubler->plan(device, batch); };
    }
    bin.run = [doubler = doubler_](Accelerator& device, BatchItems items, std::size_t batch) {
      doubler->run(device, items, batch);
    };
    return bin;
  }

  Work submit(std::mt19937& random) {
    constexpr double kCpuMs[] = {0, 0.2, 3, 200};
    Work work;
    work.job.cpu_ms = kCpuMs[random() % std::size(kCpuMs)];
    for (std::size_t left = 1 + random() % 3; left > 0; --left) {
      std::vector<std::size_t> bins = bins_;
      std::shuffle(bins.begin(), bins.end(), random);
      bins.resize(1 + random() % bins.size());
      work.numbers.push_back(std::make_shared<RandomNumber>(static_cast<float>(random() % 100'000), alive_));
      work.job.tickets.push_back(batcher_->submit(work.numbers.back(), bins));
      (void)batcher_->is_worthwhile(bins, 1);
    }
    ends_.submitted += work.numbers.size();
    return work;
  }

  // What a thread does with some images: hands them in, has no more use for some, does what the device is too slow for,
  // waits for the others, and is stopped at times.
  void call(std::size_t thread, std::mt19937& random) {
    const std::stop_source source = stops_.renew(thread);
    Batcher::Caller caller = batcher_->enter();
    std::deque<Work> works;
    for (std::size_t left = 1 + random() % kJobsMax; left > 0; --left) works.push_back(submit(random));
    if (random() % 8 == 0) std::this_thread::sleep_for(1ms);
    const Batcher::Waiting waiting{.takes_back = random() % 4 != 0, .stop = source.get_token()};
    while (!works.empty()) {
      if (random() % 10 == 0) {
        ends_.dropped += drop(random() % works.size(), works);
        continue;
      }
      std::vector<const Batcher::Job*> jobs;
      for (const Work& work : works) jobs.push_back(&work.job);
      try {
        const std::size_t ended = caller.wait(jobs, waiting).value_or(0);
        end(works[ended]);
        works.erase(works.begin() + static_cast<std::ptrdiff_t>(ended));
        if (random() % 8 == 0) caller.go_on();
        if (random() % 8 == 0) works.push_back(submit(random));
      } catch (const Exception& error) {
        if (error.error().code != ErrorCode::cancelled || !source.stop_requested()) ++wrong_;
        while (!works.empty()) ends_.cancelled += drop(0, works);
      }
    }
  }

  // Lets go of one of them. Returns how many numbers that were.
  std::size_t drop(std::size_t index, std::deque<Work>& works) {
    const Work work = std::move(works[index]);
    works.erase(works.begin() + static_cast<std::ptrdiff_t>(index));
    for (const std::shared_ptr<Batcher::Ticket>& ticket : work.job.tickets) batcher_->drop(ticket);
    return work.numbers.size();
  }

  // Each number is done or the CPU's; the device is asked once.
  void end(const Work& work) {
    for (std::size_t i = 0; i < work.numbers.size(); ++i) {
      const RandomNumber& number = *work.numbers[i];
      if (!batcher_->is_settled(work.job.tickets[i])) ++wrong_;
      if (!batcher_->outcome(work.job.tickets[i]).empty()) {
        ++ends_.left_to_cpu;
        continue;
      }
      ++ends_.done;
      if (number.doubled != expected_of(number.value) || number.computed != 1) ++wrong_;
    }
  }

  const std::uint32_t seed_;
  const int batches_;
  // Counted by items, which a run that hangs keeps for longer than a round.
  const std::shared_ptr<std::atomic<int>> alive_ = std::make_shared<std::atomic<int>>(0);
  std::shared_ptr<RandomDoubler> doubler_;
  std::unique_ptr<Batcher> batcher_;
  std::vector<std::size_t> bins_;
  Stops stops_;
  Ends ends_;
  std::atomic<int> wrong_{0};
};

class RandomBatches : public testing::Test {
 protected:
  // A breaker that opens does not end a round: time passes a second a look.
  std::shared_ptr<Gpu> open(std::chrono::milliseconds answer) {
    GpuLimits limits;
    limits.answer = answer;
    limits.now = [this] { return Clock::time_point() + std::chrono::seconds(looks_++); };
    return Gpu::open(test::device_settings(), *runtime_, limits);
  }

  static void expect_one_end_each(const Round& round) {
    const Ends& ends = round.ends();
    EXPECT_EQ(round.wrong(), 0) << "results that are not the oracle's, or of two runs, or errors of another kind";
    EXPECT_EQ(ends.done + ends.left_to_cpu + ends.dropped + ends.cancelled, ends.submitted);
    EXPECT_GT(ends.done, 0U);
    EXPECT_GT(ends.left_to_cpu, 0U);
    EXPECT_GT(ends.dropped, 0U);
    EXPECT_GT(ends.cancelled, 0U);
  }

  test::TestDevice device_;
  std::unique_ptr<Runtime> runtime_ = open_onnxruntime(test::plain_settings());
  std::atomic<int> looks_{0};
};

TEST_F(RandomBatches, TenThousandGiveEachItemOneEnd) {
  constexpr std::uint32_t kRounds = 20;
  std::size_t batches = 0;
  for (std::uint32_t seed = 1; seed <= kRounds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const bool is_full_at_times = seed % 2 == 0;
    const std::shared_ptr<Gpu> gpu = open(60s);
    ASSERT_TRUE(gpu->is_usable()) << gpu->reason();
    Round round(gpu, seed, kBatches / kRounds, {.is_full_at_times = is_full_at_times});
    device_.set("random_seed", seed);
    device_.set("random_fault_permille", is_full_at_times ? 30 : 0);
    round.run([] { return false; });
    expect_one_end_each(round);
    EXPECT_EQ(round.alive(), 0) << "items are kept that nobody waits for";
    batches += static_cast<std::size_t>(round.batches());
    device_.set("random_fault_permille", 0);
  }
  EXPECT_GE(batches, kBatches);
}

// It is never asked again; who waits for it goes on without it.
TEST_F(RandomBatches, ADeviceThatHangsInTheMiddleHoldsNobodyUp) {
  for (const int hangs_at : {20, 45}) {
    SCOPED_TRACE("hangs at " + std::to_string(hangs_at));
    const std::shared_ptr<Gpu> gpu = open(kHang / 4);
    ASSERT_TRUE(gpu->is_usable()) << gpu->reason();
    Round round(gpu, static_cast<std::uint32_t>(hangs_at), kBatches, {.hangs_at = hangs_at});
    const Clock::time_point begin = Clock::now();
    round.run([&] { return Clock::now() - begin > 2 * kHang; });
    EXPECT_LT(Clock::now() - begin, 2 * kHang + 5s);
    expect_one_end_each(round);
    // The run that hangs ends by then, and writes into what nobody reads.
    for (int i = 0; i < 500 && round.alive() > 0; ++i) std::this_thread::sleep_for(20ms);
    EXPECT_EQ(round.alive(), 0) << "items are kept that nobody waits for";
  }
}

}  // namespace
}  // namespace mien
