// The CPU itself, and the computer's memory.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "mien/device.h"

namespace mien {

// Its name, cores, memory, and the instruction sets that our kernels or the runtimes use.
Device read_cpu();

// The processors that this process may use at once: those that there are, or fewer where its control group has a quota
// of their time, as in a container. At least 1. `root` stands before the paths of /proc and /sys.
int usable_processors(const std::string& root = "");

// Sets the device's memory to that of the computer, or to the limit of the process's control group where that is less.
void read_system_memory(const std::string& root, Device& device);

// The value behind the first line's "key: value", or "key value" of such files; empty when it is not there.
std::string read_line_value(const std::string& path, std::string_view key);

}  // namespace mien
