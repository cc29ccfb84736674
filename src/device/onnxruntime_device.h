// Devices behind ONNX Runtime's providers that come as libraries of their own (CUDA, MIGraphX, WebGPU).
#pragma once

#include <memory>
#include <string>

#include "backends/backend.h"
#include "device/accelerator.h"

namespace mien {

struct AcceleratorOptions {
  int device_id = 0;
  std::uint64_t memory_bytes_max = 0;
  bool allow_software = false;
  std::string library;                   // path of the provider's library
  std::string cudnn_search = "default";  // Settings::cudnn_search
};

// Loads the provider's library into the runtime that is open in this process and takes one of its devices. Throws
// DeviceFailure with the runtime's own words for what is missing.
std::unique_ptr<Accelerator> open_accelerator(const Backend& backend, const AcceleratorOptions& options);

}  // namespace mien
