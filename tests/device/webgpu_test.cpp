// What WebGPU is taken for, on software Vulkan: it plans nothing by shape, and a real detector's masks hold there too.
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "device/gpu.h"
#include "models/load.h"
#include "models/mask.h"
#include "support/masked_batch.h"
#include "support/photos.h"
#include "support/real_gpu.h"
#include "support/tiny_models.h"

namespace mien {
namespace {

using Floats = std::vector<float>;

class WebGpu : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string missing = test::real_gpu_missing(); !missing.empty()) GTEST_SKIP() << missing;
    if (test::real_gpu_backend() != "webgpu") GTEST_SKIP() << "MIEN_TEST_BACKEND is another one";
    Settings settings = test::real_gpu_settings();
    settings.operation_gpu.fill(GpuMode::require);  // what has to be compiled is waited for
    runtime_ = open_onnxruntime(settings);
    try {
      gpu_ = Gpu::open(settings, *runtime_);
    } catch (const Exception& error) {
      GTEST_SKIP() << error.what();
    }
  }

  // As a device is given it.
  std::unique_ptr<Detector> load(const std::string& path) {
    ModelFile file;
    file.info.name = "detector.onnx";
    file.info.path = path;
    file.info.role = "detector";
    return load_detector(*runtime_, file, {.keep_model = true});
  }

  // On the device's thread. Fails the test where the device does.
  void run_there(const std::function<void(Accelerator&)>& work) {
    const DeviceRun run =
        gpu_->run(Operation::face_detection, 1, {.shape = "a test"},
                  [&](Accelerator& device, std::size_t /*first*/, std::size_t /*count*/) { work(device); });
    ASSERT_EQ(run.reasons.front(), "");
  }

  // Runs a model on the device; the session is opened at the first call.
  test::RunModel run_of(std::shared_ptr<const std::vector<std::uint8_t>> model) {
    const auto session = std::make_shared<std::shared_ptr<DeviceSession>>();
    sessions_.push_back(session);
    return [this, model = std::move(model), session](std::span<const TensorView> inputs) {
      std::vector<Floats> values;
      run_there([&](Accelerator& device) {
        if (!*session) *session = device.create_session(*model, "the model");
        std::vector<DeviceInput> tensors;
        for (const TensorView& input : inputs) {
          tensors.emplace_back(HostTensor{ElementType::f32, input.shape, input.data});
        }
        for (const DeviceOutput& output : (*session)->run(tensors, {})) {
          const std::span<const float> floats = output.values.floats();
          values.emplace_back(floats.begin(), floats.end());
        }
      });
      return values;
    };
  }

  void TearDown() override {
    for (const auto& session : sessions_) gpu_->release(std::move(*session));
  }

  std::unique_ptr<Runtime> runtime_;
  std::shared_ptr<Gpu> gpu_;
  std::vector<std::shared_ptr<std::shared_ptr<DeviceSession>>> sessions_;
};

// Its provider bears neither two threads nor being registered again: either ends the process.
TEST_F(WebGpu, TwoEnginesTakeTurns) {
  const test::ScratchFolder folder;
  const std::unique_ptr<Detector> detector = load(folder.add("tiny.onnx", test::make_tiny_scrfd({})));
  Settings settings = test::real_gpu_settings();
  settings.operation_gpu.fill(GpuMode::require);
  Gpu::open(settings, *runtime_);
  const std::shared_ptr<Gpu> other = Gpu::open(settings, *runtime_);
  const auto open_and_close = [&](Gpu& gpu) {
    for (int round = 0; round < 20; ++round) {
      const DeviceRun run = gpu.run(Operation::face_detection, 1, {.shape = "a test"},
                                    [&](Accelerator& device, std::size_t /*first*/, std::size_t /*count*/) {
                                      (void)device.create_session(*detector->model, "tiny.onnx");
                                    });
      EXPECT_EQ(run.reasons.front(), "");
    }
  };
  std::jthread beside([&] { open_and_close(*other); });
  open_and_close(*gpu_);
}

// Nothing is held for the second size that was not for the first, and nothing goes up but the images. On a backend that
// keeps a session for each shape both grow (GpuTest.SessionsOfAModelShareItsWeights).
TEST_F(WebGpu, ASecondSizeOpensNoSession) {
  const test::ScratchFolder folder;
  const std::unique_ptr<Detector> detector = load(folder.add("tiny.onnx", test::make_tiny_scrfd({})));
  run_there([&](Accelerator& device) {
    const std::unique_ptr<DeviceSession> session = device.create_session(*detector->model, "tiny.onnx");
    std::uint64_t held = 0;
    for (const Shape& shape : {Shape{1, 3, 64, 64}, Shape{1, 3, 96, 64}, Shape{2, 3, 64, 128}, Shape{1, 3, 64, 64}}) {
      const Floats pixels(TensorView{nullptr, shape}.count(), 0.5F);
      const DeviceInput input = HostTensor{ElementType::f32, shape, pixels.data()};
      const std::uint64_t up = device.counters().up;
      EXPECT_EQ(session->run({&input, 1}, {}).size(), 9U);
      EXPECT_EQ(device.counters().up - up, pixels.size() * sizeof(float)) << "weights go up again";
      if (held == 0) held = device.counters().held;
      EXPECT_EQ(device.counters().held, held) << "another session is held";
    }
    EXPECT_GT(held, 0U);
  });
}

// Two minutes on a GPU that is emulated.
using WebGpuSlow = WebGpu;

// Four rectangles of several sizes in one batch.
TEST_F(WebGpuSlow, AMixedBatchOfARealDetectorEqualsEachAlone) {
  const std::unique_ptr<Detector> detector = load(test::deps_path("test-models/scrfd_2.5g_static640.onnx"));
  const Result<MaskedModel> masked = mask_model(*detector->model);
  ASSERT_TRUE(masked) << masked.error().message;
  const auto alone = test::run_rectangles(run_of(detector->model), test::kScrfdFacts);
  const test::RunModel run = run_of(std::make_shared<const std::vector<std::uint8_t>>(masked->model));
  ASSERT_FALSE(HasFatalFailure());
  const float difference = test::largest_difference(alone, run, *masked, test::kScrfdFacts);
  RecordProperty("difference", std::to_string(difference));
  EXPECT_LE(difference, 1e-5F);
  EXPECT_GT(test::largest_difference(alone, run, *masked, test::kScrfdFacts, 1), 1e-2F) << "masks one cell too large";
}

}  // namespace
}  // namespace mien
