// The benchmark measures what it says it measures: two devices, each on its own, with the pictures and batches asked
// for. No time is compared with another.
#include "mien/tools/bench.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "measure/bench_case.h"
#include "measure/measure.h"
#include "support/device_scene.h"
#include "support/test_device.h"
#include "support/variable.h"

namespace mien {
namespace {

class BenchTest : public testing::Test {
 protected:
  BenchTest() {
    int number = 0;
    for (const test::ByteVector& picture : test::make_device_pictures(3)) {
      photos_.add(std::to_string(number++) + ".jpg", picture);
    }
  }
  BenchOptions options(const Settings& settings = test::device_settings()) const {
    BenchOptions result;
    result.sizes = {"small"};
    result.batches = {2};
    result.iterations = 1;
    result.images_dir = photos_.path();
    result.engine = files_.options(settings);
    return result;
  }

  test::TestDevice device_;
  test::TinyEngineFiles files_;
  test::ScratchFolder photos_;
};

TEST(Measure, Spread) {
  const Spread spread = spread_of({5, 1, 3, 2, 4});
  EXPECT_EQ(spread.mean, 3);
  EXPECT_EQ(spread.median, 3);
  EXPECT_DOUBLE_EQ(spread.std, std::sqrt(2.0));
  EXPECT_EQ(spread.min, 1);
  EXPECT_EQ(spread.max, 5);
  EXPECT_EQ(spread.p95, 5);
  EXPECT_EQ(spread_of({1, 2}).median, 1.5);
  EXPECT_EQ(spread_of({}).mean, 0);
  std::vector<double> hundred;
  for (int i = 1; i <= 100; ++i) hundred.push_back(i);
  EXPECT_EQ(spread_of(hundred).p95, 95);
}

TEST(Measure, Clocks) {
  EXPECT_GT(wall_ms(), 0);
  EXPECT_GT(clock_ms(CLOCK_PROCESS_CPUTIME_ID), 0);
  EXPECT_GT(resident_mb(), 1);
  EXPECT_GE(peak_memory_mb(), 1);
}

TEST(BenchCases, ThereIsOneForEachOperationAndOneForThumbnails) {
  std::vector<std::string> expected;
  for (const OperationRow& row : kOperations) expected.emplace_back(row.name);
  expected.emplace_back("thumbnail_creation");
  EXPECT_EQ(bench_operation_names(), expected);
}

TEST_F(BenchTest, RunsEachOperationOnBothDevices) {
  const BenchResult result = bench_matrix(options());
  ASSERT_EQ(result.rows.size(), 2 * bench_operation_names().size());
  for (const BenchRow& row : result.rows) {
    SCOPED_TRACE(row.operation + (row.gpu ? " gpu" : " cpu"));
    EXPECT_EQ(row.placement.ran, row.gpu ? "test" : "cpu") << row.placement.reason.value_or("");
    EXPECT_EQ(row.placement.requested, row.gpu ? "gpu" : "cpu");
    EXPECT_FALSE(row.fell_back());
    EXPECT_EQ(row.iterations, 1);
    EXPECT_EQ(row.images, 2);
    EXPECT_EQ(row.error_rate, 0) << row.error;
    EXPECT_GT(row.ms.median, 0);
    EXPECT_LE(row.ms.min, row.ms.median);
    EXPECT_LE(row.ms.median, row.ms.p95);
    EXPECT_EQ(row.width, 300);
    EXPECT_GT(row.peak_memory_mb, 0);
    EXPECT_EQ(row.gpu_memory_mb > 0, row.gpu);
  }
  EXPECT_EQ(result.photos, 3);
  EXPECT_NE(result.gpu.find("mien test device"), std::string::npos);
}

// The device computes for the rows of the GPU and for no others.
TEST_F(BenchTest, TheProcessorsRowsLeaveTheDeviceAlone) {
  BenchOptions only_cpu = options();
  only_cpu.gpu = false;
  (void)bench_matrix(only_cpu);
  EXPECT_EQ(device_.get("compute_calls"), 0);
  for (const std::string& name : bench_operation_names()) {
    BenchOptions one = options();
    one.cpu = false;
    one.operations = {name};
    const std::int64_t before = device_.get("compute_calls");
    const BenchResult result = bench_matrix(one);
    ASSERT_EQ(result.rows.size(), 1U);
    EXPECT_GT(device_.get("compute_calls"), before) << name;
    EXPECT_FALSE(result.comparisons.front().compared);
  }
}

TEST_F(BenchTest, ADeviceThatFailsIsNoGain) {
  device_.set("fail_at", 2);  // the first one proves the device
  device_.set("fail_count", 1'000'000);
  BenchOptions one = options();
  one.operations = {"quality_checks"};
  const BenchResult result = bench_matrix(one);
  const BenchRow& row = result.rows.front();
  EXPECT_TRUE(row.gpu);
  EXPECT_TRUE(row.fell_back());
  EXPECT_EQ(row.placement.ran, "cpu");
  EXPECT_TRUE(row.placement.reason);
  EXPECT_EQ(row.error_rate, 0);
  EXPECT_TRUE(result.comparisons.front().compared);
  EXPECT_FALSE(result.comparisons.front().use_gpu);
  EXPECT_EQ(result.comparisons.front().time_improvement_percent, 0);
}

TEST_F(BenchTest, WithoutADeviceTheRowsSayWhy) {
  device_.set("init_error", 1);
  BenchOptions one = options();
  one.operations = {"face_detection"};
  one.iterations = 0;
  one.seconds_max = 0.1;
  one.batches = {10};
  const BenchResult result = bench_matrix(one);
  const BenchRow& row = result.rows.front();
  EXPECT_TRUE(row.fell_back());
  EXPECT_LT(row.images, 10) << "the processor's work is not done twice";
  EXPECT_FALSE(result.gpu_reason.empty());
  EXPECT_TRUE(result.gpu.empty());
  EXPECT_NE(bench_to_html(result, "mien bench").find("No GPU was used"), std::string::npos);
}

TEST_F(BenchTest, ADeviceBatchHasALimit) {
  BenchOptions one = options();
  one.operations = {"quality_checks"};
  one.cpu = false;
  one.batches = {4};
  const auto calls = [&](int limit) {
    one.device_batch_max = limit;
    const std::int64_t before = device_.get("up_calls");
    (void)bench_matrix(one);
    return device_.get("up_calls") - before;
  };
  EXPECT_LT(calls(0), calls(1));
}

TEST_F(BenchTest, RefusesWhatItCannotDo) {
  const auto code_of = [&](auto change) {
    BenchOptions wrong = options();
    change(wrong);
    try {
      (void)bench_matrix(wrong);
    } catch (const Exception& error) {
      return error.error().code;
    }
    return ErrorCode::internal;
  };
  EXPECT_EQ(code_of([](BenchOptions& o) { o.operations = {"dreaming"}; }), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of([](BenchOptions& o) { o.sizes = {"huge"}; }), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of([](BenchOptions& o) { o.batches = {0}; }), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of([](BenchOptions& o) { o.cpu = o.gpu = false; }), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of([](BenchOptions& o) { o.images_dir = "/nonexistent"; }), ErrorCode::not_found);
  const test::ScratchFolder faceless;
  faceless.add("a.jpg", test::make_device_pictures(8)[7]);
  EXPECT_EQ(code_of([&](BenchOptions& o) { o.images_dir = faceless.path(); }), ErrorCode::not_found);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(code_of([&](BenchOptions& o) { o.stop = stop.get_token(); }), ErrorCode::cancelled);
}

TEST_F(BenchTest, OneBatchHasNoLevelOfItsOwnInTheJson) {
  BenchOptions one = options();
  one.operations = {"quality_checks"};
  nlohmann::json json = nlohmann::json::parse(bench_to_json(bench_matrix(one)));
  EXPECT_TRUE(json["benchmark_results"]["quality_checks"]["small"]["gpu_true"].contains("mean_time_ms"));
  one.batches = {1, 2};
  json = nlohmann::json::parse(bench_to_json(bench_matrix(one)));
  EXPECT_TRUE(json["benchmark_results"]["quality_checks"]["small"]["gpu_false"]["batch_2"].contains("mean_time_ms"));
}

TEST(ComposePicture, ShowsTheFaces) {
  BenchPhoto photo{test::make_flat(1000, 400, 3, 10), {880, 100, 980, 200}};
  test::paste(test::make_flat(100, 100, 3, 250), 880, 100, photo.pixels);
  const Image picture = compose_picture(photo, {300, 300});
  ASSERT_EQ(picture.width(), 300);
  ASSERT_EQ(picture.height(), 300);
  int bright = 0;
  for (int y = 0; y < 300; ++y) {
    for (int x = 0; x < 300; ++x) bright += picture.row(y)[3 * x] > 200 ? 1 : 0;
  }
  EXPECT_NEAR(bright, 75 * 75, 400);  // 400 pixels of height become 300
}

TEST_F(BenchTest, CasesOfOperationsRunOnBothDevices) {
  OpsBenchOptions ops;
  ops.iterations = 1;
  Settings settings = test::device_settings();
  settings.gpu_time_limit_s = 600;  // the largest case takes seconds on an idle CPU, and this one may be busy
  ops.engine = files_.options(settings);
  int on_cpu = 0, on_device = 0;
  for (const OpsBenchRow& row : bench_operations(ops)) {
    EXPECT_EQ(row.problem, "") << row.operation << ", " << row.name;
    EXPECT_EQ(row.iterations, 1);
    on_cpu += row.device == "cpu" ? 1 : 0;
    on_device += row.device == "test" ? 1 : 0;
  }
  EXPECT_GT(on_cpu, on_device);
  EXPECT_GE(on_device, 10);
  ops.operations = {"dreaming"};
  EXPECT_THROW((void)bench_operations(ops), Exception);
}

TEST_F(BenchTest, CasesWaitForADeviceThatCompilesBeside) {
  const test::Variable compiles("MIEN_TEST_DEVICE_COMPILES_SLOWLY", "1");
  OpsBenchOptions ops;
  ops.iterations = 1;
  ops.operations = {"quality_checks"};
  Settings settings = test::device_settings();
  settings.gpu_time_limit_s = 600;
  ops.engine = files_.options(settings);
  for (const OpsBenchRow& row : bench_operations(ops)) {
    EXPECT_EQ(row.problem, "") << row.device << ", " << row.name;
    EXPECT_EQ(row.iterations, 1);
  }
}

}  // namespace
}  // namespace mien
