// The table of backends. To add one: a file with its functions and a row in backend.cpp.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "mien/device.h"
#include "mien/settings.h"

namespace mien {

struct Backend {
  std::string_view name;
  std::vector<std::string_view> providers;  // of ONNX Runtime, in order of preference
  std::vector<Device> (*probe_devices)();   // what is there now, with its memory
};

// In the order in which `auto` tries them; cpu is always last and always there.
std::span<const Backend> backends();

// Rows' functions, one file each.
std::vector<Device> probe_cpu();

}  // namespace mien
