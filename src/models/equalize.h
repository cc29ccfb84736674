// Scales the channels of a model's inner values to like ranges, which leaves its outputs as they are.
#pragma once

#include "device/onnx_file.h"
#include "models/quantize.h"

namespace mien {

// One scale for a whole value is coarse for channels that are small beside others. A factor for each channel passes
// through ReLU, pooling, sums and enlargements: what gives the channel is multiplied by it, and the convolutions that
// read it divide by it (Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization and Bias Correction";
// here by what was seen of the values). In place, wherever nothing but convolutions and such operators gives or reads
// the values that are tied together. Returns how many of such groups were scaled.
// SCRFD-500M on 26 photos, half of them crowds: mean cosine 0.9811 without, 0.9925 with it.
int equalize_channels(onnx::GraphProto& graph, const ValueRanges& ranges);

}  // namespace mien
