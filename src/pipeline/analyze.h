// The whole flow, from bytes to faces.
#pragma once

#include "pipeline/state.h"

namespace mien {

// One result an image, in order. Faces of all images share embedding batches. After a stop, what is not complete is
// Error cancelled.
std::vector<Result<Analysis>> analyze_images(const Engine::State& engine, std::span<const Bytes> images,
                                             const AnalyzeOptions& options, Workspace::State& work,
                                             const BatchProgress& progress);
Result<Analysis> analyze_pixels(const Engine::State& engine, const PixelView& pixels, const AnalyzeOptions& options,
                                Workspace::State& work);

}  // namespace mien
