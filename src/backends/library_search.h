// Where libraries that a backend needs may lie: the loader's folders, those of CUDA and ROCm, and Python packages.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "backends/backend.h"

namespace mien {

struct SearchRoots {
  std::string root = "";                                            // of the file system
  std::function<std::string(std::string_view name)> variable = {};  // of the environment; empty text: not set
  // Whether the loader finds a library by its name, wherever that lies; empty: it is not asked.
  std::function<bool(const std::string& name)> loads = {};
};
SearchRoots real_search_roots();

// Folders that the loader searches by itself (as far as files tell), LD_LIBRARY_PATH first.
std::vector<std::string> loader_folders(const SearchRoots& roots);
// Folders with libraries of the GPU's maker that the loader does not know: /opt/rocm/lib, /usr/local/cuda/lib64, and
// site-packages/nvidia/*/lib of each Python, virtual environment, and of the folder beside the backends'.
std::vector<std::string> maker_folders(const Settings& settings, const SearchRoots& roots);

// Where `pip install --target` puts the packages of the GPU's maker for mien; empty when there is no home.
std::string maker_package_folder(const Settings& settings);

// The path of the library of this name; empty when no folder has it.
std::string find_library(std::string_view name, const std::vector<std::string>& folders);

// Returns the libraries that an installed backend asks the loader for: at once, or later by a name that its headers do
// not show.
std::vector<std::string> libraries_of_backend(const Backend& backend, const std::string& library_path);

// Opens what the backend's library needs and only maker_folders have, so that the loader finds it loaded. Names that
// are nowhere are left to the loader, which then says so.
void preload_needed_libraries(const Settings& settings, const Backend& backend);

}  // namespace mien
