// The ladder, the breakers and the lane over the test device: what becomes of a stage's items.
#include "device/gpu.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "device/onnx_weights.h"
#include "support/contains.h"
#include "support/freed_model.h"
#include "support/test_device.h"
#include "support/tiny_models.h"

namespace mien {
namespace {

using namespace std::chrono_literals;
using test::contains;

constexpr Operation kOperation = Operation::face_detection;

bool all_done(const DeviceRun& run) {
  return std::all_of(run.reasons.begin(), run.reasons.end(), [](const std::string& reason) { return reason.empty(); });
}

// Doubles numbers on the device, a batch at a time, and remembers what it gave.
class GpuDoubler {
 public:
  DeviceWork work() const {
    return [state = state_](Accelerator& device, std::size_t first, std::size_t count) {
      if (!state->session) state->session = device.create_session(make_graph());
      std::vector<float> values(count);
      for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<float>(first + i);
      const DeviceInput input = HostTensor{ElementType::f32, {static_cast<std::int64_t>(count)}, values.data()};
      const std::vector<DeviceOutput> outputs = state->session->run({&input, 1}, {});
      const std::span<const float> floats = outputs.front().values.floats();
      if (floats.size() != count) throw DeviceFailure("it gives another number of values");
      for (const float value : floats) {
        if (!std::isfinite(value)) throw DeviceFailure("it gives numbers that are none");
      }
      const std::lock_guard lock(state->mutex);
      for (std::size_t i = 0; i < count; ++i) state->doubled[first + i] = floats[i];
      state->batches.push_back(count);
    };
  }
  std::map<std::size_t, float> doubled() const {
    const std::lock_guard lock(state_->mutex);
    return state_->doubled;
  }
  std::vector<std::size_t> batches() const {
    const std::lock_guard lock(state_->mutex);
    return state_->batches;
  }
  void forget() {
    const std::lock_guard lock(state_->mutex);
    state_->doubled.clear();
    state_->batches.clear();
  }

 private:
  struct State {
    std::mutex mutex;
    std::unique_ptr<DeviceSession> session;  // of the lane's thread
    std::map<std::size_t, float> doubled;
    std::vector<std::size_t> batches;
  };
  static Graph make_graph() {
    GraphBuilder graph("double");
    const auto x = graph.input("x", ElementType::f32, {-1});
    graph.output("y", graph.add(x, x), ElementType::f32, {-1});
    return std::move(graph).build();
  }
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

class GpuTest : public testing::Test {
 protected:
  std::shared_ptr<Gpu> open(GpuMode mode = GpuMode::on, std::chrono::milliseconds answer = 60s) {
    GpuLimits limits;
    limits.answer = answer;
    limits.compile = 20s;
    // Time passes a second a look, so that a breaker that opens does not end the test.
    limits.now = [this] { return now_ + std::chrono::seconds(looks_ += time_passes_ ? 1 : 0); };
    return Gpu::open(test::device_settings(mode), *runtime_, limits);
  }
  DeviceRun run(Gpu& gpu, std::size_t count, std::size_t batch) {
    return gpu.run(kOperation, count, {.batch = batch, .shape = "double"}, doubler_.work());
  }
  static DeviceRun run_once(Gpu& gpu, const std::function<void(Accelerator&)>& work) {
    return gpu.run(kOperation, 1, {.shape = "once"},
                   [&](Accelerator& device, std::size_t /*first*/, std::size_t /*count*/) { work(device); });
  }

  test::TestDevice device_;
  std::unique_ptr<Runtime> runtime_ = open_onnxruntime(test::plain_settings());
  Breaker::TimePoint now_{};
  std::atomic<int> looks_{0};
  bool time_passes_ = false;
  GpuDoubler doubler_;
};

TEST_F(GpuTest, IsNotOpenedWhenNothingAsksForIt) {
  Settings settings = test::device_settings(GpuMode::off);
  EXPECT_EQ(Gpu::open(settings, *runtime_), nullptr);
}

TEST_F(GpuTest, RunsBatchesOnTheDevice) {
  const std::shared_ptr<Gpu> gpu = open();
  ASSERT_TRUE(gpu->is_usable()) << gpu->reason();
  EXPECT_EQ(gpu->backend(), "test");
  EXPECT_TRUE(contains(gpu->device()->name, "test device")) << gpu->device()->name;
  const DeviceRun result = run(*gpu, 10, 4);
  EXPECT_TRUE(all_done(result));
  EXPECT_EQ(doubler_.batches(), (std::vector<std::size_t>{4, 4, 2}));
  EXPECT_EQ(doubler_.doubled().at(9), 18.0F);
}

TEST_F(GpuTest, SaysWhyThereIsNone) {
  device_.set("init_error", 1);
  const std::shared_ptr<Gpu> gpu = open();
  ASSERT_FALSE(gpu->is_usable());
  EXPECT_TRUE(contains(gpu->reason(), "initialisation failed")) << gpu->reason();
  const DeviceRun result = run(*gpu, 3, 4);
  EXPECT_EQ(result.reasons, std::vector<std::string>(3, gpu->reason()));
  try {
    open(GpuMode::require);
    FAIL() << "a device that is required and not there was opened";
  } catch (const Exception& error) {
    EXPECT_EQ(error.error().code, ErrorCode::unavailable);
    EXPECT_TRUE(contains(error.what(), "face_detection requires a GPU")) << error.what();
    EXPECT_TRUE(contains(error.what(), "initialisation failed")) << error.what();
  }
}

TEST_F(GpuTest, SaysWhenTheLibraryIsMissing) {
  Settings settings = test::device_settings();
  settings.test_device = "/nonexistent/libdevice.so";
  const std::shared_ptr<Gpu> gpu = Gpu::open(settings, *runtime_);
  ASSERT_FALSE(gpu->is_usable());
  EXPECT_TRUE(contains(gpu->reason(), "/nonexistent/libdevice.so")) << gpu->reason();
}

TEST_F(GpuTest, HalvesTheBatchWhenMemoryIsShort) {
  const std::shared_ptr<Gpu> gpu = open();
  ASSERT_TRUE(all_done(run(*gpu, 8, 8)));
  doubler_.forget();
  device_.set("oom_count", 2);
  device_.set("oom_at", 1);
  EXPECT_TRUE(all_done(run(*gpu, 16, 8)));
  EXPECT_EQ(doubler_.batches(), (std::vector<std::size_t>{2, 2, 2, 2, 2, 2, 2, 2}));
  EXPECT_EQ(doubler_.doubled().size(), 16U);
}

TEST_F(GpuTest, WhatDoesNotFitAloneIsTheProcessors) {
  const std::shared_ptr<Gpu> gpu = open();
  device_.set("oom_count", 3);  // of 4, of 2, of 1
  device_.set("oom_at", 1);
  const DeviceRun result = run(*gpu, 4, 4);
  EXPECT_TRUE(contains(result.reasons[0], "out of memory")) << result.reasons[0];
  for (std::size_t i = 1; i < 4; ++i) EXPECT_EQ(result.reasons[i], "") << i;
  EXPECT_EQ(doubler_.doubled().size(), 3U);
}

TEST_F(GpuTest, AFailedBatchIsTheProcessorsAndTheNextOneGoesOn) {
  const std::shared_ptr<Gpu> gpu = open();
  device_.set("fail_at", 2);
  const DeviceRun result = run(*gpu, 6, 2);
  for (std::size_t i = 0; i < 6; ++i) {
    if (i == 2 || i == 3) {
      EXPECT_TRUE(contains(result.reasons[i], "call failed")) << result.reasons[i];
    } else {
      EXPECT_EQ(result.reasons[i], "") << i;
    }
  }
}

TEST_F(GpuTest, NotANumberAndAWrongShapeAreFailures) {
  const std::shared_ptr<Gpu> gpu = open();
  device_.set("nan_at", 1);
  EXPECT_TRUE(contains(run(*gpu, 1, 1).reasons[0], "numbers that are none"));
  device_.set("wrong_shape_at", 1);
  EXPECT_FALSE(all_done(run(*gpu, 1, 1)));
  EXPECT_TRUE(all_done(run(*gpu, 1, 1)));
}

TEST_F(GpuTest, PausesAfterThreeFailuresAndTriesAgain) {
  const std::shared_ptr<Gpu> gpu = open();
  ASSERT_TRUE(all_done(run(*gpu, 1, 1)));
  device_.set("fail_count", 4);
  device_.set("fail_at", 1);
  const std::int64_t before = device_.get("compute_calls");
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(contains(run(*gpu, 1, 1).reasons[0], "call failed"));
  EXPECT_EQ(device_.get("compute_calls"), before + 3);
  const std::string paused = run(*gpu, 1, 1).reasons[0];
  EXPECT_TRUE(contains(paused, "paused after 3 failures")) << paused;
  EXPECT_TRUE(contains(paused, "call failed")) << paused;
  EXPECT_EQ(device_.get("compute_calls"), before + 3) << "a paused device was asked";
  now_ += 1s;
  EXPECT_TRUE(contains(run(*gpu, 1, 1).reasons[0], "call failed"));  // the trial
  now_ += 1s;
  EXPECT_TRUE(contains(run(*gpu, 1, 1).reasons[0], "paused"));  // two seconds this time
  now_ += 1s;
  EXPECT_TRUE(all_done(run(*gpu, 1, 1)));
  EXPECT_TRUE(all_done(run(*gpu, 1, 1)));
}

TEST_F(GpuTest, ADeviceThatWasLostIsUsedAgainWhenItIsBack) {
  const std::shared_ptr<Gpu> gpu = open();
  ASSERT_TRUE(all_done(run(*gpu, 1, 1)));
  device_.set("lost_count", 1000);
  device_.set("lost_at", 1);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(contains(run(*gpu, 1, 1).reasons[0], "device lost"));
  EXPECT_TRUE(contains(run(*gpu, 1, 1).reasons[0], "paused after 3 failures, the last:"));
  device_.set("lost_at", 0);
  EXPECT_TRUE(contains(run(*gpu, 1, 1).reasons[0], "paused"));
  now_ += 1s;
  EXPECT_TRUE(all_done(run(*gpu, 1, 1)));
}

TEST_F(GpuTest, ADeviceThatHangsIsNeverAskedAgain) {
  const std::shared_ptr<Gpu> gpu = open(GpuMode::on, 300ms);
  ASSERT_TRUE(all_done(run(*gpu, 1, 1)));
  device_.set("hang_at", 1);
  EXPECT_TRUE(contains(run(*gpu, 1, 1).reasons[0], "no answer from the device in 0.3 s"));
  now_ += 1h;
  EXPECT_TRUE(contains(run(*gpu, 1, 1).reasons[0], "no answer"));
  device_.set("release", 1);
}

TEST_F(GpuTest, CountsBytesAsTheDeviceDoes) {
  const std::shared_ptr<Gpu> gpu = open();
  ASSERT_TRUE(all_done(run(*gpu, 1, 1)));
  device_.set("up_bytes", 0);
  device_.set("down_bytes", 0);
  const std::uint64_t up = gpu->counters()->up;
  const std::uint64_t down = gpu->counters()->down;
  ASSERT_TRUE(all_done(run(*gpu, 1000, 100)));
  EXPECT_EQ(gpu->counters()->up - up, 4000U);
  EXPECT_EQ(gpu->counters()->down - down, 4000U);
  EXPECT_EQ(device_.get("up_bytes"), 4000);
  EXPECT_EQ(device_.get("down_bytes"), 4000);
}

// Four callers, ten thousand batches, and a device that fails at every tenth call in one way or another.
TEST_F(GpuTest, TenThousandBatchesWithRandomFaultsLoseNothing) {
  constexpr std::size_t kCallers = 4, kRuns = 500, kItems = 20, kBatch = 4;
  time_passes_ = true;
  const std::shared_ptr<Gpu> gpu = open();
  ASSERT_TRUE(all_done(run(*gpu, kItems, kBatch)));
  device_.set("random_seed", 11);
  device_.set("random_fault_permille", 100);
  const std::int64_t held = device_.get("held_bytes");
  std::atomic<std::size_t> on_device{0}, on_cpu{0};
  {
    std::vector<std::jthread> callers;
    for (std::size_t caller = 0; caller < kCallers; ++caller) {
      callers.emplace_back([&] {
        GpuDoubler doubler;
        for (std::size_t i = 0; i < kRuns; ++i) {
          doubler.forget();
          const DeviceRun result = gpu->run(kOperation, kItems, {.batch = kBatch, .shape = "double"}, doubler.work());
          const std::map<std::size_t, float> doubled = doubler.doubled();
          std::size_t computed = 0;
          for (const std::size_t batch : doubler.batches()) computed += batch;
          std::size_t done = 0;
          for (std::size_t item = 0; item < kItems; ++item) {
            if (!result.reasons[item].empty()) continue;
            ++done;
            ASSERT_TRUE(doubled.contains(item)) << "item " << item << " is said to be done";
            ASSERT_EQ(doubled.at(item), static_cast<float>(2 * item));
          }
          ASSERT_EQ(doubled.size(), done) << "an item was done and left to the processor too";
          ASSERT_EQ(computed, done) << "an item was computed twice";
          on_device += done;
          on_cpu += kItems - done;
        }
        gpu->release(std::make_shared<GpuDoubler>(std::move(doubler)));
      });
    }
  }
  EXPECT_EQ(on_device + on_cpu, kCallers * kRuns * kItems);
  EXPECT_GT(on_device, 0U);
  EXPECT_GT(on_cpu, 0U);
  device_.set("random_fault_permille", 0);
  bool is_behind_what_was_released = false;
  for (int i = 0; i < 100 && !is_behind_what_was_released; ++i) {
    is_behind_what_was_released = all_done(run(*gpu, 1, 1));
  }
  EXPECT_TRUE(is_behind_what_was_released);
  EXPECT_LE(device_.get("held_bytes"), held + (1 << 16));
}

TEST_F(GpuTest, CopiesGoOnWhileTheDeviceComputes) {
  const std::shared_ptr<Gpu> gpu = open();
  ASSERT_TRUE(all_done(run(*gpu, 1, 1)));
  device_.set("hang_at", 1);
  std::thread computing([&] { EXPECT_TRUE(all_done(run(*gpu, 1, 1))); });
  const auto tensor = std::make_shared<DeviceTensor>();
  gpu->copy([tensor](Accelerator& device) {
    const std::vector<float> values = {1, 2, 3};
    *tensor = device.allocate(ElementType::f32, {3});
    device.upload({ElementType::f32, {3}, values.data()}, *tensor);
  });
  const auto came_down = std::make_shared<HostValues>();
  gpu->copy([tensor, came_down](Accelerator& device) { *came_down = device.download(*tensor); });
  EXPECT_EQ(came_down->floats()[2], 3.0F);
  device_.set("release", 1);
  computing.join();
  gpu->release(tensor);
}

TEST_F(GpuTest, WhatIsSetAsideForARunIsNotGivenToACopy) {
  Settings settings = test::device_settings();
  settings.gpu_memory_limit_gb = 0.01;
  const std::shared_ptr<Gpu> gpu = Gpu::open(settings, *runtime_);
  constexpr std::int64_t kMost = 8 << 20;
  const auto too_much = [](Accelerator& device) { (void)device.allocate(ElementType::u8, {kMost}); };
  EXPECT_NO_THROW(gpu->copy(too_much));
  const auto within = [&](Accelerator& device, std::size_t /*first*/, std::size_t /*count*/) {
    EXPECT_THROW(gpu->copy(too_much), OutOfDeviceMemory);
    EXPECT_NO_THROW(too_much(device)) << "the run may take what was set aside for it";
  };
  EXPECT_TRUE(all_done(gpu->run(kOperation, 1, {.fixed_bytes = 6 << 20, .shape = "memory"}, within)));
  EXPECT_NO_THROW(gpu->copy(too_much));
  EXPECT_LE(gpu->counters()->peak, gpu->memory_bytes_max());
}

TEST_F(GpuTest, ResidentTensorsPassFromSessionToSession) {
  const std::shared_ptr<Gpu> gpu = open();
  device_.set("up_bytes", 0);
  device_.set("down_bytes", 0);
  auto sum = std::make_shared<float>(0);
  const DeviceRun result = run_once(*gpu, [sum](Accelerator& device) {
    GraphBuilder graph("double");
    const auto x = graph.input("x", ElementType::f32, {-1});
    graph.output("y", graph.add(x, x), ElementType::f32, {-1});
    const std::unique_ptr<DeviceSession> session = device.create_session(std::move(graph).build());
    EXPECT_TRUE(session->assignment().is_complete());
    const std::vector<float> values(100, 1.0F);
    const DeviceTensor buffer = device.allocate(ElementType::f32, {128});
    device.upload({ElementType::f32, {100}, values.data()}, buffer);
    const DeviceInput part = DeviceTensor{buffer.memory, ElementType::f32, {100}};
    constexpr bool kOnDevice[] = {true};
    const std::vector<DeviceOutput> once = session->run({&part, 1}, kOnDevice);
    const DeviceInput again = once.front().on_device;
    const std::vector<DeviceOutput> twice = session->run({&again, 1}, kOnDevice);
    const HostValues down = device.download(twice.front().on_device);
    for (const float value : down.floats()) *sum += value;
  });
  EXPECT_EQ(result.reasons.front(), "");
  EXPECT_EQ(*sum, 400.0F);
  EXPECT_EQ(device_.get("up_bytes"), 400);
  EXPECT_EQ(device_.get("down_bytes"), 400);
}

// A session for each number of faces, and the weights once.
TEST_F(GpuTest, SessionsOfAModelShareItsWeights) {
  const std::vector<std::uint8_t> model = test::free_model(test::make_tiny_embedder({}), {.batch = true})->bytes;
  std::size_t shared = 0;
  const onnx::ModelProto parsed = parse_model(model).take();
  for (const OnnxWeight& weight : find_onnx_weights(parsed, 256)) shared += weight.values.size();
  ASSERT_GT(shared, model.size() / 2);
  const std::shared_ptr<Gpu> gpu = open();
  const DeviceRun result = run_once(*gpu, [&](Accelerator& device) {
    const std::vector<float> faces(std::size_t{8} * 3 * 112 * 112, 0.5F);
    device_.set("up_bytes", 0);
    const std::uint64_t held = device.counters().held;
    const std::unique_ptr<DeviceSession> session = device.create_session(model, "tiny.onnx");
    for (const std::int64_t count : {1, 2, 4, 8}) {
      const DeviceInput input = HostTensor{ElementType::f32, {count, 3, 112, 112}, faces.data()};
      EXPECT_EQ(session->run({&input, 1}, {}).front().values.shape, (Shape{count, test::kTinyDimension}));
    }
    const std::uint64_t images = std::uint64_t{15} * 3 * 112 * 112 * sizeof(float);
    const std::uint64_t weights = static_cast<std::uint64_t>(device_.get("up_bytes")) - images;
    EXPECT_EQ(device_.get("sessions"), 4);
    EXPECT_GE(weights, shared);
    EXPECT_LE(weights, shared + 4 * (model.size() - shared));
    EXPECT_LE(device.counters().held - held, 2 * shared + 4 * (model.size() - shared));
  });
  EXPECT_EQ(result.reasons.front(), "");
}

// Each has all weights where they cannot be shared: then there are fewer.
TEST_F(GpuTest, SessionsOfAModelLeaveRoomForWork) {
  const std::vector<std::uint8_t> model = test::free_model(test::make_tiny_embedder({}), {.batch = true})->bytes;
  Settings settings = test::device_settings();
  settings.gpu_memory_limit_gb = 16.0 * static_cast<double>(model.size()) / (1 << 30);
  const std::shared_ptr<Gpu> gpu = Gpu::open(settings, *runtime_, {.answer = 60s});
  const DeviceRun result = run_once(*gpu, [&](Accelerator& device) {
    const std::unique_ptr<DeviceSession> session = device.create_session(model, "tiny.onnx");
    const std::vector<float> faces(std::size_t{30} * 3 * 112 * 112, 0.5F);
    for (std::int64_t count = 1; count <= 30; ++count) {
      const DeviceInput input = HostTensor{ElementType::f32, {count, 3, 112, 112}, faces.data()};
      (void)session->run({&input, 1}, {});
    }
    EXPECT_LE(device.counters().held, std::uint64_t{6} * model.size());
  });
  EXPECT_EQ(result.reasons.front(), "");
}

}  // namespace
}  // namespace mien
