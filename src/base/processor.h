// The CPU itself, and the computer's memory.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "mien/device.h"

namespace mien {

// Its name, cores, memory, and the instruction sets that our kernels or the runtimes use.
Device read_cpu();

// Sets the device's memory to that of the computer.
void read_system_memory(const std::string& root, Device& device);

// The value behind the first line's "key: value", or "key value" of such files; empty when it is not there.
std::string read_line_value(const std::string& path, std::string_view key);

}  // namespace mien
