// What nobody should ask of a device, and devices that go away in the middle of what many threads ask: each image has
// one result, which is the CPU's.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "image/encode.h"
#include "mien/log.h"
#include "support/device_scene.h"
#include "support/pictures.h"
#include "support/test_device.h"

namespace mien {
namespace {

using namespace std::chrono_literals;
using test::ByteVector;
using Results = std::vector<Result<Analysis>>;

class BadInputOfADevice : public testing::Test {
 protected:
  // The operations with models alone.
  static Settings settings_of(GpuMode mode) {
    Settings settings = test::device_settings(GpuMode::off);
    settings.operation_gpu[index_of(Operation::face_detection)] = mode;
    settings.operation_gpu[index_of(Operation::face_embedding)] = mode;
    return settings;
  }

  Results on_cpu(const std::vector<ByteVector>& pictures) const {
    const Engine engine(files_.options(test::plain_settings()));
    return test::analyze_all(engine, pictures, {});
  }

  // Each thread analyses all pictures, one call for each. Returns what each got.
  static std::vector<Results> analyze_from_threads(const Engine& engine, std::size_t threads,
                                                   const std::vector<ByteVector>& pictures) {
    std::vector<Results> found(threads);
    std::vector<std::jthread> workers;
    for (Results& results : found) {
      workers.emplace_back([&] {
        for (const ByteVector& picture : pictures) results.push_back(engine.analyze(picture, {}));
      });
    }
    workers.clear();
    return found;
  }

  test::TestDevice device_;
  test::TinyEngineFiles files_;
  std::vector<ByteVector> pictures_ = test::make_device_pictures(4);
};

TEST_F(BadInputOfADevice, BatchesOfOneAndOf4096) {
  const Results expected = on_cpu(pictures_);
  for (const int batch : {1, 4096}) {
    SCOPED_TRACE("batch " + std::to_string(batch));
    Settings settings = settings_of(GpuMode::require);
    settings.gpu_batch_size = batch;
    device_.set("model_runs", 0);
    device_.set("model_images", 0);
    const Engine engine(files_.options(settings));
    for (const Results& found : analyze_from_threads(engine, 4, pictures_)) test::expect_equal(found, expected, {});
    const std::int64_t runs = device_.get("model_runs");
    const std::int64_t images = device_.get("model_images");
    EXPECT_GT(runs, 0);
    if (batch == 1) {
      EXPECT_EQ(images, runs) << "batches of more than one";
    } else {
      EXPECT_LE(images, runs * 32) << "no canvas is planned for more than 32";
    }
  }
}

// Stripes are cut into tiles, whose shapes are small.
TEST_F(BadInputOfADevice, ThirtyTwoThreadsWithStripes) {
  constexpr std::size_t kThreads = 32;
  const std::vector<ByteVector> stripes = {encode_jpeg(test::make_noise(50'000, 20, 3, 5), 80)};
  const Results expected = on_cpu(stripes);
  ASSERT_TRUE(expected.front()) << expected.front().error().message;
  ASSERT_EQ(expected.front()->width, 50'000);
  for (const GpuMode mode : {GpuMode::on, GpuMode::require}) {
    const Engine engine(files_.options(settings_of(mode)));
    for (const Results& found : analyze_from_threads(engine, kThreads, stripes))
      test::expect_equal(found, expected, {});
  }
}

TEST_F(BadInputOfADevice, ACeilingTooSmallForOneCanvasIsSaidOnce) {
  const Results expected = on_cpu(pictures_);
  std::mutex mutex;
  std::vector<std::string> warnings;
  set_log_sink(
      [&](LogLevel level, std::string_view line) {
        const std::lock_guard lock(mutex);
        if (level == LogLevel::warning || level == LogLevel::error) warnings.emplace_back(line);
      },
      LogLevel::info);
  {
    Settings settings = settings_of(GpuMode::on);
    settings.gpu_memory_limit_gb = 0.004;  // 4 MB
    const Engine engine(files_.options(settings));
    for (int i = 0; i < 3; ++i) {
      for (const Results& found : analyze_from_threads(engine, 4, pictures_)) {
        test::expect_equal(found, expected, {});
        for (const Result<Analysis>& one : found) {
          EXPECT_EQ(test::find_placement(*one, "face_detection")->ran, "cpu");
        }
      }
      test::wait_until_prepared(engine);
    }
    EXPECT_LE(device_.get("peak_bytes"), 4 << 20);
  }
  set_log_sink({});
  ASSERT_FALSE(warnings.empty()) << "nobody is told";
  EXPECT_NE(warnings.front().find("GPU_MEMORY_LIMIT_GB"), std::string::npos) << warnings.front();
  const std::set<std::string> once(warnings.begin(), warnings.end());
  EXPECT_EQ(once.size(), warnings.size()) << "it is said again: " << warnings.back();
  EXPECT_LE(warnings.size(), 6U) << "more than once for each session";
}

// What it has of several threads is in work when it goes.
TEST_F(BadInputOfADevice, ADeviceThatVanishesUnderManyThreads) {
  const Results expected = on_cpu(pictures_);
  for (const GpuMode mode : {GpuMode::on, GpuMode::require}) {
    for (const int after_ms : {0, 20}) {
      SCOPED_TRACE((mode == GpuMode::on ? "on, after " : "require, after ") + std::to_string(after_ms) + " ms");
      const Engine engine(files_.options(settings_of(mode)));
      (void)test::analyze_all(engine, pictures_, {});
      test::wait_until_prepared(engine);
      device_.set("slow_us", 3000);
      std::jthread vanishing([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(after_ms));
        device_.set("lost_count", 1'000'000'000);
        device_.set("lost_at", 1);
      });
      const std::vector<Results> found = analyze_from_threads(engine, 8, pictures_);
      vanishing.join();
      for (const Results& results : found) {
        ASSERT_EQ(results.size(), expected.size());
        for (std::size_t i = 0; i < results.size(); ++i) {
          if (results[i] || mode == GpuMode::on) {
            test::expect_equal({results[i]}, {expected[i]}, {});
          } else {
            EXPECT_EQ(results[i].error().code, ErrorCode::unavailable) << results[i].error().message;
          }
        }
      }
      device_.set("lost_at", 0);
      device_.set("slow_us", 0);
    }
  }
}

// A plan meets the fault, or a run does that comes before all is planned.
TEST_F(BadInputOfADevice, FaultsWhileSessionsAreOpened) {
  const Results expected = on_cpu(pictures_);
  for (const char* const fault : {"fail", "oom", "nan", "wrong_shape"}) {
    for (const int at : {1, 4}) {
      SCOPED_TRACE(std::string(fault) + " at " + std::to_string(at));
      const Engine engine(files_.options(settings_of(GpuMode::on)));
      device_.set(std::string(fault) + "_at", at);
      test::expect_equal(test::analyze_all(engine, pictures_, {}), expected, {});
      test::wait_until_prepared(engine);
      test::expect_equal(test::analyze_all(engine, pictures_, {}), expected, {});
      device_.set(std::string(fault) + "_at", 0);
    }
  }
}

// Threads whose calls are stopped at any moment, while batches that they share fail at random.
TEST(RandomFaults, LoseNoImageOfManyThreads) {
  constexpr std::size_t kThreads = 8, kCalls = 10;
  test::TestDevice device;
  const test::TinyEngineFiles files;
  const std::vector<ByteVector> pictures = test::make_device_pictures(6);
  const Engine processor(files.options(test::plain_settings()));
  const Results expected = test::analyze_all(processor, pictures, {});
  const Engine engine(files.options(test::device_settings()));
  (void)test::analyze_all(engine, pictures, {});
  test::wait_until_prepared(engine);
  device.set("random_seed", 5);
  device.set("random_fault_permille", 40);
  std::atomic<std::size_t> ended{0}, stopped{0};
  std::vector<std::jthread> threads;
  for (std::size_t thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      std::mt19937 random(static_cast<std::uint32_t>(thread));
      Workspace workspace;
      for (std::size_t call = 0; call < kCalls; ++call) {
        std::vector<Bytes> images;
        std::vector<std::size_t> which;
        for (std::size_t i = 0; i < 1 + call % 5; ++i) {
          which.push_back(random() % pictures.size());
          images.emplace_back(pictures[which.back()]);
        }
        std::stop_source source;
        std::jthread stopping;
        if (random() % 3 == 0) {
          stopping = std::jthread([source, delay = random() % 20]() mutable {
            std::this_thread::sleep_for(std::chrono::milliseconds(delay));
            source.request_stop();
          });
        }
        const Results found = engine.analyze_batch(images, {.stop = source.get_token()}, workspace);
        ASSERT_EQ(found.size(), images.size());
        for (std::size_t i = 0; i < found.size(); ++i) {
          ++ended;
          if (found[i]) {
            test::expect_equal({found[i]}, {expected[which[i]]}, {});
            continue;
          }
          ++stopped;
          EXPECT_EQ(found[i].error().code, ErrorCode::cancelled) << found[i].error().message;
          EXPECT_TRUE(source.stop_requested());
        }
      }
    });
  }
  threads.clear();
  EXPECT_EQ(ended, kThreads * kCalls * 3);
  EXPECT_GT(stopped, 0U);
  EXPECT_LT(stopped, ended / 2);
}

}  // namespace
}  // namespace mien
