// The libraries that run models on GPUs: fetched by the name of their package, each backend into a folder of its own.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "mien/export.h"
#include "mien/settings.h"

namespace mien {

struct BackendLibrary {
  std::string name;     // cuda
  std::string label;    // NVIDIA CUDA
  std::string package;  // of PyPI: onnxruntime-gpu
  std::string version;  // of the package
  std::string licence;
  std::string also;    // another package that goes into the same folder: openvino 2026.4.1 (Apache-2.0)
  std::string folder;  // where it lies, or would lie
  bool installed = false;
  bool removable = false;           // lies in the user's own folder
  std::string problem;              // why it cannot be fetched for this computer; empty: it can
  std::int64_t download_bytes = 0;  // of the package
  std::int64_t size_bytes = 0;      // of the files that are kept
  std::vector<std::string> files;
};

MIEN_API std::vector<BackendLibrary> list_backend_libraries(const Settings& settings);

struct InstallBackendOptions {
  std::string wheels_folder;  // with the package as pip downloads it; empty: pip is asked to fetch it
  bool force = false;         // although it is here
  std::stop_token stop = {};
  std::function<void(const BackendLibrary&)> on_plan = {};  // before anything is fetched
};

// Fetches, unpacks, compares checksums, and only then puts the folder in its place. Throws Exception:
// invalid_argument (no such backend), unsupported (none for this computer; no libarchive), not_found (no package in
// wheels_folder), io (no python3, no pip, network, disk), bad_data (another checksum), cancelled.
MIEN_API BackendLibrary install_backend(const Settings& settings, const std::string& name,
                                        const InstallBackendOptions& options = {});

struct RemovedBackend {
  std::string folder;
  std::int64_t bytes_freed = 0;
};
// Throws Exception: invalid_argument (no such backend, or it lies elsewhere), not_found (not installed), io.
MIEN_API RemovedBackend remove_backend(const Settings& settings, const std::string& name);

}  // namespace mien
