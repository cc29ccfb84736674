#include "backends/library_search.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "backends/backend_library.h"
#include "backends/elf.h"

namespace mien {
namespace {

namespace fs = std::filesystem;

// Subfolders whose names start with `prefix`, in the order of their names.
std::vector<fs::path> subfolders(const fs::path& folder, std::string_view prefix = "") {
  std::vector<fs::path> found;
  std::error_code failure;
  for (fs::directory_iterator entry(folder, failure), end; !failure && entry != end; entry.increment(failure)) {
    std::error_code ignored;
    const bool fits = entry->path().filename().string().starts_with(prefix) && entry->is_directory(ignored);
    if (fits) found.push_back(entry->path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

void add_existing(const fs::path& folder, std::vector<std::string>& folders) {
  std::error_code ignored;
  const bool is_new = std::find(folders.begin(), folders.end(), folder.string()) == folders.end();
  if (is_new && fs::is_directory(folder, ignored)) folders.push_back(folder.string());
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t end = text.find(separator);
    if (end != 0) parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return parts;
}

// Where Pythons keep their packages.
std::vector<fs::path> package_folders(const SearchRoots& roots) {
  std::vector<fs::path> prefixes;
  if (const std::string venv = roots.variable("VIRTUAL_ENV"); !venv.empty()) prefixes.emplace_back(venv);
  if (const std::string conda = roots.variable("CONDA_PREFIX"); !conda.empty()) prefixes.emplace_back(conda);
  for (const fs::path programs : split(roots.variable("PATH"), ':')) {
    std::error_code ignored;
    if (fs::exists(programs / "python3", ignored)) prefixes.push_back(programs.parent_path());
  }
  if (const std::string home = roots.variable("HOME"); !home.empty()) prefixes.push_back(fs::path(home) / ".local");
  for (const char* const system : {"/usr/local", "/usr"}) prefixes.emplace_back(roots.root + system);
  std::vector<fs::path> folders;
  for (const fs::path& prefix : prefixes) {
    for (const fs::path& python : subfolders(prefix / "lib", "python3")) {
      folders.push_back(python / "site-packages");
      folders.push_back(python / "dist-packages");
    }
  }
  return folders;
}

}  // namespace

SearchRoots real_search_roots() {
  SearchRoots roots;
  roots.variable = [](std::string_view name) {
    const char* const value = std::getenv(std::string(name).c_str());
    return std::string(value == nullptr ? "" : value);
  };
  roots.loads = [](const std::string& name) {
    void* const handle = ::dlopen(name.c_str(), RTLD_LAZY | RTLD_LOCAL);
    if (handle != nullptr) ::dlclose(handle);
    return handle != nullptr;
  };
  return roots;
}

std::vector<std::string> loader_folders(const SearchRoots& roots) {
  std::vector<std::string> folders;
  for (const std::string& folder : split(roots.variable("LD_LIBRARY_PATH"), ':')) add_existing(folder, folders);
  std::error_code failure;
  const fs::path lists = roots.root + "/etc/ld.so.conf.d";
  for (fs::directory_iterator entry(lists, failure), end; !failure && entry != end; entry.increment(failure)) {
    std::ifstream file(entry->path());
    for (std::string line; std::getline(file, line);) {
      if (line.starts_with('/')) add_existing(roots.root + line, folders);
    }
  }
  for (const char* const folder : {"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu",
                                   "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/lib64", "/usr/lib", "/lib"}) {
    add_existing(roots.root + folder, folders);
  }
  return folders;
}

std::string maker_package_folder(const Settings& settings) {
  try {
    return (fs::path(own_backends_folder(settings)) / "packages").string();
  } catch (const Exception&) {
    return "";
  }
}

std::vector<std::string> maker_folders(const Settings& settings, const SearchRoots& roots) {
  std::vector<fs::path> packages = package_folders(roots);
  if (const std::string own = maker_package_folder(settings); !own.empty()) packages.insert(packages.begin(), own);
  std::vector<std::string> folders;
  for (const fs::path& folder : packages) {
    for (const fs::path& package : subfolders(folder / "nvidia")) add_existing(package / "lib", folders);
  }
  for (const fs::path& cuda : subfolders(roots.root + "/usr/local", "cuda")) add_existing(cuda / "lib64", folders);
  for (const fs::path& rocm : subfolders(roots.root + "/opt", "rocm")) add_existing(rocm / "lib", folders);
  return folders;
}

std::string find_library(std::string_view name, const std::vector<std::string>& folders) {
  std::error_code ignored;
  for (const std::string& folder : folders) {
    const fs::path path = fs::path(folder) / name;
    if (fs::is_regular_file(path, ignored)) return path.string();
  }
  return "";
}

std::vector<std::string> libraries_of_backend(const Backend& backend, const std::string& library_path) {
  std::vector<std::string> names = needed_libraries(library_path);
  names.insert(names.end(), backend.later_libraries.begin(), backend.later_libraries.end());
  return names;
}

void preload_needed_libraries(const Settings& settings, const Backend& backend) {
  const std::string library = installed_backend_library(settings, backend);
  if (library.empty()) return;
  const SearchRoots roots = real_search_roots();
  const std::vector<std::string> known = loader_folders(roots);
  const std::vector<std::string> others = maker_folders(settings, roots);
  std::vector<std::string> paths;
  for (const std::string& name : libraries_of_backend(backend, library)) {
    const std::string path = find_library(name, known).empty() ? find_library(name, others) : "";
    if (!path.empty()) paths.push_back(path);
  }
  // Never closed: the backend uses them until the process ends. Some need others of the list, which come later in it.
  for (int round = 0; round < 2; ++round) {
    std::erase_if(paths,
                  [](const std::string& path) { return ::dlopen(path.c_str(), RTLD_LAZY | RTLD_GLOBAL) != nullptr; });
  }
}

}  // namespace mien
