#include "device/backend.h"

#include <array>

namespace mien {
namespace {

using Options = std::vector<std::pair<std::string, std::string>>;

Options no_options(int /*device_id*/, std::uint64_t /*memory_bytes_max*/) { return {}; }

Options cuda_options(int device_id, std::uint64_t memory_bytes_max) {
  // An arena that asks for what it needs stays below the ceiling longer than one that grows by powers of two.
  return {{"device_id", std::to_string(device_id)},
          {"gpu_mem_limit", std::to_string(memory_bytes_max)},
          {"arena_extend_strategy", "kSameAsRequested"},
          {"cudnn_conv_algo_search", "HEURISTIC"}};
}

Options rocm_options(int device_id, std::uint64_t memory_bytes_max) {
  return {{"device_id", std::to_string(device_id)},
          {"migraphx_mem_limit", std::to_string(memory_bytes_max)},
          {"migraphx_arena_extend_strategy", "kSameAsRequested"}};
}

}  // namespace

std::span<const Backend> backends() {
  static const std::array<Backend, 5> table = {{
      {.name = "cuda",
       .label = "NVIDIA CUDA",
       .providers = {"CUDAExecutionProvider"},
       .probe_devices = probe_cuda,
       .library = "libonnxruntime_providers_cuda.so",
       .brings_runtime = true,
       .package = "onnxruntime-gpu",
       .version = "1.31.1",
       .compiles_slowly = false,
       .provider_options = cuda_options},
      {.name = "rocm",
       .label = "AMD ROCm",
       .providers = {"MIGraphXExecutionProvider"},
       .probe_devices = probe_rocm,
       .library = "libonnxruntime_providers_migraphx.so",
       .brings_runtime = true,
       .package = "onnxruntime-migraphx",
       .version = "1.27.1",
       .compiles_slowly = true,
       .provider_options = rocm_options},
      {.name = "mps",
       .label = "Apple Metal",
       .providers = {"CoreMLExecutionProvider", "WebGpuExecutionProvider"},
       .probe_devices = probe_mps,
       .library = "libonnxruntime_providers_webgpu.dylib",
       .brings_runtime = false,
       .package = "onnxruntime-ep-webgpu",
       .version = "0.4.0",
       .compiles_slowly = true,
       .provider_options = no_options},
      {.name = "webgpu",
       .label = "WebGPU (Vulkan, D3D12, Metal)",
       .providers = {"WebGpuExecutionProvider"},
       .probe_devices = probe_webgpu,
       .library = "libonnxruntime_providers_webgpu.so",
       .brings_runtime = false,
       .package = "onnxruntime-ep-webgpu",
       .version = "0.4.0",
       .compiles_slowly = false,
       .provider_options = no_options},
      {.name = "cpu",
       .label = "processor",
       .providers = {"CPUExecutionProvider"},
       .probe_devices = probe_cpu,
       .library = {},
       .brings_runtime = false,
       .package = {},
       .version = {},
       .compiles_slowly = false,
       .provider_options = no_options},
  }};
  return table;
}

const Backend* find_backend(std::string_view name) {
  for (const Backend& backend : backends()) {
    if (backend.name == name) return &backend;
  }
  return nullptr;
}

}  // namespace mien
