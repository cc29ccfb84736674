// The faults of the test device when it is told to have them.
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <string>
#include <vector>

#include "device/test_device_fixture.h"

namespace mien::test_device {
namespace {

// "" when nothing is thrown.
std::string error_of(const std::function<void()>& function) {
  try {
    function();
    return "";
  } catch (const Ort::Exception& error) {
    return error.what();
  }
}

TEST_F(TestDevice, FailsToStart) {
  device_set("init_error", 1);
  EXPECT_TRUE(contains(error_of([&] { session(add_model<float>()); }), "test device: initialisation failed"));
}

TEST_F(TestDevice, RunsOutOfMemory) {
  Ort::Session add = session(add_model<float>());
  device_set("memory_bytes", device_get("held_bytes") + 100);
  EXPECT_EQ(run_error(&add), "");
  EXPECT_TRUE(contains(error_of([&] { run_add<float>(&add, 100); }), "test device: out of memory"));
  // ONNX Runtime does not look at what the allocator returns: whoever makes a tensor has to.
  EXPECT_EQ(device_tensor({100, 3}).GetTensorRawData(), nullptr);
  EXPECT_EQ(run_error(&add), "") << "it goes on working";
  device_set("memory_bytes", 1);
  EXPECT_TRUE(contains(error_of([&] { session(add_model<float>()); }), "test device: out of memory")) << "the weight";
}

TEST_F(TestDevice, FailsWhenTold) {
  Ort::Session add = session(add_model<float>());
  EXPECT_EQ(run_error(&add), "");
  device_set("fail_at", 2);
  device_set("fail_count", 2);
  EXPECT_EQ(run_error(&add), "");
  EXPECT_TRUE(contains(run_error(&add), "test device: call failed"));
  EXPECT_TRUE(contains(run_error(&add), "test device: call failed"));
  EXPECT_EQ(run_error(&add), "");
  device_set("oom_at", 1);
  EXPECT_TRUE(contains(run_error(&add), "out of memory"));
  EXPECT_EQ(run_error(&add), "");
}

TEST_F(TestDevice, ReturnsNonsenseWhenTold) {
  Ort::Session add = session(add_model<float>());
  device_set("nan_at", 1);
  for (const float number : run_add<float>(&add, 2)) EXPECT_TRUE(std::isnan(number));
  for (const float number : run_add<float>(&add, 2)) EXPECT_FALSE(std::isnan(number));
  device_set("wrong_shape_at", 1);
  std::vector<std::int64_t> shape;
  run_add<float>(&add, 2, &shape);
  EXPECT_EQ(shape, (std::vector<std::int64_t>{3, 3}));
  run_add<float>(&add, 2, &shape);
  EXPECT_EQ(shape, (std::vector<std::int64_t>{2, 3}));
}

TEST_F(TestDevice, LosesTheDeviceForAWhile) {
  Ort::Session add = session(add_model<float>());
  std::vector<float> data(3);
  Ort::Value there = device_tensor({1, 3});
  Ort::IoBinding binding(add);
  binding.BindInput("x", there);
  binding.BindOutput("y", memory());
  device_set("lost_at", 1);
  device_set("lost_count", 2);
  copy(host_tensor(&data, {1, 3}), &there);
  EXPECT_THROW(add.Run(Ort::RunOptions(), binding), Ort::Exception);
  EXPECT_THROW(copy(host_tensor(&data, {1, 3}), &there), Ort::Exception);
  EXPECT_TRUE(contains(run_error(&add), "test device: device lost")) << "its copy fails";
  EXPECT_THROW(add.Run(Ort::RunOptions(), binding), Ort::Exception);
  copy(host_tensor(&data, {1, 3}), &there);
  EXPECT_EQ(run_error(&add), "");
}

TEST_F(TestDevice, HangsUntilReleased) {
  Ort::Session add = session(add_model<float>());
  device_set("hang_at", 1);
  std::future<std::string> result = std::async(std::launch::async, [&] { return run_error(&add); });
  EXPECT_EQ(result.wait_for(std::chrono::milliseconds(100)), std::future_status::timeout);
  EXPECT_EQ(run_error(&add), "") << "only that call hangs";
  device_set("release", 1);
  EXPECT_EQ(result.get(), "");
  device_set("release", 0);
  device_set("hang_ms", 10);
  device_set("hang_at", 1);
  EXPECT_EQ(run_error(&add), "");
}

TEST_F(TestDevice, TakesItsTime) {
  using Clock = std::chrono::steady_clock;
  device_set("compile_ms", 50);
  const Clock::time_point start = Clock::now();
  Ort::Session add = session(add_model<float>());
  EXPECT_GE(Clock::now() - start, std::chrono::milliseconds(50));
  device_set("slow_us", 20000);
  const Clock::time_point run_start = Clock::now();
  EXPECT_EQ(run_error(&add), "");
  EXPECT_GE(Clock::now() - run_start, std::chrono::milliseconds(20));
}

TEST_F(TestDevice, FailsByChanceTheSameWayForASeed) {
  Ort::Session add = session(add_model<float>());
  const auto pattern = [&](std::int64_t seed) {
    device_set("random_fault_permille", 300);
    device_set("random_seed", seed);
    std::string kinds;
    for (int i = 0; i < 60; ++i) {
      try {
        kinds += std::isnan(run_add<float>(&add, 1)[0]) ? 'n' : '.';
      } catch (const Ort::Exception& error) {
        kinds += contains(error.what(), "out of memory") ? 'o' : 'f';
      }
    }
    return kinds;
  };
  const std::string first = pattern(7);
  EXPECT_EQ(pattern(7), first);
  EXPECT_NE(pattern(8), first);
  for (const char kind : {'f', 'o', 'n', '.'}) EXPECT_TRUE(contains(first, std::string(1, kind))) << first;
}

TEST_F(TestDevice, RunsOutOfMemoryForAnOutput) {
  Ort::Session add = session(add_model<float>());
  std::vector<float> data(6);
  Ort::Value input = device_tensor({2, 3});
  copy(host_tensor(&data, {2, 3}), &input);
  Ort::IoBinding binding(add);
  binding.BindInput("x", input);
  binding.BindOutput("y", memory());
  device_set("memory_bytes", device_get("held_bytes"));
  EXPECT_TRUE(contains(error_of([&] { add.Run(Ort::RunOptions(), binding); }), "test device: out of memory"));
  device_reset();
  EXPECT_EQ(error_of([&] { add.Run(Ort::RunOptions(), binding); }), "");
}

using TestDeviceDeathTest = TestDevice;

TEST_F(TestDeviceDeathTest, DoesNotOutliveItsRegistration) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        Ort::Value value = device_tensor({2, 3});
        env().UnregisterExecutionProviderLibrary(kRegistration);
      },
      "unregistered while there were 0 sessions and 24 bytes");
}

// Run by the next test, as the environment is read once in a process.
TEST(TestDeviceEnvironment, DISABLED_IsRead) {
  load_libraries();
  EXPECT_EQ(device_get("devices"), 2);
  EXPECT_EQ(device_get("fail_at"), 3);
  EXPECT_EQ(device_get("fail_count"), 4);
}

TEST(TestDeviceEnvironment, SetsControls) {
  const std::string self = std::filesystem::read_symlink("/proc/self/exe");
  const auto run_with = [&](const std::string& faults) {
    const std::string command = "MIEN_TEST_DEVICE_FAULTS='" + faults + "' '" + self +
                                "' --gtest_also_run_disabled_tests --gtest_filter=TestDeviceEnvironment.DISABLED_* "
                                "> /dev/null 2>&1";
    return std::system(command.c_str());
  };
  EXPECT_EQ(run_with("devices=2,fail_count=4,fail_at=3"), 0);
  EXPECT_NE(run_with("devices=2"), 0);
  EXPECT_NE(run_with("devices=2,fail_count=4,fail_at=3,no_such_name=1"), 0);
  EXPECT_NE(run_with("devices=2,fail_count=4,fail_at=x"), 0);
}

}  // namespace
}  // namespace mien::test_device
