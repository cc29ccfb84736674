#include "base/installation.h"

#include <dlfcn.h>
#include <link.h>

#include <algorithm>
#include <cstdlib>

namespace mien {
namespace {

namespace fs = std::filesystem;

// The shared library that holds this code; empty when it is part of the program itself.
fs::path own_library() {
  Dl_info info{};
  link_map* map = nullptr;
  const void* const here = reinterpret_cast<const void*>(&installed_library_folders);
  if (::dladdr1(here, &info, reinterpret_cast<void**>(&map), RTLD_DL_LINKMAP) == 0 || map == nullptr) return {};
  if (map->l_name == nullptr || *map->l_name == '\0') return {};  // the loader has no name for the program
  std::error_code failure;
  fs::path path = fs::canonical(map->l_name, failure);
  return failure ? fs::path() : path;
}

// PREFIX of the library in PREFIX/lib (which may have more than one part, as on Debian).
fs::path prefix_of_library(const fs::path& library) {
  fs::path prefix = library.parent_path();
  for ([[maybe_unused]] const fs::path& part : fs::path(MIEN_INSTALL_LIBDIR)) prefix = prefix.parent_path();
  return prefix;
}

std::vector<fs::path> prefixes() {
  std::vector<fs::path> result;
  if (const fs::path library = own_library(); !library.empty()) result.push_back(prefix_of_library(library));
  std::error_code ignored;
  const fs::path program = fs::read_symlink("/proc/self/exe", ignored);
  if (!program.empty()) result.push_back(program.parent_path().parent_path());
  result.erase(std::unique(result.begin(), result.end()), result.end());
  return result;
}

// mien's folder in the one that the variable names, or else in `below_home` of the home; empty when neither is known.
fs::path folder_of_user(const char* variable, const char* below_home) {
  if (const char* named = std::getenv(variable); named != nullptr && *named != '\0') return fs::path(named) / "mien";
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0') {
    return fs::path(home) / below_home / "mien";
  }
  return {};
}

}  // namespace

std::vector<fs::path> installed_library_folders() {
  std::vector<fs::path> folders = prefixes();
  for (fs::path& folder : folders) folder = folder / MIEN_INSTALL_LIBDIR / "mien";
  return folders;
}

std::vector<fs::path> installed_data_folders() {
  std::vector<fs::path> folders = prefixes();
  for (fs::path& folder : folders) folder = folder / MIEN_INSTALL_DATADIR / "mien";
  return folders;
}

fs::path user_data_folder(const char* name) {
  const fs::path data = folder_of_user("XDG_DATA_HOME", ".local/share");
  return data.empty() ? fs::path() : data / name;
}

fs::path user_cache_folder() { return folder_of_user("XDG_CACHE_HOME", ".cache"); }

}  // namespace mien
