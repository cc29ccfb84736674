// The score from which on something is a face, told with each image: what an engine that was opened with it says,
// wherever the detector runs and whatever its neighbours in a batch were told.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <thread>

#include "mien/engine.h"
#include "support/device_scene.h"
#include "support/test_device.h"

namespace mien {
namespace {

constexpr float kThresholds[] = {0.3F, 0.5F, 0.75F, 0.9F};

Engine open_with(const test::TinyEngineFiles& files, std::optional<float> threshold, Precision precision) {
  EngineOptions options = files.options(test::plain_settings());
  options.det_threshold = threshold;
  options.precision = precision;
  return Engine(options);
}

std::size_t count_faces(const std::vector<Result<Analysis>>& results) {
  std::size_t faces = 0;
  for (const Result<Analysis>& result : results) faces += result->faces.size();
  return faces;
}

AnalyzeOptions with_threshold(float threshold) {
  AnalyzeOptions options;
  options.det_threshold = threshold;
  return options;
}

TEST(ThresholdTest, IsWhatAnEngineOpenedWithItSays) {
  const test::TinyEngineFiles files;
  const std::vector<test::ByteVector> pictures = test::make_device_pictures(4);
  for (const Precision precision : {Precision::exact, Precision::standard}) {
    const Engine engine = open_with(files, {}, precision);
    std::vector<std::size_t> faces;
    for (const float threshold : kThresholds) {
      SCOPED_TRACE(threshold);
      const Engine other = open_with(files, threshold, precision);
      const std::vector<Result<Analysis>> found = test::analyze_all(engine, pictures, with_threshold(threshold));
      test::expect_equal(found, test::analyze_all(other, pictures, {}), {.quality = 0, .embedding = 1e-6F});
      faces.push_back(count_faces(found));
    }
    EXPECT_GT(faces.front(), faces.back()) << "the thresholds tell nothing apart";
  }
}

TEST(ThresholdTest, RefusesWhatIsNoScore) {
  const test::TinyEngineFiles files;
  const Engine engine = open_with(files, {}, Precision::standard);
  const test::ByteVector picture = test::make_device_pictures(1).front();
  for (const float wrong : {-0.1F, 1.5F, std::numeric_limits<float>::quiet_NaN()}) {
    const Result<Analysis> result = engine.analyze(picture, with_threshold(wrong));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::invalid_argument);
    EXPECT_NE(result.error().message.find("0 to 1"), std::string::npos) << result.error().message;
  }
}

TEST(ThresholdTest, NeighboursInABatchMayHaveOthers) {
  const test::TestDevice device;
  const test::TinyEngineFiles files;
  const std::vector<test::ByteVector> pictures = test::make_device_pictures(4);
  const Engine cpu(files.options(test::plain_settings()));
  const Engine engine(files.options(test::device_settings(GpuMode::require)));
  std::vector<std::vector<Result<Analysis>>> found(std::size(kThresholds));
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < found.size(); ++i) {
      threads.emplace_back([&, i] { found[i] = test::analyze_all(engine, pictures, with_threshold(kThresholds[i])); });
    }
  }
  for (std::size_t i = 0; i < found.size(); ++i) {
    SCOPED_TRACE(kThresholds[i]);
    test::expect_equal(found[i], test::analyze_all(cpu, pictures, with_threshold(kThresholds[i])), {});
  }
  const std::vector<DeviceStatus> status = engine.device_status();
  ASSERT_EQ(status.size(), 1U);
  EXPECT_GT(status[0].batch_images, status[0].batches) << "no batch held several";
  EXPECT_GT(status[0].batches, 0);
}

TEST(DeviceStatusTest, TellsWhatTheDeviceHoldsAndWhatIsNotAskedOfIt) {
  test::TestDevice device;
  const test::TinyEngineFiles files;
  const std::vector<test::ByteVector> pictures = test::make_device_pictures(4);
  EXPECT_TRUE(Engine(files.options(test::plain_settings())).device_status().empty());
  const Engine engine(files.options(test::device_settings()));
  (void)test::analyze_all(engine, pictures, {});
  const DeviceStatus status = engine.device_status().at(0);
  EXPECT_EQ(status.device.backend, "test");
  EXPECT_GT(status.ceiling_bytes, 0);
  EXPECT_GT(status.held_bytes, 0);
  EXPECT_LE(status.held_bytes, status.ceiling_bytes);
  EXPECT_EQ(status.breaker_open, (std::array<bool, kOperationCount>{}));

  device.set("lost_count", 1'000'000);
  device.set("lost_at", 1);
  for (int i = 0; i < 4; ++i) (void)test::analyze_all(engine, pictures, test::everything(true));
  const DeviceStatus failed = engine.device_status().at(0);
  EXPECT_TRUE(std::find(failed.breaker_open.begin(), failed.breaker_open.end(), true) != failed.breaker_open.end());
}

}  // namespace
}  // namespace mien
