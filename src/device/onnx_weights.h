// Which weights of an ONNX model the sessions of it can share.
#pragma once

#include <string>
#include <vector>

#include "device/onnx_file.h"
#include "device/tensor.h"
#include "mien/image.h"

namespace mien {

// 32-bit floats, in the order of their shape.
struct OnnxWeight {
  std::string name;
  Shape shape;
  Bytes values;  // of the model
};

// Returns the weights that only convolutions and Gemms read, that hold at least `bytes_min` and lie in one piece, as
// exporters write them. A runtime may transpose what others read (sums and products behind a Transpose) and keep the
// name.
std::vector<OnnxWeight> find_onnx_weights(const onnx::ModelProto& model, std::size_t bytes_min);

}  // namespace mien
