#include "device/onnx_weights.h"

#include <gtest/gtest.h>

#include <cstring>

#include "support/tiny_models.h"

namespace mien {
namespace {

TEST(OnnxWeights, LieAmongTheBytesOfTheModel) {
  const test::ByteVector model = test::make_tiny_embedder({});
  const std::vector<OnnxWeight> weights = find_onnx_weights(model, 1);
  ASSERT_FALSE(weights.empty());
  for (const OnnxWeight& weight : weights) {
    EXPECT_FALSE(weight.name.empty());
    EXPECT_EQ(weight.values.size(), element_count(weight.shape) * sizeof(float)) << weight.name;
    EXPECT_GE(weight.values.data(), model.data());
    EXPECT_LE(weight.values.data() + weight.values.size(), model.data() + model.size());
  }
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
