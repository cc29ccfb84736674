// A model freed of its shapes as a file of its own.
#pragma once

#include "models/shapes.h"
#include "support/photos.h"

namespace mien::test {

struct FreedModel : ModelShapes {
  ByteVector bytes;
};

inline Result<FreedModel> free_model(Bytes bytes, const FreeShapes& wanted) {
  Result<onnx::ModelProto> model = parse_model(bytes);
  if (!model) return model.error();
  Result<ModelShapes> shapes = free_shapes(*model, wanted);
  if (!shapes) return shapes.error();
  return FreedModel{std::move(*shapes), serialize(*model)};
}

}  // namespace mien::test
