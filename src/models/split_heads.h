// Cuts a detector before its last convolutions, so that mien computes those (ops/heads.h).
#pragma once

#include <optional>

#include "device/onnx_file.h"
#include "ops/heads.h"

namespace mien {

// Cuts the model in place, such that its outputs are the feature maps, one a level. Nothing, and a model as it was,
// where it does not end as SCRFD with landmarks at three levels does: nine outputs, of which each is a convolution of 3
// x 3 over the feature map of its level, transposed so that channels come last; boxes perhaps times a number, scores
// through a sigmoid.
std::optional<DetectorHeads> split_heads(onnx::ModelProto& model);

}  // namespace mien
