// Says where each operation ran, for the results of one image.
#pragma once

#include <vector>

#include "device/where_it_pays.h"
#include "pipeline/state.h"

namespace mien {

// One row an operation that ran on this image.
std::vector<Placement> describe_placement(const Engine::State& engine, const GroupItem& item);
// The same of operations that ran without an engine's models.
std::vector<Placement> describe_placement(const DeviceStages& device);

}  // namespace mien
