// The whole flow, from bytes to faces.
#pragma once

#include "pipeline/state.h"

namespace mien {

// One result an image, in order. Faces of all images share embedding batches.
std::vector<Result<Analysis>> analyze_images(const Engine::State& engine, std::span<const Bytes> images,
                                             const AnalyzeOptions& options, Workspace::State& work);
// Pixels that are upright already.
Result<Analysis> analyze_upright(const Engine::State& engine, ImageView pixels, const AnalyzeOptions& options,
                                 Workspace::State& work);

}  // namespace mien
