#include "models/quantize.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "device/session.h"
#include "models/calibrate.h"
#include "models/equalize.h"
#include "models/split_heads.h"
#include "support/tiny_models.h"

namespace mien {
namespace {

constexpr std::int64_t kSide = 96;

std::vector<float> make_waves(std::size_t phase) {
  std::vector<float> planes(static_cast<std::size_t>(3 * kSide * kSide));
  for (std::size_t i = 0; i < planes.size(); ++i) planes[i] = std::sin(static_cast<float>(i % 977 + 40 * phase) / 40);
  return planes;
}

std::vector<std::vector<float>> run_model(const onnx::ModelProto& model, const std::vector<float>& planes) {
  const std::unique_ptr<Runtime> runtime = open_onnxruntime(test::plain_settings());
  const TensorView input{planes.data(), {1, 3, kSide, kSide}};
  const Outputs outputs = runtime->create_session(serialize(model), "model")->run({&input, 1});
  std::vector<std::vector<float>> values;
  for (const TensorView& output : outputs.tensors()) {
    values.emplace_back(output.data, output.data + output.count());
  }
  return values;
}

ValueRanges calibrate(const onnx::ModelProto& model) {
  const std::unique_ptr<Runtime> runtime = open_onnxruntime(test::plain_settings());
  ValueRanges ranges;
  const std::unique_ptr<Session> session =
      open_calibrating_session(*runtime, model, find_quantized_values(model.graph()), "model", ranges);
  EXPECT_EQ(session->outputs().size(), static_cast<std::size_t>(model.graph().output_size()));
  for (std::size_t phase = 0; phase < 4; ++phase) {
    const std::vector<float> planes = make_waves(phase);
    const TensorView input{planes.data(), {1, 3, kSide, kSide}};
    EXPECT_EQ(session->run({&input, 1}).size(), session->outputs().size());
  }
  return ranges;
}

// The largest difference, as a part of how far the values of that output lie apart.
double difference(const std::vector<std::vector<float>>& a, const std::vector<std::vector<float>>& b) {
  EXPECT_EQ(a.size(), b.size());
  double largest = 0;
  for (std::size_t i = 0; i < a.size() && i < b.size(); ++i) {
    EXPECT_EQ(a[i].size(), b[i].size());
    const auto [low, high] = std::minmax_element(a[i].begin(), a[i].end());
    for (std::size_t j = 0; j < a[i].size(); ++j) {
      largest = std::max(largest, std::abs(static_cast<double>(a[i][j]) - b[i][j]) / (*high - *low + 1e-6));
    }
  }
  return largest;
}

onnx::ModelProto tiny_detector() { return parse_model(test::make_tiny_scrfd({.side = 0, .real_heads = true})).take(); }

int count_nodes(const onnx::ModelProto& model, const std::string& kind) {
  const auto& nodes = model.graph().node();
  return static_cast<int>(
      std::count_if(nodes.begin(), nodes.end(), [&](const onnx::NodeProto& node) { return node.op_type() == kind; }));
}

onnx::NodeProto& find_node(onnx::ModelProto& model, const std::string& output) {
  for (onnx::NodeProto& node : *model.mutable_graph()->mutable_node()) {
    if (node.output(0) == output) return node;
  }
  throw Exception(ErrorCode::internal, "no node gives " + output);
}

TEST(Quantize, OutputsStayNearThoseInFloat) {
  onnx::ModelProto model = tiny_detector();
  const std::vector<float> planes = make_waves(2);
  const std::vector<std::vector<float>> before = run_model(model, planes);
  const ValueRanges ranges = calibrate(model);
  const Result<int> count = quantize_model(model, ranges);
  ASSERT_TRUE(count) << count.error().message;
  EXPECT_EQ(*count, 6) << "two before the heads, at three levels";
  EXPECT_EQ(count_nodes(model, "Relu"), 0) << "the offsets do the same";
  EXPECT_LT(difference(before, run_model(model, planes)), 0.03);
}

// Scaled channels give what they gave; here each has another range.
TEST(Quantize, EqualizedChannelsLeaveTheOutputs) {
  onnx::ModelProto model = tiny_detector();
  for (onnx::TensorProto& tensor : *model.mutable_graph()->mutable_initializer()) {
    if (tensor.name() != "t8_weight" && tensor.name() != "t8_bias") continue;
    std::vector<float> values = *read_floats(tensor);
    for (std::size_t i = values.size() / 3; i < values.size(); ++i)
      values[i] *= i * 3 < values.size() * 2 ? 0.2F : 0.1F;
    tensor.set_raw_data(values.data(), values.size() * sizeof(float));
  }
  const std::vector<float> planes = make_waves(2);
  const std::vector<std::vector<float>> before = run_model(model, planes);
  onnx::ModelProto plain = model;
  ASSERT_TRUE(quantize_model(plain, calibrate(plain)));
  EXPECT_EQ(equalize_channels(*model.mutable_graph(), calibrate(model)), 6) << "all that convolutions give and read";
  EXPECT_LT(difference(before, run_model(model, planes)), 1e-5);
  const ValueRanges ranges = calibrate(model);
  const std::vector<float>& tops = ranges.at("t8_relu").tops;
  EXPECT_NEAR(*std::min_element(tops.begin(), tops.end()), *std::max_element(tops.begin(), tops.end()), 1e-4);
  ASSERT_TRUE(quantize_model(model, ranges));
  EXPECT_LT(difference(before, run_model(model, planes)), difference(before, run_model(plain, planes)));
}

// Who reads a value beside convolutions would not divide by the factors.
TEST(Quantize, ChannelsThatOthersReadKeepTheirScale) {
  onnx::ModelProto model = tiny_detector();
  onnx::GraphProto& graph = *model.mutable_graph();
  onnx::NodeProto& reader = *graph.add_node();
  reader.set_op_type("Sigmoid");
  reader.add_input("t8_relu");
  reader.add_output("seen");
  graph.add_output()->set_name("seen");
  graph.mutable_output(graph.output_size() - 1)->mutable_type()->mutable_tensor_type()->set_elem_type(kOnnxFloat);
  const std::vector<float> planes = make_waves(2);
  const std::vector<std::vector<float>> before = run_model(model, planes);
  EXPECT_EQ(equalize_channels(graph, calibrate(model)), 5);
  EXPECT_LT(difference(before, run_model(model, planes)), 1e-5);
}

// What the comparison above is worth: with half of the range it fails.
TEST(Quantize, AWrongScaleIsSeen) {
  onnx::ModelProto model = tiny_detector();
  const std::vector<float> planes = make_waves(2);
  const std::vector<std::vector<float>> before = run_model(model, planes);
  ValueRanges ranges = calibrate(model);
  for (auto& [name, range] : ranges) range.low /= 2, range.high /= 2;
  ASSERT_TRUE(quantize_model(model, ranges));
  EXPECT_GT(difference(before, run_model(model, planes)), 0.1);
}

TEST(Quantize, HeadsStayInFloatAndCanBeCutOff) {
  onnx::ModelProto model = tiny_detector();
  onnx::ModelProto original = model;
  ASSERT_TRUE(quantize_model(model, calibrate(model)));
  const std::optional<DetectorHeads> heads = split_heads(model);
  const std::optional<DetectorHeads> expected = split_heads(original);
  ASSERT_TRUE(heads && expected);
  for (std::size_t level = 0; level < expected->levels.size(); ++level) {
    EXPECT_EQ(heads->levels[level].scores.weights, expected->levels[level].scores.weights);
    EXPECT_EQ(heads->levels[level].boxes.bias, expected->levels[level].boxes.bias);
  }
  EXPECT_EQ(count_nodes(model, "Conv"), 6);
}

// Weights are kept once, in a quarter of the bytes.
TEST(Quantize, WeightsInFloatAreGone) {
  onnx::ModelProto model = tiny_detector();
  ASSERT_TRUE(quantize_model(model, calibrate(model)));
  for (const onnx::TensorProto& tensor : model.graph().initializer()) {
    EXPECT_NE(tensor.name(), "t8_weight");
    EXPECT_NE(tensor.name(), "u32_bias");
  }
}

TEST(Quantize, WhatIsNotKnownStaysInFloat) {
  onnx::ModelProto model = tiny_detector();
  onnx::NodeProto& relu = find_node(model, "t8_relu");
  relu.set_op_type("PRelu");
  relu.add_input("slopes");
  onnx::TensorProto& slopes = *model.mutable_graph()->add_initializer();
  slopes.set_name("slopes");
  slopes.set_data_type(kOnnxFloat);
  slopes.add_dims(1);
  slopes.add_float_data(0.25F);
  const std::vector<float> planes = make_waves(1);
  const std::vector<std::vector<float>> before = run_model(model, planes);
  const Result<int> count = quantize_model(model, calibrate(model));
  ASSERT_TRUE(count) << count.error().message;
  EXPECT_EQ(*count, 6);
  EXPECT_EQ(find_node(model, "t8_relu").op_type(), "PRelu");
  EXPECT_EQ(find_node(model, "t8_relu").input(1), "slopes");
  EXPECT_LT(difference(before, run_model(model, planes)), 0.03);
}

TEST(Quantize, ChannelsOfNothingKeepTheirBias) {
  onnx::ModelProto model = tiny_detector();
  for (onnx::TensorProto& tensor : *model.mutable_graph()->mutable_initializer()) {
    if (tensor.name() == "u16_weight") tensor.set_raw_data(std::string(tensor.raw_data().size(), '\0'));
  }
  const std::vector<float> planes = make_waves(1);
  const std::vector<std::vector<float>> before = run_model(model, planes);
  ASSERT_TRUE(quantize_model(model, calibrate(model)));
  EXPECT_LT(difference(before, run_model(model, planes)), 0.03);
}

// As PyTorch's older exporters write them.
TEST(Quantize, AnOlderOpsetIsRaised) {
  onnx::ModelProto model = tiny_detector();
  onnx::GraphProto& graph = *model.mutable_graph();
  model.mutable_opset_import(0)->set_version(11);
  // The reader of u8 reads it through Unsqueeze and Squeeze, whose axes version 13 made inputs.
  google::protobuf::RepeatedPtrField<onnx::NodeProto> nodes;
  for (const onnx::NodeProto& node : graph.node()) {
    *nodes.Add() = node;
    if (node.output(0) != "t8_relu") continue;
    std::string before = "t8_relu";
    for (const char* const kind : {"Unsqueeze", "Squeeze"}) {
      onnx::NodeProto& turn = *nodes.Add();
      turn.set_op_type(kind);
      turn.add_input(before);
      turn.add_output(before = kind);
      onnx::AttributeProto& axes = *turn.add_attribute();
      axes.set_name("axes");
      axes.set_type(7);
      axes.add_ints(0);
    }
  }
  graph.mutable_node()->Swap(&nodes);
  find_node(model, "u8").set_input(0, "Squeeze");
  // Version 11 wants a region of interest, which these modes do not look at.
  for (const char* const enlarged : {"f32_up", "f16_up"}) {
    onnx::NodeProto& resize = find_node(model, enlarged);
    resize.set_input(1, resize.input(2));
  }
  const std::vector<float> planes = make_waves(3);
  const std::vector<std::vector<float>> before = run_model(model, planes);
  const Result<int> count = quantize_model(model, calibrate(model));
  ASSERT_TRUE(count) << count.error().message;
  EXPECT_EQ(model.opset_import(0).version(), 13);
  EXPECT_EQ(find_node(model, "Unsqueeze").input_size(), 2);
  EXPECT_LT(difference(before, run_model(model, planes)), 0.03);
}

TEST(Quantize, SaysWhatStandsInTheWay) {
  const auto problem = [](onnx::ModelProto model) {
    const Result<int> count = quantize_model(model, {});
    return count ? std::string() : count.error().message;
  };
  onnx::ModelProto old = tiny_detector();
  old.mutable_opset_import(0)->set_version(9);
  EXPECT_NE(problem(old).find("version 9"), std::string::npos) << problem(old);
  old.clear_opset_import();
  EXPECT_NE(problem(old).find("which version"), std::string::npos) << problem(old);
  onnx::ModelProto twice = tiny_detector();
  ASSERT_TRUE(quantize_model(twice, calibrate(twice)));
  EXPECT_NE(problem(twice).find("already"), std::string::npos);
  EXPECT_NE(problem(parse_model(test::make_tiny_scrfd({})).take()).find("no convolutions"), std::string::npos)
      << "all of them are heads";
  onnx::ModelProto branches = tiny_detector();
  find_node(branches, "t8_relu").add_attribute()->set_g("graph");
  EXPECT_NE(problem(branches).find("branches"), std::string::npos);
}

}  // namespace
}  // namespace mien
