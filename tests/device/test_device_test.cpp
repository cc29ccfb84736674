// The test device itself, through the interface of ONNX Runtime: what the tests of mien's own device code rely on.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <future>
#include <iterator>
#include <memory>
#include <mutex>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#define ORT_API_MANUAL_INIT
#include <onnxruntime_cxx_api.h>
#include <onnxruntime_session_options_config_keys.h>

#include "device/test_device/test_device.h"

namespace {

constexpr const char* kRegistration = "mien-test";
constexpr const char* kEpName = "MienTestExecutionProvider";

std::function<decltype(mien_test_device_set)> device_set;
std::function<decltype(mien_test_device_get)> device_get;
std::function<decltype(mien_test_device_reset)> device_reset;

void load_libraries() {
  static std::once_flag once;
  std::call_once(once, [] {
    void* runtime = dlopen(MIEN_TEST_DEPS "/onnxruntime/lib/libonnxruntime.so.1.31.1", RTLD_NOW | RTLD_LOCAL);
    ASSERT_NE(runtime, nullptr) << dlerror();
    const auto base = reinterpret_cast<decltype(&OrtGetApiBase)>(dlsym(runtime, "OrtGetApiBase"));
    Ort::InitApi(base()->GetApi(ORT_API_VERSION));
    void* device = dlopen(MIEN_TEST_DEVICE_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    ASSERT_NE(device, nullptr) << dlerror();
    device_set = reinterpret_cast<decltype(&mien_test_device_set)>(dlsym(device, "mien_test_device_set"));
    device_get = reinterpret_cast<decltype(&mien_test_device_get)>(dlsym(device, "mien_test_device_get"));
    device_reset = reinterpret_cast<decltype(&mien_test_device_reset)>(dlsym(device, "mien_test_device_reset"));
  });
}

template <typename T>
constexpr ONNXTensorElementDataType kType = Ort::TypeToTensorType<T>::type;

Ort::MemoryInfo host_memory() { return Ort::MemoryInfo::CreateCpu(OrtDeviceAllocator, OrtMemTypeDefault); }

template <typename T>
Ort::Value host_tensor(std::vector<T>* data, const std::vector<std::int64_t>& shape) {
  return Ort::Value::CreateTensor<T>(host_memory(), data->data(), data->size(), shape.data(), shape.size());
}

Ort::ValueInfo value_info(const std::string& name, ONNXTensorElementDataType type,
                          const std::vector<std::int64_t>& shape, const std::vector<std::string>& symbols) {
  const Ort::TensorTypeAndShapeInfo tensor(type, shape, &symbols);
  return Ort::ValueInfo(name, Ort::TypeInfo::CreateTensorInfo(tensor.GetConst()).GetConst());
}

// A graph with one input x and one output y of shape (rows, 3).
class ModelBuilder {
 public:
  explicit ModelBuilder(ONNXTensorElementDataType type) : type_(type) {}

  ModelBuilder& node(const std::string& op, const std::vector<std::string>& inputs, const std::string& output) {
    Ort::Node node(op, "", "node_" + output, inputs, {output});
    graph_.AddNode(node);
    return *this;
  }

  template <typename T>
  ModelBuilder& weight(const std::string& name, const std::vector<T>& data) {
    Ort::AllocatorWithDefaultOptions allocator;
    const std::int64_t shape[] = {static_cast<std::int64_t>(data.size())};
    Ort::Value value = Ort::Value::CreateTensor(allocator, shape, 1, kType<T>);
    std::memcpy(value.GetTensorMutableRawData(), data.data(), data.size() * sizeof(T));
    graph_.AddInitializer(name, value, false);
    return *this;
  }

  Ort::Model build() {
    std::vector<Ort::ValueInfo> inputs;
    inputs.push_back(value_info("x", type_, {-1, 3}, {"rows", ""}));
    std::vector<Ort::ValueInfo> outputs;
    outputs.push_back(value_info("y", type_, {-1, 3}, {"rows", ""}));
    graph_.SetInputs(inputs);
    graph_.SetOutputs(outputs);
    Ort::Model model({{"", 17}});
    model.AddGraph(graph_);
    return model;
  }

 private:
  ONNXTensorElementDataType type_;
  Ort::Graph graph_;
};

template <typename T>
Ort::Model add_model() {
  return ModelBuilder(kType<T>).weight<T>("w", {1, 2, 3}).node("Add", {"x", "w"}, "y").build();
}

class TestDevice : public ::testing::Test {
 protected:
  void SetUp() override {
    load_libraries();
    ASSERT_FALSE(HasFatalFailure());
    device_reset();
    held_before_ = device_get("held_bytes");
  }

  void TearDown() override {
    if (env_ != nullptr && registered_) env().UnregisterExecutionProviderLibrary(kRegistration);
    env_.reset();
    EXPECT_EQ(device_get("sessions"), 0);
    EXPECT_EQ(device_get("held_bytes"), held_before_);
  }

  // On first use, so that a test can say before what is offered.
  Ort::Env& env() {
    if (env_ == nullptr) {
      env_ = std::make_unique<Ort::Env>(ORT_LOGGING_LEVEL_FATAL, "test");
      env_->RegisterExecutionProviderLibrary(kRegistration, MIEN_TEST_DEVICE_LIBRARY);
      registered_ = true;
    }
    return *env_;
  }

  std::vector<Ort::ConstEpDevice> devices() {
    std::vector<Ort::ConstEpDevice> ours;
    for (const Ort::ConstEpDevice& device : env().GetEpDevices()) {
      if (std::string(device.EpName()) == kEpName) ours.push_back(device);
    }
    return ours;
  }

  Ort::SessionOptions options(std::size_t device = 0) {
    Ort::SessionOptions options;
    options.SetIntraOpNumThreads(1);
    options.AddConfigEntry(kOrtSessionOptionsRecordEpGraphAssignmentInfo, "1");
    options.AppendExecutionProvider_V2(env(), {devices().at(device)}, Ort::KeyValuePairs());
    return options;
  }

  Ort::Session session(const Ort::Model& model, std::size_t device = 0) {
    return Ort::Session(env(), model, options(device));
  }

  Ort::ConstMemoryInfo memory(std::size_t device = 0) {
    return devices().at(device).GetMemoryInfo(OrtDeviceMemoryType_DEFAULT);
  }

  // Allocated by the shared allocator of the device.
  Ort::Value device_tensor(const std::vector<std::int64_t>& shape, ONNXTensorElementDataType type = kType<float>,
                           std::size_t device = 0) {
    Ort::UnownedAllocator allocator = env().GetSharedAllocator(memory(device));
    return Ort::Value::CreateTensor(allocator, shape.data(), shape.size(), type);
  }

  void copy(const Ort::Value& from, Ort::Value* to) {
    const Ort::Status status = env().CopyTensor(from, *to, nullptr);
    if (!status.IsOK()) throw Ort::Exception(status.GetErrorMessage(), status.GetErrorCode());
  }

  template <typename T>
  std::vector<T> run_add(Ort::Session* session, std::int64_t rows, std::vector<std::int64_t>* shape = nullptr) {
    std::vector<T> data(static_cast<std::size_t>(rows * 3));
    for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<T>(i % 100);
    const Ort::Value input = host_tensor(&data, {rows, 3});
    const char* x = "x";
    const char* y = "y";
    const std::vector<Ort::Value> outputs = session->Run(Ort::RunOptions(), &x, &input, 1, &y, 1);
    const Ort::TensorTypeAndShapeInfo info = outputs.at(0).GetTensorTypeAndShapeInfo();
    if (shape != nullptr) *shape = info.GetShape();
    const T* begin = outputs.at(0).GetTensorData<T>();
    return std::vector<T>(begin, begin + info.GetElementCount());
  }

  // "" when it works.
  std::string run_error(Ort::Session* session) {
    try {
      run_add<float>(session, 2);
      return "";
    } catch (const Ort::Exception& error) {
      EXPECT_NE(std::string(error.what()), "");
      return error.what();
    }
  }

 private:
  std::unique_ptr<Ort::Env> env_;
  bool registered_ = false;
  std::int64_t held_before_ = 0;
};

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST_F(TestDevice, IsOffered) {
  const std::vector<Ort::ConstEpDevice> found = devices();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_STREQ(found[0].EpVendor(), "mien");
  EXPECT_STREQ(found[0].EpMetadata().GetValue("device_name"), "mien test device 0");
  EXPECT_EQ(memory().GetDeviceType(), OrtMemoryInfoDeviceType_GPU);
  EXPECT_EQ(memory().GetVendorId(), 0x7E57U);
}

TEST_F(TestDevice, IsOfferedAsOftenAsWanted) {
  ASSERT_EQ(device_set("devices", 3), 0);
  ASSERT_EQ(devices().size(), 3U);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(memory(static_cast<std::size_t>(i)).GetDeviceId(), i);
  Ort::Session on_last = session(add_model<float>(), 2);
  EXPECT_EQ(run_add<float>(&on_last, 1), (std::vector<float>{1, 3, 5}));
  EXPECT_EQ(on_last.GetMemoryInfoForInputs().at(0).GetDeviceId(), 2);
}

TEST_F(TestDevice, CanBeAbsent) {
  ASSERT_EQ(device_set("devices", 0), 0);
  EXPECT_TRUE(devices().empty());
}

TEST_F(TestDevice, KnowsItsNames) {
  EXPECT_EQ(device_set("no_such_name", 1), -1);
  EXPECT_EQ(device_get("no_such_name"), -1);
  EXPECT_EQ(device_set("held_bytes", 1), -1);
  EXPECT_EQ(device_set(nullptr, 1), -1);
  EXPECT_EQ(device_set("fail_at", 5), 0);
  EXPECT_EQ(device_get("fail_at"), 5);
  device_reset();
  EXPECT_EQ(device_get("fail_at"), 0);
  EXPECT_EQ(device_get("fail_count"), 1);
  EXPECT_EQ(device_get("memory_bytes"), std::int64_t{1} << 34);
}

template <typename T>
class TestDeviceTypes : public TestDevice {};
using Types = ::testing::Types<float, std::uint8_t, std::int32_t, std::int64_t>;
TYPED_TEST_SUITE(TestDeviceTypes, Types);

TYPED_TEST(TestDeviceTypes, Adds) {
  using T = TypeParam;
  Ort::Session session = this->session(add_model<T>());
  EXPECT_EQ(device_get("sessions"), 1);
  for (const std::int64_t rows : {1, 4, 2}) {
    std::vector<T> expected;
    for (std::int64_t i = 0; i < rows * 3; ++i) expected.push_back(static_cast<T>(i + i % 3 + 1));
    EXPECT_EQ(this->template run_add<T>(&session, rows), expected);
  }
  EXPECT_EQ(device_get("compute_calls"), 3);
}

TEST_F(TestDevice, TakesNoRowsAndBools) {
  Ort::Session add = session(add_model<float>());
  EXPECT_TRUE(run_add<float>(&add, 0).empty());
  Ort::Session negate = session(ModelBuilder(kType<bool>).node("Not", {"x"}, "y").build());
  bool data[] = {true, false, true};
  const std::int64_t shape[] = {1, 3};
  const Ort::Value input = Ort::Value::CreateTensor<bool>(host_memory(), data, 3, shape, 2);
  const char* x = "x";
  const char* y = "y";
  const std::vector<Ort::Value> outputs = negate.Run(Ort::RunOptions(), &x, &input, 1, &y, 1);
  EXPECT_FALSE(outputs.at(0).GetTensorData<bool>()[0]);
  EXPECT_TRUE(outputs.at(0).GetTensorData<bool>()[1]);
}

TEST_F(TestDevice, CountsWhatIsCopied) {
  Ort::Session add = session(add_model<float>());
  EXPECT_EQ(device_get("up_bytes"), 12) << "the weight";
  EXPECT_EQ(device_get("down_bytes"), 0);
  EXPECT_GE(device_get("held_bytes"), 12);
  device_set("up_bytes", 0);
  device_set("up_calls", 0);
  run_add<float>(&add, 4);
  EXPECT_EQ(device_get("up_bytes"), 48);
  EXPECT_EQ(device_get("up_calls"), 1);
  EXPECT_EQ(device_get("down_bytes"), 48);
  EXPECT_EQ(device_get("down_calls"), 1);
  EXPECT_GE(device_get("peak_bytes"), 12 + 48 + 48);
}

std::vector<std::string> assigned(const Ort::Session& session) {
  std::vector<std::string> groups;
  for (const Ort::ConstEpAssignedSubgraph& graph : session.GetEpGraphAssignmentInfo()) {
    std::string text = graph.GetEpName() + ":";
    for (const Ort::ConstEpAssignedNode& node : graph.GetNodes()) text += " " + node.GetOperatorType();
    groups.push_back(text);
  }
  return groups;
}

TEST_F(TestDevice, TakesAllNodesAtOnce) {
  Ort::Session add = session(
      ModelBuilder(kType<float>).node("Relu", {"x"}, "a").node("Sin", {"a"}, "b").node("Relu", {"b"}, "y").build());
  EXPECT_EQ(assigned(add), (std::vector<std::string>{std::string(kEpName) + ": Relu Sin Relu"}));
}

TEST_F(TestDevice, LeavesOperatorsThatItShallRefuse) {
  setenv("MIEN_TEST_DEVICE_REFUSE", "GridSample,Sin", 1);
  // The second sum needs the refused node and what is before it.
  Ort::Session mixed = session(ModelBuilder(kType<float>)
                                   .weight<float>("w", {1, 2, 3})
                                   .node("Add", {"x", "w"}, "a")
                                   .node("Sin", {"a"}, "b")
                                   .node("Add", {"a", "b"}, "y")
                                   .build());
  unsetenv("MIEN_TEST_DEVICE_REFUSE");
  std::vector<std::string> groups = assigned(mixed);
  std::sort(groups.begin(), groups.end());
  EXPECT_EQ(groups, (std::vector<std::string>{"CPUExecutionProvider: Sin", std::string(kEpName) + ": Add",
                                              std::string(kEpName) + ": Add"}));
  const std::vector<float> result = run_add<float>(&mixed, 1);
  for (std::size_t i = 0; i < 3; ++i) {
    const float a = static_cast<float>(2 * i + 1);
    EXPECT_NEAR(result[i], a + std::sin(a), 1e-6F);
  }
  EXPECT_EQ(device_get("compute_calls"), 2);
}

TEST_F(TestDevice, CopiesBothWaysAndIntoViews) {
  std::vector<float> data = {1, 2, 3, 4, 5, 6};
  Ort::Value buffer = device_tensor({4, 3});
  EXPECT_EQ(device_get("held_bytes"), 48);
  const std::int64_t shape[] = {2, 3};
  float* second_row = buffer.GetTensorMutableData<float>() + 3;
  Ort::Value view = Ort::Value::CreateTensor<float>(memory(), second_row, 6, shape, 2);
  copy(host_tensor(&data, {2, 3}), &view);
  EXPECT_EQ(device_get("up_bytes"), 24);
  Ort::Value other = device_tensor({2, 3});
  copy(view, &other);
  std::vector<float> back(6);
  Ort::Value result = host_tensor(&back, {2, 3});
  copy(other, &result);
  EXPECT_EQ(back, data);
  EXPECT_EQ(device_get("up_bytes"), 24);
  EXPECT_EQ(device_get("down_bytes"), 24);
  Ort::Value smaller = device_tensor({1, 3});
  EXPECT_THROW(copy(view, &smaller), Ort::Exception);
}

TEST_F(TestDevice, HandsOutputsFromSessionToSession) {
  Ort::Session first = session(add_model<float>());
  Ort::Session second = session(add_model<float>());
  std::vector<float> data = {0, 0, 0, 10, 10, 10};
  Ort::Value input = device_tensor({2, 3});
  copy(host_tensor(&data, {2, 3}), &input);
  device_set("up_bytes", 0);
  Ort::IoBinding binding(first);
  binding.BindInput("x", input);
  binding.BindOutput("y", memory());
  first.Run(Ort::RunOptions(), binding);
  binding.SynchronizeOutputs();
  std::vector<Ort::Value> middle = binding.GetOutputValues();
  EXPECT_EQ(middle.at(0).GetTensorMemoryInfo().GetDeviceType(), OrtMemoryInfoDeviceType_GPU);
  Ort::Value output = device_tensor({2, 3});
  Ort::IoBinding next(second);
  next.BindInput("x", middle.at(0));
  next.BindOutput("y", output);
  second.Run(Ort::RunOptions(), next);
  EXPECT_EQ(device_get("up_bytes") + device_get("down_bytes"), 0) << "nothing leaves the device";
  Ort::Value result = host_tensor(&data, {2, 3});
  copy(output, &result);
  EXPECT_EQ(data, (std::vector<float>{2, 4, 6, 12, 14, 16}));
  EXPECT_GE(device_get("sync_calls"), 1);
}

TEST_F(TestDevice, OffersItsSharedAllocator) {
  Ort::UnownedAllocator shared =
      env().CreateSharedAllocator(devices().at(0), OrtDeviceMemoryType_DEFAULT, OrtDeviceAllocator, nullptr);
  void* block = shared.Alloc(1000);
  EXPECT_EQ(device_get("held_bytes"), 1000);
  shared.Free(block);
  EXPECT_EQ(device_get("held_bytes"), 0);
  EXPECT_EQ(device_get("peak_bytes"), 1000);
}

TEST_F(TestDevice, FailsToStart) {
  device_set("init_error", 1);
  try {
    session(add_model<float>());
    ADD_FAILURE() << "it started";
  } catch (const Ort::Exception& error) {
    EXPECT_TRUE(contains(error.what(), "test device: initialisation failed")) << error.what();
  }
}

TEST_F(TestDevice, RunsOutOfMemory) {
  Ort::Session add = session(add_model<float>());
  device_set("memory_bytes", device_get("held_bytes") + 100);
  EXPECT_EQ(run_error(&add), "");
  try {
    run_add<float>(&add, 100);
    ADD_FAILURE() << "there was memory";
  } catch (const Ort::Exception& error) {
    std::printf("out of memory for an input: %s\n", error.what());
  }
  // ONNX Runtime does not look at what the allocator returns: whoever makes a tensor has to.
  EXPECT_EQ(device_tensor({100, 3}).GetTensorRawData(), nullptr);
  EXPECT_EQ(run_error(&add), "") << "it goes on working";
  device_set("memory_bytes", 1);
  try {
    session(add_model<float>());
    ADD_FAILURE() << "there was memory for the weight";
  } catch (const Ort::Exception& error) {
    std::printf("out of memory for a weight: %s\n", error.what());
  }
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

TEST_F(TestDevice, ComputesInSeveralThreads) {
  Ort::Session add = session(add_model<float>());
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (std::int64_t i = 0; i < 25; ++i) {
        const std::vector<float> result = run_add<float>(&add, t + 1 + i % 3);
        if (result.at(2) != 5) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(device_get("compute_calls"), 100);
}

// All outputs for an input of noise, whose open dimensions are 1 image and `side` pixels.
std::vector<std::vector<float>> run_net(Ort::Session* session, std::int64_t side) {
  std::vector<std::int64_t> shape = session->GetInputTypeInfo(0).GetTensorTypeAndShapeInfo().GetShape();
  std::size_t count = 1;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] <= 0) shape[i] = i == 0 ? 1 : side;
    count *= static_cast<std::size_t>(shape[i]);
  }
  std::vector<float> data(count);
  for (std::size_t i = 0; i < count; ++i) data[i] = std::sin(static_cast<float>(i % 10007));
  const Ort::Value input = host_tensor(&data, shape);
  const std::vector<std::string> input_names = session->GetInputNames();
  const std::vector<std::string> output_names = session->GetOutputNames();
  const char* input_name = input_names.at(0).c_str();
  std::vector<const char*> names;
  for (const std::string& name : output_names) names.push_back(name.c_str());
  std::vector<std::vector<float>> results;
  for (const Ort::Value& value : session->Run(Ort::RunOptions(), &input_name, &input, 1, names.data(), names.size())) {
    const float* begin = value.GetTensorData<float>();
    results.emplace_back(begin, begin + value.GetTensorTypeAndShapeInfo().GetElementCount());
  }
  return results;
}

class TestDeviceNets : public TestDevice, public ::testing::WithParamInterface<const char*> {};

TEST_P(TestDeviceNets, GiveWhatTheCpuGives) {
  const std::string path = std::string(MIEN_TEST_DEPS) + "/" + GetParam();
  Ort::SessionOptions plain;
  plain.SetIntraOpNumThreads(1);
  Ort::Session on_cpu(env(), path.c_str(), plain);
  Ort::Session on_device(env(), path.c_str(), options());
  const std::vector<std::string> groups = assigned(on_device);
  EXPECT_EQ(groups.size(), 1U);
  EXPECT_TRUE(groups.at(0).starts_with(kEpName));
  for (const std::int64_t side : {96, 64}) {
    const std::vector<std::vector<float>> expected = run_net(&on_cpu, side);
    const std::vector<std::vector<float>> results = run_net(&on_device, side);
    ASSERT_EQ(results.size(), expected.size());
    for (std::size_t i = 0; i < results.size(); ++i) {
      ASSERT_EQ(results[i].size(), expected[i].size());
      for (std::size_t k = 0; k < results[i].size(); ++k) {
        ASSERT_NEAR(results[i][k], expected[i][k], 1e-5F * std::max(1.0F, std::abs(expected[i][k])));
      }
    }
  }
  EXPECT_EQ(device_get("compute_calls"), 2);
}

INSTANTIATE_TEST_SUITE_P(All, TestDeviceNets,
                         ::testing::Values("models/centerface.onnx", "models/fr_feature.onnx",
                                           "test-models/scrfd_2.5g_static640.onnx"));

}  // namespace
