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

// The user's folder for what belongs to mien: NAME in $XDG_DATA_HOME/mien or ~/.local/share/mien, and
// $XDG_CACHE_HOME/mien or ~/.cache/mien. Empty when neither is known.
std::filesystem::path user_data_folder(const char* name);
std::filesystem::path user_cache_folder();

}  // namespace mien
