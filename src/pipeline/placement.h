// What ran where, for the results of one image.
#pragma once

#include <vector>

#include "pipeline/state.h"

namespace mien {

// One row an operation that ran on this image.
std::vector<Placement> describe_placement(const Engine::State& engine, const AnalyzeOptions& options,
                                          const Analysis& analysis);

// Throws Exception(unavailable) when a setting requires a GPU that is not there.
void check_required_gpu(const Settings& settings);

}  // namespace mien
