// How images come in, for an engine and for operations without one.
#pragma once

#include <memory>

#include "mien/engine.h"
#include "pipeline/device_stages.h"

namespace mien {

// open_input() without a GPU.
InputOptions open_decoding(const ImageLimits& limits, bool sandbox, const Settings& settings);
// Null when no operation asks for a GPU.
std::shared_ptr<DeviceStages> open_device(const Settings& settings, const Runtime& runtime, Precision precision,
                                          bool many_images);

}  // namespace mien
