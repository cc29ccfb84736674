// Prepares a model for arithmetic in bf16 (8 bits of mantissa), so that what is lost is noise and not a shift.
#pragma once

#include <cstddef>

#include "device/onnx_file.h"

namespace mien {

// A runtime rounds each weight and each bias to its nearest neighbour in bf16. That moves the mean of an output in the
// same way at every pixel, and such shifts, not noise, are most of what bf16 does to landmarks and embeddings. Here
// - a channel between two convolutions is scaled by up to 2^-8 such that its bias is a number of bf16 (what comes after
//   divides by it again; ReLU and PReLU let a factor through, ReLU6 as far as it is not at its end),
// - weights are rounded such that those of each kernel keep their sum.
// SCRFD-500M with a MobileFaceNet, bench/drift.py: mean cosine 0.9948 without, 0.9987 with it (docs/models.md).
// In place. False where the model stays as it is: a node's inner graph may use what would be changed.
bool prepare_for_bf16(onnx::ModelProto& model);

// Rounds in place, keeping the sum as closely as choosing between the two neighbours in bf16 of each value allows.
void round_keeping_sum(float* values, std::size_t count);

}  // namespace mien
