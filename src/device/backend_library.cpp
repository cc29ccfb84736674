#include "device/backend_library.h"

#include <cstdlib>
#include <filesystem>

#include "base/installation.h"

namespace mien {
namespace {

namespace fs = std::filesystem;

// $XDG_DATA_HOME/mien/backends or ~/.local/share/mien/backends; empty when neither is known.
fs::path user_folder() {
  if (const char* data = std::getenv("XDG_DATA_HOME"); data != nullptr && *data != '\0') {
    return fs::path(data) / "mien" / "backends";
  }
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0') {
    return fs::path(home) / ".local" / "share" / "mien" / "backends";
  }
  return {};
}

// The folder that holds the provider's library; empty when none does.
fs::path installed_folder(const Settings& settings, const Backend& backend) {
  if (backend.library.empty()) return {};
  std::error_code ignored;
  for (const std::string& folder : backend_folders(settings, backend)) {
    if (fs::is_regular_file(fs::path(folder) / backend.library, ignored)) return folder;
  }
  return {};
}

}  // namespace

std::vector<std::string> backend_folders(const Settings& settings, const Backend& backend) {
  if (!settings.backend_dir.empty()) return {(fs::path(settings.backend_dir) / backend.name).string()};
  std::vector<std::string> folders;
  if (const fs::path user = user_folder(); !user.empty()) folders.push_back((user / backend.name).string());
  for (const fs::path& beside : installed_library_folders()) {
    folders.push_back((beside / "backends" / backend.name).string());
  }
  return folders;
}

std::string own_backend_folder(const Settings& settings, const Backend& backend) {
  if (!settings.backend_dir.empty()) return (fs::path(settings.backend_dir) / backend.name).string();
  const fs::path user = user_folder();
  if (user.empty()) {
    throw Exception(ErrorCode::not_found, "there is no folder for backends of your own: set HOME or MIEN_BACKEND_DIR");
  }
  return (user / backend.name).string();
}

std::string installed_backend_library(const Settings& settings, const Backend& backend) {
  const fs::path folder = installed_folder(settings, backend);
  return folder.empty() ? "" : (folder / backend.library).string();
}

std::string installed_backend_runtime(const Settings& settings, const Backend& backend) {
  const fs::path folder = installed_folder(settings, backend);
  if (folder.empty() || !backend.brings_runtime) return "";
  std::error_code failure;
  for (fs::directory_iterator entry(folder, failure), end; !failure && entry != end; entry.increment(failure)) {
    if (entry->path().filename().string().starts_with("libonnxruntime.so")) return entry->path().string();
  }
  return "";
}

}  // namespace mien
