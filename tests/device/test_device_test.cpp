// The test device itself, through the interface of ONNX Runtime: what the tests of mien's own device code rely on.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "device/test_device_fixture.h"

namespace mien::test_device {
namespace {

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

TEST_F(TestDevice, CountsLargeBlocksThatItGivesAgain) {
  constexpr std::int64_t kRows = 1 << 18;
  constexpr std::int64_t kBytes = kRows * 3 * 4;
  for (int i = 0; i < 3; ++i) {
    Ort::Value first = device_tensor({kRows, 3});
    Ort::Value second = device_tensor({kRows, 3});
    EXPECT_NE(first.GetTensorRawData(), second.GetTensorRawData());
    EXPECT_EQ(device_get("held_bytes"), 2 * kBytes);
  }
  EXPECT_EQ(device_get("held_bytes"), 0);
  EXPECT_EQ(device_get("peak_bytes"), 2 * kBytes);
  device_set("memory_bytes", kBytes);
  Ort::Value only = device_tensor({kRows, 3});
  EXPECT_EQ(device_tensor({kRows, 3}).GetTensorRawData(), nullptr) << "a block that is kept is no memory to spare";
}

TEST_F(TestDevice, ComputesTheSameWithoutAnArena) {
  device_set("arena", 0);
  Ort::Session add = session(add_model<float>());
  EXPECT_EQ(run_add<float>(&add, 2), (std::vector<float>{1, 3, 5, 4, 6, 8}));
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

// A message of protobuf, field by field; the numbers in it are below 128.
std::string field(int number, const std::string& bytes) {
  return std::string(1, static_cast<char>(number << 3 | 2)) + static_cast<char>(bytes.size()) + bytes;
}

std::string field(int number, int value) {
  std::string key(1, static_cast<char>(number << 3));
  if (number > 15) key = {static_cast<char>((number << 3 & 127) | 128), static_cast<char>(number >> 4)};
  return key + static_cast<char>(value);
}

std::string field(int number, const char* text) { return field(number, std::string(text)); }

// No other interface makes an attribute that is a tensor.
TEST_F(TestDevice, TakesAnAttributeThatIsATensor) {
  const std::string two_and_a_half("\0\0\x20\x40", 4);
  const std::string tensor = field(1, 1) + field(2, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT) + field(9, two_and_a_half);
  const std::string attribute = field(1, "value") + field(5, tensor) + field(20, 4);
  const std::string shape = field(2, field(1, field(2, "rows")) + field(1, field(1, 3)));
  const std::string type = field(2, field(1, field(1, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT) + shape));
  const std::string nodes = field(1, field(1, "x") + field(2, "s") + field(4, "Shape")) +
                            field(1, field(1, "s") + field(2, "c") + field(4, "ConstantOfShape") + field(5, attribute));
  // The length of the graph is more than 127, so it has two bytes.
  const std::string graph = nodes + field(1, field(1, "x") + field(1, "c") + field(2, "y") + field(4, "Add")) +
                            field(2, "g") + field(11, field(1, "x") + type) + field(12, field(1, "y") + type);
  const std::string length = {static_cast<char>((graph.size() & 127) | 128), static_cast<char>(graph.size() >> 7)};
  const std::string bytes = field(1, 8) + std::string(1, 7 << 3 | 2) + length + graph + field(8, field(2, 17));
  Ort::Session session(env(), bytes.data(), bytes.size(), options());
  EXPECT_EQ(assigned(session), (std::vector<std::string>{std::string(kEpName) + ": Shape ConstantOfShape Add"}));
  EXPECT_EQ(run_add<float>(&session, 1), (std::vector<float>{2.5F, 3.5F, 4.5F}));
  EXPECT_EQ(run_add<float>(&session, 2).size(), 6U);
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
}  // namespace mien::test_device
