// The CPUs that mien can run on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mien/export.h"
#include "mien/settings.h"

namespace mien {

// A CPU or GPU as its driver describes it.
struct Device {
  int id = 0;
  std::string name;
  std::string backend;               // cpu, cuda, ...
  std::int64_t memory_total_mb = 0;  // 1 MB = 2^20 bytes
  std::int64_t memory_free_mb = 0;
  std::int64_t memory_used_mb = 0;  // by all programs, as the driver reports it; 0 when it does not
  std::int64_t memory_held_mb = 0;  // by programs named mien, as NVIDIA's driver reports it; 0 when none does
  bool unified_memory = false;      // the CPU's own memory: total and free are shared with all programs
  bool is_software = false;         // a GPU that is emulated on the CPU
  std::string driver;               // "NVIDIA 580.82.07", "Mesa 25.0.7"; empty: not known
  int cores = 0;                    // of a CPU, 0 otherwise
  std::string features;             // instruction sets that mien uses: "avx512 avx512_bf16"
};

// "GPUDevice(id=0, name='NVIDIA GeForce RTX 4090', memory=8192/24576MB, backend=cuda)": free MB, then total MB.
MIEN_API std::string to_string(const Device& device);

struct BackendInfo {
  std::string name;
  bool usable = false;  // its library is here, and a device that the settings allow
  std::string status;   // "ready: onnxruntime 1.31.1", or why not
  std::vector<Device> devices;
  // The GPU that GPU_BACKEND and GPU_DEVICE_ID mean; empty where they pass this backend over or it cannot be used.
  std::optional<Device> chosen;
};

// Asks the drivers, and opens the CPU's runtime to tell its version.
MIEN_API std::vector<BackendInfo> list_backends(const Settings& settings);

// The providers by which programs for ONNX Runtime ask for this backend ("CUDAExecutionProvider"), in that runtime's
// order. None where there is no backend of this name.
MIEN_API std::vector<std::string_view> backend_providers(std::string_view backend);

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
