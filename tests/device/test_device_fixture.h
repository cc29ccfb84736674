// The parts that the tests of the test device share: ONNX Runtime with the device in it, and models of a few nodes.
#ifndef MIEN_TESTS_DEVICE_TEST_DEVICE_FIXTURE_H_
#define MIEN_TESTS_DEVICE_TEST_DEVICE_FIXTURE_H_

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#define ORT_API_MANUAL_INIT
#include <onnxruntime_cxx_api.h>
#include <onnxruntime_session_options_config_keys.h>

#include "device/test_device/test_device.h"
#include "support/contains.h"

namespace mien::test_device {

using test::contains;

inline constexpr const char* kRegistration = "mien-test";
inline constexpr const char* kEpName = "MienTestExecutionProvider";

inline std::function<decltype(mien_test_device_set)> device_set;
inline std::function<decltype(mien_test_device_get)> device_get;
inline std::function<decltype(mien_test_device_reset)> device_reset;

inline void load_libraries() {
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

inline Ort::MemoryInfo host_memory() { return Ort::MemoryInfo::CreateCpu(OrtDeviceAllocator, OrtMemTypeDefault); }

template <typename T>
Ort::Value host_tensor(std::vector<T>* data, const std::vector<std::int64_t>& shape) {
  return Ort::Value::CreateTensor<T>(host_memory(), data->data(), data->size(), shape.data(), shape.size());
}

inline Ort::ValueInfo value_info(const std::string& name, ONNXTensorElementDataType type,
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

}  // namespace mien::test_device

#endif  // MIEN_TESTS_DEVICE_TEST_DEVICE_FIXTURE_H_
