#include "models/bf16_weights.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <random>

#include "device/onnx_file.h"
#include "device/session.h"
#include "support/tiny_models.h"

namespace mien {
namespace {

bool is_bf16(float value) { return (std::bit_cast<std::uint32_t>(value) & 0xFFFF) == 0; }

float round_to_nearest(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  return std::bit_cast<float>((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000);
}

double sum_of(const std::vector<float>& values) {
  double sum = 0;
  for (const float value : values) sum += value;
  return sum;
}

TEST(Bf16Weights, KeepTheSumOfAKernel) {
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  double kept = 0;
  double nearest = 0;
  for (int round = 0; round < 200; ++round) {
    std::vector<float> values(round % 2 == 0 ? 9 : 64);
    for (float& value : values) value = normal(random);
    std::vector<float> rounded = values;
    round_keeping_sum(rounded.data(), rounded.size());
    std::vector<float> naive = values;
    for (float& value : naive) value = round_to_nearest(value);
    for (std::size_t i = 0; i < values.size(); ++i) {
      EXPECT_TRUE(is_bf16(rounded[i]));
      EXPECT_LT(std::abs(rounded[i] - values[i]), std::abs(values[i]) / 128);
    }
    kept += std::abs(sum_of(rounded) - sum_of(values));
    nearest += std::abs(sum_of(naive) - sum_of(values));
  }
  EXPECT_LT(kept, nearest / 5);
}

TEST(Bf16Weights, LeaveWhatIsExact) {
  std::vector<float> exact = {1.0F, -0.5F, 0.0F, 3.140625F};
  const std::vector<float> before = exact;
  round_keeping_sum(exact.data(), exact.size());
  EXPECT_EQ(exact, before);
  std::vector<float> infinite = {1.1F, INFINITY};
  round_keeping_sum(infinite.data(), infinite.size());
  EXPECT_EQ(infinite[0], 1.1F);
}

std::map<std::string, std::vector<float>> constants_of(const onnx::ModelProto& model) {
  std::map<std::string, std::vector<float>> constants;
  for (const onnx::TensorProto& tensor : model.graph().initializer()) {
    if (const auto values = read_floats(tensor)) constants[tensor.name()] = *values;
  }
  return constants;
}

std::vector<float> scores_of(const Runtime& runtime, const onnx::ModelProto& model) {
  std::vector<float> planes(std::size_t{3} * 64 * 64);
  for (std::size_t i = 0; i < planes.size(); ++i) planes[i] = std::sin(static_cast<float>(i % 977));
  const TensorView input{planes.data(), {1, 3, 64, 64}};
  const Outputs outputs = runtime.create_session(serialize(model), "tiny")->run({&input, 1});
  return {outputs[3].data, outputs[3].data + outputs[3].count()};
}

// Channels between two convolutions are scaled such that biases are exact, and those that end at an output are not.
TEST(Bf16Weights, BiasesBetweenConvolutionsBecomeExact) {
  const onnx::ModelProto model = parse_model(test::make_tiny_scrfd({.side = 0, .real_heads = true})).take();
  onnx::ModelProto prepared = model;
  ASSERT_TRUE(prepare_for_bf16(prepared));
  const auto before = constants_of(model);
  const auto after = constants_of(prepared);
  for (const char* name : {"t8_bias", "u8_bias", "t32_bias"}) {
    EXPECT_FALSE(is_bf16(before.at(name)[0])) << name;
    for (const float value : after.at(name)) EXPECT_TRUE(is_bf16(value)) << name;
  }
  EXPECT_EQ(after.at("kps_8_map_bias"), before.at("kps_8_map_bias"));
  for (const char* name : {"t8_weight", "u16_weight", "kps_8_map_weight"}) {
    for (const float value : after.at(name)) EXPECT_TRUE(is_bf16(value)) << name;
  }
  const std::unique_ptr<Runtime> runtime = open_onnxruntime(test::plain_settings());
  const std::vector<float> expected = scores_of(*runtime, model);
  const std::vector<float> got = scores_of(*runtime, prepared);
  ASSERT_EQ(got.size(), expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], 0.02) << i;
}

TEST(Bf16Weights, AModelWithInnerGraphsStaysAsItIs) {
  onnx::ModelProto model = parse_model(test::make_tiny_scrfd({.side = 0, .real_heads = true})).take();
  model.mutable_graph()->mutable_node(0)->add_attribute()->set_g("a graph");
  const std::vector<std::uint8_t> before = serialize(model);
  EXPECT_FALSE(prepare_for_bf16(model));
  EXPECT_EQ(serialize(model), before);
}

}  // namespace
}  // namespace mien
