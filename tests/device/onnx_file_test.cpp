#include "device/onnx_file.h"

#include <gtest/gtest.h>

#include "device/session.h"
#include "support/photos.h"
#include "support/tiny_models.h"

namespace mien {
namespace {

TEST(OnnxFile, WeightsThatAreInputsTooBecomeConstant) {
  onnx::ModelProto model = parse_model(test::make_tiny_embedder({.normalises = true})).take();
  ASSERT_EQ(model.graph().input_size(), 1);
  EXPECT_FALSE(make_weights_constant(model));
  const std::string image = model.graph().input(0).name();
  ASSERT_GE(model.graph().initializer_size(), 2);
  // As exporters wrote before the fourth version of the format, the image not first.
  onnx::ValueInfoProto pixels = model.graph().input(0);
  model.mutable_graph()->clear_input();
  for (const onnx::TensorProto& weight : model.graph().initializer()) {
    onnx::ValueInfoProto& input = *model.mutable_graph()->add_input();
    input.set_name(weight.name());
    input.mutable_type()->mutable_tensor_type()->set_elem_type(weight.data_type());
    for (const std::int64_t side : weight.dims()) {
      input.mutable_type()->mutable_tensor_type()->mutable_shape()->add_dim()->set_dim_value(side);
    }
  }
  *model.mutable_graph()->add_input() = pixels;
  EXPECT_TRUE(make_weights_constant(model));
  ASSERT_EQ(model.graph().input_size(), 1);
  EXPECT_EQ(model.graph().input(0).name(), image);
  const std::unique_ptr<Runtime> runtime = open_onnxruntime(test::plain_settings());
  EXPECT_EQ(runtime->create_session(serialize(model), "embedder")->inputs().size(), 1U);
}

}  // namespace
}  // namespace mien
