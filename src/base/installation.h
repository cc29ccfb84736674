// Where an installation keeps what belongs to it. Everything is found from where this code itself lies, so that an
// installed tree may be moved.
#pragma once

#include <filesystem>
#include <vector>

namespace mien {

// Folders of libraries that came with mien (PREFIX/lib/mien): beside libmien.so when this code is in it, then beside
// the program. They need not exist.
std::vector<std::filesystem::path> installed_library_folders();

// Likewise PREFIX/share/mien.
std::vector<std::filesystem::path> installed_data_folders();

}  // namespace mien
