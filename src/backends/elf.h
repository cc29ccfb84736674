// Reads from a shared library's own headers which libraries it needs.
#pragma once

#include <string>
#include <vector>

namespace mien {

// The names that a 64-bit ELF file asks the loader for ("libcublasLt.so.13"); empty when it is no such file.
std::vector<std::string> needed_libraries(const std::string& path);

}  // namespace mien
