#include "device/onnx_weights.h"

#include <gtest/gtest.h>

#include <cstring>

#include "support/tiny_models.h"

namespace mien {
namespace {

onnx::ModelProto parse(const test::ByteVector& bytes) { return parse_model(bytes).take(); }

TEST(OnnxWeights, LieInTheParsedModel) {
  // Constants that Sub and Mul read are left out.
  const test::ByteVector bytes = test::make_tiny_embedder({.normalises = true});
  const onnx::ModelProto model = parse(bytes);
  const std::vector<OnnxWeight> weights = find_onnx_weights(model, 1);
  ASSERT_EQ(weights.size(), 1U);
  const OnnxWeight& weight = weights.front();
  EXPECT_EQ(weight.name, "weight");
  EXPECT_EQ(weight.shape, (Shape{test::kTinyDimension, 3, 4, 4}));
  ASSERT_EQ(weight.values.size(), element_count(weight.shape) * sizeof(float));
  float second = 0;
  std::memcpy(&second, weight.values.data() + sizeof second, sizeof second);
  EXPECT_EQ(second, test::tiny_weight(0, 0, 1));
  EXPECT_EQ(find_onnx_weights(model, weight.values.size()).size(), 1U);
  EXPECT_TRUE(find_onnx_weights(model, weight.values.size() + 1).empty());
}

TEST(OnnxWeights, AreFloatsInOnePieceAsManyAsTheirSidesSay) {
  const onnx::ModelProto model = parse(test::make_tiny_embedder({}));
  ASSERT_EQ(find_onnx_weights(model, 1).size(), 1U);
  const auto count_with = [&](const auto& change) {
    onnx::ModelProto changed = model;
    for (onnx::TensorProto& tensor : *changed.mutable_graph()->mutable_initializer()) {
      if (tensor.name() == "weight") change(tensor);
    }
    return find_onnx_weights(changed, 0).size();
  };
  EXPECT_EQ(count_with([](onnx::TensorProto& tensor) { tensor.set_data_type(kOnnxInt64); }), 0U);
  EXPECT_EQ(count_with([](onnx::TensorProto& tensor) { tensor.mutable_raw_data()->pop_back(); }), 0U);
  EXPECT_EQ(count_with([](onnx::TensorProto& tensor) { tensor.clear_raw_data(); }), 0U);
  for (const std::int64_t side : {0, -1, 1, 2 * test::kTinyDimension}) {
    EXPECT_EQ(count_with([&](onnx::TensorProto& tensor) { tensor.set_dims(0, side); }), 0U) << side;
  }
  // 2^62 times 4 is 0 in 64 bits.
  EXPECT_EQ(count_with([](onnx::TensorProto& tensor) {
              tensor.add_dims(std::int64_t{1} << 62);
              tensor.add_dims(4);
            }),
            0U);
}

TEST(OnnxWeights, AreNoneWhereAnotherNodeReadsThem) {
  onnx::ModelProto model = parse(test::make_tiny_embedder({}));
  onnx::NodeProto* const node = model.mutable_graph()->add_node();
  node->set_op_type("Add");
  node->add_input("weight");
  EXPECT_TRUE(find_onnx_weights(model, 1).empty());
  node->set_op_type("Gemm");
  EXPECT_EQ(find_onnx_weights(model, 1).size(), 1U);
}

}  // namespace
}  // namespace mien
