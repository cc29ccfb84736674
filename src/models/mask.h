// Rewrites a detector so that one canvas holds images of different sizes, each with the numbers that it has alone.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mien/image.h"
#include "mien/result.h"

namespace mien {

// A detector whose images may be smaller than its canvas: values outside an image's rectangle are multiplied by 0
// before whatever reads them for cells inside. That is what the border of the rectangle alone looks like, because
// convolutions pad by 0; so the values inside are those of the rectangle alone.
struct MaskedModel {
  std::vector<std::uint8_t> model;  // the rewritten ONNX
  // For each additional input, in their order behind the first: the canvas pixels that a cell of it stands for.
  std::vector<int> strides;
  std::vector<int> output_strides;  // for each output of the model, in order: canvas pixels a cell
  int masked_values = 0;            // how many values are multiplied: one may serve several nodes
};

// The name of the additional input of a stride: f32 [N, 1, H / stride, W / stride], 1 inside the image's rectangle and
// 0 outside.
std::string mask_input_name(int stride);

// Rewrites a detector (bytes as in Detector::model: one image input, f32 [N, C, H, W], H and W free). A rectangle
// begins at the canvas's upper left corner; its sides and the canvas's are multiples of 32. The caller gives planes
// whose values outside the rectangle are 0 already. Values inside are those of the original model run on the rectangle
// alone; those outside mean nothing. Error: bad_data and limit_exceeded where this is no model, unsupported where it
// cannot be rewritten so, with a text that names the node (or the input or output) in the way and why.
Result<MaskedModel> mask_model(Bytes model);

}  // namespace mien
