// What ran where, for the results of one image.
#pragma once

#include <vector>

#include "pipeline/state.h"

namespace mien {

// One row an operation that ran on this image.
std::vector<Placement> describe_placement(const Engine::State& engine, const GroupItem& item);

}  // namespace mien
