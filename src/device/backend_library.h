// Where a backend's libraries lie: each backend in a folder of its own, because the packages hold files of equal names.
#pragma once

#include <string>
#include <vector>

#include "device/backend.h"

namespace mien {

// Folders that may hold a backend's libraries, the first one first: NAME in MIEN_BACKEND_DIR, in the user's data folder
// (own_backend_folder), and in PREFIX/lib/mien/backends. MIEN_BACKEND_DIR stands alone. They need not exist.
std::vector<std::string> backend_folders(const Settings& settings, const Backend& backend);

// Where 'mien backends install' puts a backend: $XDG_DATA_HOME/mien/backends/NAME or the like in ~/.local/share.
// Throws Exception(not_found) when there is neither.
std::string own_backend_folder(const Settings& settings, const Backend& backend);

// The provider's library; empty when it is not installed.
std::string installed_backend_library(const Settings& settings, const Backend& backend);
// The ONNX Runtime that came with it; empty when it brings none or is not installed.
std::string installed_backend_runtime(const Settings& settings, const Backend& backend);

}  // namespace mien
