// The rules of GpuMode::where_it_pays (--gpu, ALL_GPU=auto) that are known before anything runs: what the CPU keeps
// although a GPU is there. What only shows at run time is the batcher's.
#pragma once

#include <string>

#include "mien/settings.h"

namespace mien {

constexpr bool has_model(Operation operation) {
  return operation == Operation::face_detection || operation == Operation::face_embedding;
}

// Reasons of a placement.
inline constexpr const char* kFewImages = "few images: planning for the GPU takes longer";
inline constexpr const char* kPixelsAreHere = "the CPU is quicker where the pixels are";

// Returns why the CPU keeps an operation that asks for the GPU where it pays; empty: it may go, or asks otherwise.
// `many_images`: hundreds or more are to come, or nobody knows. Operations on pixels stay where those are, which is the
// CPU, unless another of them brings them to the device.
std::string kept_by_cpu(const Settings& settings, Operation operation, bool many_images);

// Returns the settings without what the CPU keeps: with `off` in its place, and ALL_GPU resolved.
Settings without_kept(Settings settings, bool many_images);

}  // namespace mien
