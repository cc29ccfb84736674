// The test device plans convolutions as CUDA's provider does, and says what it did.
#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include "device/test_device_fixture.h"
#include "support/photos.h"

namespace mien::test_device {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// A convolution of 1 x 1 for any number of images of any size.
Ort::Model convolution() {
  Ort::Graph graph;
  Ort::AllocatorWithDefaultOptions allocator;
  const std::int64_t shape[] = {1, 3, 1, 1};
  Ort::Value weight = Ort::Value::CreateTensor(allocator, shape, std::size(shape), kType<float>);
  std::fill_n(weight.GetTensorMutableData<float>(), 3, 1.0F);
  graph.AddInitializer("w", weight, false);
  Ort::Node node("Conv", "", "node_y", {"x", "w"}, {"y"});
  graph.AddNode(node);
  const std::vector<std::string> symbols = {"images", "", "height", "width"};
  std::vector<Ort::ValueInfo> inputs;
  inputs.push_back(value_info("x", kType<float>, {-1, 3, -1, -1}, symbols));
  std::vector<Ort::ValueInfo> outputs;
  outputs.push_back(value_info("y", kType<float>, {-1, 1, -1, -1}, symbols));
  graph.SetInputs(inputs);
  graph.SetOutputs(outputs);
  Ort::Model model({{"", 17}});
  model.AddGraph(graph);
  return model;
}

class TestDevicePlans : public TestDevice {
 protected:
  // Returns the time that it took.
  static Clock::duration run(Ort::Session* session, std::int64_t images, std::int64_t height, std::int64_t width) {
    std::vector<float> data(static_cast<std::size_t>(images * 3 * height * width));
    const Ort::Value input = host_tensor(&data, {images, 3, height, width});
    const char* x = "x";
    const char* y = "y";
    const Clock::time_point start = Clock::now();
    session->Run(Ort::RunOptions(), &x, &input, 1, &y, 1);
    return Clock::now() - start;
  }
};

TEST_F(TestDevicePlans, EachShapeThatIsNotTheLastOne) {
  Ort::Session first = session(convolution());
  device_set("plan_ms", 40);
  EXPECT_GE(run(&first, 1, 64, 64), milliseconds(40));
  run(&first, 1, 64, 64);
  EXPECT_EQ(device_get("plans"), 1);
  EXPECT_GE(run(&first, 1, 64, 96), milliseconds(40));
  EXPECT_GE(run(&first, 1, 64, 64), milliseconds(40)) << "nothing is kept of the shape before";
  EXPECT_GE(run(&first, 2, 64, 64), milliseconds(40)) << "the number of images is a part of the shape";
  EXPECT_EQ(device_get("plans"), 4);
  EXPECT_EQ(device_get("planned_shapes"), 3);
  Ort::Session second = session(convolution());
  run(&second, 1, 64, 64);
  EXPECT_EQ(device_get("plans"), 5) << "each session plans for itself";
  EXPECT_EQ(device_get("planned_shapes"), 3);
  EXPECT_EQ(device_get("sessions_opened"), 2);
}

TEST_F(TestDevicePlans, NothingWithoutAConvolution) {
  Ort::Session add = session(add_model<float>());
  device_set("plan_ms", 600000);
  device_set("item_us", 600000000);
  run_add<float>(&add, 2);
  run_add<float>(&add, 3);
  EXPECT_EQ(device_get("compute_calls"), 2);
  for (const char* name : {"plans", "planned_shapes", "model_runs", "model_images"}) EXPECT_EQ(device_get(name), 0);
}

TEST_F(TestDevicePlans, OneShapeSlowlyWhenTold) {
  Ort::Session model = session(convolution());
  device_set("plan_ms", 600000);
  device_set("slow_plan_ms", 30);
  device_set("slow_plan_height", 64);
  device_set("slow_plan_width", 96);
  EXPECT_GE(run(&model, 1, 64, 96), milliseconds(30));
  device_set("plan_ms", 0);
  device_set("slow_plan_ms", 600000);
  run(&model, 1, 96, 64);
  EXPECT_EQ(device_get("plans"), 2);
}

TEST_F(TestDevicePlans, TakesItsTimeForEachImage) {
  Ort::Session model = session(convolution());
  device_set("item_us", 10000);
  EXPECT_GE(run(&model, 3, 32, 32), milliseconds(30));
  EXPECT_GE(run(&model, 3, 32, 32), milliseconds(30));
  EXPECT_EQ(device_get("model_runs"), 2);
  EXPECT_EQ(device_get("model_images"), 6);
  EXPECT_GE(device_get("busy_us"), 60000);
  EXPECT_EQ(device_get("waiting_us"), 0);
  EXPECT_EQ(device_set("waiting_us", 7), 0);
  EXPECT_EQ(device_get("waiting_us"), 7);
}

TEST_F(TestDevicePlans, BesideOtherWorkUntilReset) {
  Ort::Session planned = session(convolution());
  Ort::Session add = session(add_model<float>());
  device_set("plan_ms", 600000);
  std::future<Clock::duration> result = std::async(std::launch::async, [&] { return run(&planned, 1, 64, 64); });
  while (device_get("plans") == 0) std::this_thread::sleep_for(milliseconds(1));
  EXPECT_EQ(run_error(&add), "") << "it holds no lock";
  EXPECT_EQ(result.wait_for(milliseconds(50)), std::future_status::timeout);
  device_reset();
  EXPECT_LT(result.get(), std::chrono::minutes(5));
}

// Run by the next test, because the environment is read once in a process.
TEST_F(TestDevicePlans, DISABLED_RunsTwice) {
  Ort::Session model = session(convolution());
  run(&model, 2, 64, 96);
  run(&model, 2, 64, 96);
  Ort::Session add = session(add_model<float>());
  run_add<float>(&add, 1);
  if (std::getenv("MIEN_TEST_KILLED") != nullptr) {
    std::this_thread::sleep_for(milliseconds(30));  // longer than the counters rest
    run(&model, 2, 64, 96);
    _exit(0);
  }
}

class TestDeviceFiles : public ::testing::Test {
 protected:
  int run_child(const std::string& variables) const {
    const std::string self = std::filesystem::read_symlink("/proc/self/exe");
    const std::string command = "MIEN_TEST_DEVICE_COUNTERS='" + counters_ + "' MIEN_TEST_DEVICE_TRACE='" + trace_ +
                                "' " + variables + " '" + self +
                                "' --gtest_also_run_disabled_tests --gtest_filter=TestDevicePlans.DISABLED_RunsTwice "
                                "> /dev/null 2>&1";
    return std::system(command.c_str());
  }

  nlohmann::json counters() const { return nlohmann::json::parse(std::ifstream(counters_)); }

  test::ScratchFolder folder_;
  std::string counters_ = folder_.path() + "/counters.json";
  std::string trace_ = folder_.path() + "/trace.jsonl";
};

TEST_F(TestDeviceFiles, HoldWhatAProgramDid) {
  ASSERT_EQ(run_child(""), 0);
  const nlohmann::json found = counters();
  EXPECT_EQ(found.at("model_runs"), 2);
  EXPECT_EQ(found.at("model_images"), 4);
  EXPECT_EQ(found.at("plans"), 1);
  EXPECT_EQ(found.at("sessions"), 0);
  EXPECT_GE(found.at("up_bytes"), 2 * 2 * 3 * 64 * 96 * 4);
  EXPECT_FALSE(found.contains("plan_ms")) << "no counter";
  std::ifstream trace(trace_);
  std::vector<nlohmann::json> lines;
  for (std::string line; std::getline(trace, line);) lines.push_back(nlohmann::json::parse(line));
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_EQ(lines[3].at("what"), "graph");
  EXPECT_EQ(lines[3].at("name"), "y");
  const std::vector<std::string> what = {"plan", "run", "run"};
  for (std::size_t i = 0; i < what.size(); ++i) {
    EXPECT_EQ(lines[i].at("what"), what[i]);
    EXPECT_EQ(lines[i].at("images"), 2);
    EXPECT_EQ(lines[i].at("height"), 64);
    EXPECT_EQ(lines[i].at("width"), 96);
  }
  EXPECT_EQ(lines[1].at("planned"), true);
  EXPECT_EQ(lines[2].at("planned"), false);
  const double end = lines[1].at("at_ms").get<double>() + lines[1].at("ms").get<double>();
  EXPECT_LE(lines[1].at("at_ms"), lines[0].at("at_ms"));
  EXPECT_LE(lines[0].at("at_ms"), end);
  EXPECT_LE(end, lines[2].at("at_ms"));
  const double now = std::chrono::duration<double, std::milli>(Clock::now().time_since_epoch()).count();
  EXPECT_NEAR(end, now, 60000) << "the same clock in all processes";
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.path()), {}), 2) << "nothing else is left";
}

TEST_F(TestDeviceFiles, OutliveAProcessThatIsKilled) {
  ASSERT_EQ(run_child("MIEN_TEST_KILLED=1"), 0);
  EXPECT_EQ(counters().at("model_runs"), 3);
}

TEST_F(TestDeviceFiles, TellOfAProgramWhoseDeviceHasItsOwnCpus) {
  cpu_set_t cpus;
  ASSERT_EQ(sched_getaffinity(0, sizeof cpus, &cpus), 0);
  int last = CPU_SETSIZE - 1;
  while (CPU_ISSET(last, &cpus) == 0) --last;
  EXPECT_EQ(run_child("MIEN_TEST_DEVICE_CPUS=" + std::to_string(last)), 0);
  EXPECT_EQ(counters().at("model_runs"), 2);
  EXPECT_NE(run_child("MIEN_TEST_DEVICE_CPUS=" + std::to_string(last) + ",x"), 0);
  EXPECT_NE(run_child("MIEN_TEST_DEVICE_CPUS="), 0);
}

TEST_F(TestDeviceFiles, AreWrittenOrTheProcessFails) {
  counters_ = folder_.path() + "/no/such/folder";
  EXPECT_NE(run_child(""), 0);
}

}  // namespace
}  // namespace mien::test_device
