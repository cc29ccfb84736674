#include "backends/backend_library.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "base/installation.h"
#include "base/log.h"

namespace mien {
namespace {

namespace fs = std::filesystem;

// Makes the folder and those above it, for this user alone. Returns an empty text, or why it cannot.
std::string make_private(const fs::path& folder) {
  std::error_code failure;
  fs::create_directories(folder.parent_path(), failure);
  if (failure) return failure.message();
  if (::mkdir(folder.c_str(), S_IRWXU) == 0) return {};
  const int reason = errno;
  const bool is_there = reason == EEXIST && fs::is_directory(folder, failure);
  // Code that is loaded from this folder runs: the folder must be this user's.
  struct stat facts {};
  if (!is_there || ::stat(folder.c_str(), &facts) != 0) return std::generic_category().message(reason);
  const bool is_ours = facts.st_uid == ::geteuid() && (facts.st_mode & (S_IWGRP | S_IWOTH)) == 0;
  return is_ours ? std::string() : "others may write there";
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
  if (const fs::path user = user_data_folder("backends"); !user.empty()) {
    folders.push_back((user / backend.name).string());
  }
  for (const fs::path& beside : installed_library_folders()) {
    folders.push_back((beside / "backends" / backend.name).string());
  }
  return folders;
}

std::string own_backends_folder(const Settings& settings) {
  if (!settings.backend_dir.empty()) return settings.backend_dir;
  const fs::path user = user_data_folder("backends");
  if (user.empty()) {
    throw Exception(ErrorCode::not_found, "there is no folder for backends of your own: set HOME or MIEN_BACKEND_DIR");
  }
  return user.string();
}

std::string own_backend_folder(const Settings& settings, const Backend& backend) {
  return (fs::path(own_backends_folder(settings)) / backend.name).string();
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

BackendInfo describe_backend(const Settings& settings, const Backend& backend) {
  BackendInfo info;
  info.name = backend.name;
  info.devices = backend.probe_devices();
  const bool is_installed = !installed_backend_library(settings, backend).empty();
  if (info.devices.empty() && backend.library.ends_with(".dylib")) {
    info.status = "for Macs with Apple's processor";
  } else if (info.devices.empty()) {
    info.status = is_installed ? "installed, but no device is there" : "no device";
  } else if (!is_installed) {
    info.status = fmt::format("not installed: mien backends install {}", backend.name);
  } else if (are_software(info.devices) && !settings.allow_software_gpu) {
    info.status = "software only: MIEN_ALLOW_SOFTWARE_GPU=1 lets it be used";
  } else {
    info.usable = true;
    info.status = fmt::format("installed: {} {}", backend.package, backend.version);
    const std::vector<Device> counted = counted_devices(info.devices, settings.allow_software_gpu);
    if (may_try(settings, backend)) info.chosen = find_chosen_device(counted, settings.gpu_device_id);
  }
  return info;
}

std::string compiled_folder(const Backend& backend) {
  const fs::path cache = user_cache_folder();
  // Programs of another version may not load.
  const fs::path folder = cache / "compiled" / fmt::format("{}-{}", backend.name, backend.version);
  const std::string problem = cache.empty() ? "neither HOME nor XDG_CACHE_HOME is set" : make_private(folder);
  if (problem.empty()) return folder.string();
  log(LogLevel::warning,
      fmt::format("{} compiles at each start, because there is no folder to keep its programs in{}: {}", backend.label,
                  cache.empty() ? "" : fmt::format(" ({})", folder.string()), problem));
  return {};
}

std::vector<std::pair<std::string, std::string>> provider_options(const Backend& backend, std::string_view provider,
                                                                  const ProviderWish& wish) {
  std::vector<std::pair<std::string, std::string>> options;
  if (backend.provider_options != nullptr) options = backend.provider_options(wish);
  for (const auto& [of_provider, option] : backend.cache_options) {
    if (of_provider != provider) continue;
    const std::string folder = compiled_folder(backend);
    const std::string value = backend.cache_value == nullptr ? folder : backend.cache_value(folder);
    if (!value.empty()) options.emplace_back(option, value);
  }
  return options;
}

}  // namespace mien
