#include "device/onnx_weights.h"

#include <gtest/gtest.h>

#include <cstring>

#include "support/tiny_models.h"

namespace mien {
namespace {

TEST(OnnxWeights, LieAmongTheBytesOfTheModel) {
  // What Sub and Mul read is left out.
  const test::ByteVector model = test::make_tiny_embedder({.normalises = true});
  const std::vector<OnnxWeight> weights = find_onnx_weights(model, 1);
  ASSERT_EQ(weights.size(), 1U);
  const OnnxWeight& weight = weights.front();
  EXPECT_EQ(weight.name, "weight");
  EXPECT_EQ(weight.shape, (Shape{test::kTinyDimension, 3, 4, 4}));
  ASSERT_EQ(weight.values.size(), element_count(weight.shape) * sizeof(float));
  float second = 0;
  std::memcpy(&second, weight.values.data() + sizeof second, sizeof second);
  EXPECT_EQ(second, test::tiny_weight(0, 0, 1));
  EXPECT_TRUE(find_onnx_weights(model, model.size()).empty());
}

TEST(OnnxWeights, AreNoneWhereThereIsNoModel) {
  EXPECT_TRUE(find_onnx_weights({}, 1).empty());
  test::ByteVector model = test::make_tiny_embedder({});
  for (std::size_t size = 0; size < model.size(); size += 7) {
    for (const OnnxWeight& weight : find_onnx_weights(Bytes(model).first(size), 1)) {
      EXPECT_LE(weight.values.data() + weight.values.size(), model.data() + size);
    }
  }
  const test::ByteVector garbage(1000, 0x5A);
  EXPECT_TRUE(find_onnx_weights(garbage, 1).empty());
}

}  // namespace
}  // namespace mien
