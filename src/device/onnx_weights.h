// Where the weights of an ONNX model lie among its bytes.
#pragma once

#include <string>
#include <vector>

#include "device/tensor.h"
#include "mien/image.h"

namespace mien {

// 32-bit floats, in the order of their shape.
struct OnnxWeight {
  std::string name;
  Shape shape;
  Bytes values;  // of the model
};

// Those of the graph that hold at least `bytes_min` and lie in one piece: sizes and slopes are left out, and exporters
// write all else that way. None where the bytes are no model.
std::vector<OnnxWeight> find_onnx_weights(Bytes model, std::size_t bytes_min);

}  // namespace mien
