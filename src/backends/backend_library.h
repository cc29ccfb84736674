// Where a backend's libraries lie: each backend in a folder of its own, because the packages hold files of equal names.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/backend.h"

namespace mien {

// Folders that may hold a backend's libraries, the first one first: NAME in MIEN_BACKEND_DIR, in the user's data folder
// (own_backend_folder), and in PREFIX/lib/mien/backends. MIEN_BACKEND_DIR stands alone. They need not exist.
std::vector<std::string> backend_folders(const Settings& settings, const Backend& backend);

// Where 'mien backends install' puts backends: $XDG_DATA_HOME/mien/backends or the like in ~/.local/share, and this
// one. Throws Exception(not_found) when there is neither.
std::string own_backends_folder(const Settings& settings);
std::string own_backend_folder(const Settings& settings, const Backend& backend);

// The provider's library; empty when it is not installed.
std::string installed_backend_library(const Settings& settings, const Backend& backend);
// The ONNX Runtime that came with it; empty when it brings none or is not installed.
std::string installed_backend_runtime(const Settings& settings, const Backend& backend);

// Whether a GPU's backend can be used, and its devices.
BackendInfo describe_backend(const Settings& settings, const Backend& backend);

// Where a provider keeps what it compiles: $XDG_CACHE_HOME/mien/compiled/NAME-VERSION or the like in ~/.cache, made
// here for this user alone. Empty when that cannot be: then a warning says that each run compiles anew.
std::string compiled_folder(const Backend& backend);

// Returns what a provider is opened with: the row's options, and the folder for what it compiles.
std::vector<std::pair<std::string, std::string>> provider_options(const Backend& backend, std::string_view provider,
                                                                  const ProviderWish& wish);

}  // namespace mien
