// The processors that mien can run on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mien/export.h"
#include "mien/settings.h"

namespace mien {

struct Device {
  int id = 0;
  std::string name;
  std::string backend;               // cpu, cuda, ...
  std::int64_t memory_total_mb = 0;  // 1 MB = 2^20 bytes
  std::int64_t memory_free_mb = 0;
  int cores = 0;         // of a CPU, 0 otherwise
  std::string features;  // instruction sets that mien uses: "avx512 avx512_bf16"
};

struct BackendInfo {
  std::string name;
  bool built_in = true;
  std::string status;  // "ready: onnxruntime 1.31.1", or why not
  std::vector<Device> devices;
};

MIEN_API std::vector<BackendInfo> list_backends(const Settings& settings);

struct VersionInfo {
  std::string version;  // 0.1.0
  std::string commit;   // short hash, "+" behind it when the tree was changed
  std::string runtime;  // "onnxruntime 1.31.1 (path)", or why it could not be loaded
  std::vector<std::string> backends;
  std::vector<std::string> formats;  // image formats that can be read
  // Those that cannot: "heic: built without libheif (Debian package libheif-dev)", or why its library does not open.
  std::vector<std::string> formats_missing;
};
MIEN_API VersionInfo version_info(const Settings& settings);

}  // namespace mien
