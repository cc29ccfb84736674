// Rewrites a detector such that its convolutions can be computed in integers of 8 bits.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "device/onnx_file.h"
#include "mien/result.h"

namespace mien {

// How a value of the graph was spread while the model was run over photos.
struct ValueRange {
  float low = 0;  // 0 lies between the two: padding needs it
  float high = 0;
  std::vector<double> means = {};  // of each channel, over the runs; empty where there are no channels
  std::vector<float> tops = {};    // the largest magnitude of each
  int runs = 0;
};
using ValueRanges = std::map<std::string, ValueRange>;

// The values that are to be held in 8 bits, whose ranges quantize_model has to be told: what the convolutions read and
// give. In the order of computing; empty where there is nothing to gain. Left in float are
// - the last convolutions, after which there is no other: what they give is scores and coordinates;
// - the first, which reads pixels: (x - 127.5) * scale puts each of those between two of the numbers that there are;
// - what 8 bits cannot hold well or a runtime does not compute in them: PRelu, Sigmoid, and all that is not named here.
std::vector<std::string> find_quantized_values(const onnx::GraphProto& graph);

// Post-training static quantisation (Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient
// Integer-Arithmetic-Only Inference"), written as the ONNX standard's QuantizeLinear and DequantizeLinear around each
// convolution: a runtime that knows the pattern computes integers, any other computes the same in float. Weights have a
// scale for each output channel and no offset, values one scale and offset each, biases the 32 bits that sums of
// products have. ReLU goes, where the offset does the same: what is below 0 has no number.
// Rounded weights are off by a little, the same way at every pixel: what that adds to a channel in the mean is taken
// off its bias (Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization and Bias Correction"). In place;
// the operators' version is raised to 13 where it is older, because scales of channels came with that. Returns how many
// convolutions were rewritten. Error(unsupported), and a model that is no longer of use: what stands in the way.
Result<int> quantize_model(onnx::ModelProto& model, const ValueRanges& ranges);

}  // namespace mien
