#include "backends/backend.h"
#include "base/processor.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>

#include "backends/backend_library.h"
#include "backends/backend_package.h"
#include "base/text.h"

namespace mien {
namespace {

constexpr bool kTestDeviceAllowed = MIEN_TEST_DEVICE_ALLOWED != 0;

using Options = std::vector<std::pair<std::string, std::string>>;

Options cuda_options(const ProviderWish& wish) {
  return {
      // HEURISTIC and EXHAUSTIVE prepare a shape for seconds, with runtime compilation (measured: docs/benchmarks.md).
      {"cudnn_conv_algo_search", upper(wish.cudnn_search)},
      // Its products have ten bits: boxes and embeddings would not be the CPU's.
      {"use_tf32", "0"}};
}

Options rocm_options(const ProviderWish& wish) {
  return {{"device_id", std::to_string(wish.device_id)},
          {"migraphx_mem_limit", std::to_string(wish.memory_bytes_max)},
          {"migraphx_arena_extend_strategy", "kSameAsRequested"}};
}

// The provider knows no option of a device's but what OpenVINO itself is told.
std::string openvino_config(const std::string& cache_folder) {
  // It would compute with 16 bits, and boxes and embeddings would not be the CPU's.
  nlohmann::json config = {{"INFERENCE_PRECISION_HINT", "f32"}};
  if (!cache_folder.empty()) config["CACHE_DIR"] = cache_folder;
  // The CPU stands in for a GPU where software is allowed.
  return nlohmann::json{{"CPU", config}, {"GPU", config}}.dump();
}

Backend cuda_row() {
  return {.name = "cuda",
          .label = "NVIDIA CUDA",
          .providers = {"CUDAExecutionProvider"},
          .asked_as = {"TensorrtExecutionProvider", "CUDAExecutionProvider"},
          .probe_devices = probe_cuda,
          .examine = examine_cuda,
          .library = "libonnxruntime_providers_cuda.so",
          .brings_runtime = true,
          .package = "onnxruntime-gpu",
          .version = "1.31.1",
          .later_libraries = {"libcudnn.so.9", "libcufft.so.12", "libnvrtc.so.13"},
          // cuDNN plans every convolution of every shape.
          .compiles_slowly = true,
          .provider_options = cuda_options,
          .copies_beside = true,
          .plans_by_shape = true,
          .keeps_one_shape = true,
          .allocator_options = {"gpu_external_alloc", "gpu_external_free", "gpu_external_empty_cache"},
          // Else CUDA counts the fastest device first, and NVML does not.
          .variable = {"CUDA_DEVICE_ORDER", "PCI_BUS_ID"}};
}

Backend rocm_row() {
  return {
      .name = "rocm",
      .label = "AMD ROCm",
      .providers = {"MIGraphXExecutionProvider"},
      .asked_as = {"MIGraphXExecutionProvider", "ROCMExecutionProvider"},
      .probe_devices = probe_rocm,
      .examine = examine_rocm,
      .library = "libonnxruntime_providers_migraphx.so",
      .brings_runtime = true,
      .package = "onnxruntime-migraphx",
      .version = "1.27.1",
      .compiles_slowly = true,
      .provider_options = rocm_options,
      // kModelCacheDir of migraphx_execution_provider_info.h, which is also what ORT_MIGRAPHX_MODEL_CACHE_PATH sets.
      .cache_options = {{"MIGraphXExecutionProvider", "migraphx_model_cache_dir"}},
      .plans_by_shape = true,
      .arena = "gpu"};
}

}  // namespace

std::span<const Backend> backends() {
  static const auto table = std::to_array<Backend>({
      cuda_row(),
      rocm_row(),
      {.name = "mps",
       .label = "Apple Metal",
       .providers = {"CoreMLExecutionProvider", "WebGpuExecutionProvider"},
       .probe_devices = probe_mps,
       .examine = examine_mps,
       .library = "libonnxruntime_providers_webgpu.dylib",
       .package = "onnxruntime-ep-webgpu",
       .version = "0.4.0",
       .compiles_slowly = true,
       // onnxruntime.ai/docs/execution-providers/CoreML-ExecutionProvider.html
       .cache_options = {{"CoreMLExecutionProvider", "ModelCacheDirectory"}},
       .plans_by_shape = true},
      {.name = "webgpu",
       .label = "WebGPU (Vulkan, D3D12, Metal)",
       .providers = {"WebGpuExecutionProvider"},
       .probe_devices = probe_webgpu,
       .examine = examine_webgpu,
       .library = "libonnxruntime_providers_webgpu.so",
       .package = "onnxruntime-ep-webgpu",
       .version = "0.4.0",
       .software_variable = "ORT_WEBGPU_EP_ALLOW_SOFTWARE_ADAPTER"},
      {.name = "openvino",
       .label = "OpenVINO (Intel GPUs)",
       .providers = {"OpenVINOExecutionProvider"},
       .probe_devices = probe_openvino,
       .examine = examine_openvino,
       .library = "libonnxruntime_providers_openvino_plugin.so",
       .package = "onnxruntime-ep-openvino",
       .version = "1.8.1",
       // It compiles kernels of OpenCL for every shape.
       .compiles_slowly = true,
       .cache_options = {{"OpenVINOExecutionProvider", "load_config"}},
       .cache_value = openvino_config,
       .plans_by_shape = true,
       // WebGPU runs on the same GPUs, and by drivers that more computers have.
       .by_name_only = true,
       .shares_folder_with = &openvino_package()},
      {.name = "cpu",
       .label = "processor",
       .providers = {"CPUExecutionProvider"},
       .probe_devices = [] { return std::vector{read_cpu()}; }},
  });
  return table;
}

std::vector<std::string_view> backend_names() {
  std::vector<std::string_view> names;
  for (const Backend& backend : backends()) names.push_back(backend.name);
  return names;
}

std::vector<std::string_view> backend_providers(std::string_view name) {
  const Backend* const backend = find_backend(name);
  if (backend == nullptr) return {};
  return backend->asked_as.empty() ? std::vector{backend->providers.front()} : backend->asked_as;
}

const Backend* find_backend(std::string_view name) {
  for (const Backend& backend : backends()) {
    if (backend.name == name) return &backend;
  }
  return nullptr;
}

const Backend& openvino_package() {
  static const Backend package = {.name = "openvino",
                                  .label = "OpenVINO, for processors",
                                  .library = "libopenvino_c.so.2641",
                                  .package = "openvino",
                                  .version = "2026.4.1",
                                  .licence = "Apache-2.0"};
  return package;
}

std::vector<const Backend*> installable_backends(const Settings& settings) {
  std::vector<const Backend*> installable;
  for (const Backend& backend : backends()) {
    if (backend.package.empty()) continue;
    const bool is_wanted = backend.shares_folder_with == nullptr || settings.gpu_backend == backend.name ||
                           !installed_backend_library(settings, backend).empty() || !backend.probe_devices().empty();
    installable.push_back(is_wanted ? &backend : backend.shares_folder_with);
  }
  return installable;
}

bool may_try(const Settings& settings, const Backend& backend) {
  return settings.gpu_backend == backend.name || (settings.gpu_backend == "auto" && !backend.by_name_only);
}

std::vector<const Backend*> candidate_backends(const Settings& settings) {
  // In no table: chosen by MIEN_TEST_DEVICE alone.
  const auto make_test_device = [](bool compiles_slowly) -> Backend {
    return {.name = "test",
            .label = "test device",
            .providers = {"MienTestExecutionProvider"},
            .compiles_slowly = compiles_slowly,
            .copies_beside = true,
            .plans_by_shape = true,
            .keeps_one_shape = true,
            .is_for_tests = true};
  };
  static const Backend kTestDevice = make_test_device(false);
  static const Backend kSlowTestDevice = make_test_device(true);
  if (!settings.test_device.empty()) {
    if (!kTestDeviceAllowed) {
      throw Exception(
          ErrorCode::invalid_argument,
          "MIEN_TEST_DEVICE is for builds with tests, and this is none: unset it, or use the build of ./dev test");
    }
    return {std::getenv("MIEN_TEST_DEVICE_COMPILES_SLOWLY") == nullptr ? &kTestDevice : &kSlowTestDevice};
  }
  std::vector<const Backend*> candidates;
  for (const Backend& backend : backends()) {
    if (may_try(settings, backend) && !backend.is_cpu()) candidates.push_back(&backend);
  }
  return candidates;
}

ProviderLibrary find_backend_library(const Settings& settings, const Backend& backend,
                                     const std::string& runtime_path) {
  if (backend.is_for_tests) return {settings.test_device, {}};
  const std::vector<Device> devices = backend.probe_devices();
  if (settings.gpu_backend == "auto" && devices.empty()) return {{}, fmt::format("no {} device found", backend.label)};
  if (are_software(devices) && !settings.allow_software_gpu) {
    return {{},
            fmt::format("only software is there ({}), which is slower than the CPU's own code: "
                        "MIEN_ALLOW_SOFTWARE_GPU=1 uses it all the same",
                        devices.front().name)};
  }
  if (const std::string installed = installed_backend_library(settings, backend); !installed.empty()) {
    return {installed, {}};
  }
  const std::filesystem::path beside = std::filesystem::path(runtime_path).parent_path() / backend.library;
  std::error_code ignored;
  if (std::filesystem::exists(beside, ignored)) return {beside.string(), {}};
  if (find_backend_package(backend) == nullptr) {
    return {{}, fmt::format("{} is not here, and there is no package of it for this system", backend.library)};
  }
  return {{}, fmt::format("{} is not installed: run 'mien backends install {}'", backend.library, backend.name)};
}

bool are_software(const std::vector<Device>& devices) {
  return !devices.empty() &&
         std::all_of(devices.begin(), devices.end(), [](const Device& device) { return device.is_software; });
}

std::vector<Device> counted_devices(std::vector<Device> devices, bool allow_software) {
  if (allow_software || are_software(devices)) return devices;
  if (std::erase_if(devices, [](const Device& device) { return device.is_software; }) > 0) {
    for (std::size_t i = 0; i < devices.size(); ++i) devices[i].id = static_cast<int>(i);
  }
  return devices;
}

std::optional<Device> find_chosen_device(const Backend& backend, int device_id, bool allow_software) {
  return find_chosen_device(counted_devices(backend.probe_devices(), allow_software), device_id);
}

std::optional<Device> find_chosen_device(const std::vector<Device>& devices, int device_id) {
  const auto chosen =
      std::find_if(devices.begin(), devices.end(), [&](const Device& device) { return device.id == device_id; });
  return chosen != devices.end() ? std::optional(*chosen) : std::nullopt;
}

std::string find_idle_gpu() {
  for (const Backend& backend : backends()) {
    if (backend.is_cpu() || backend.by_name_only) continue;
    for (const Device& device : backend.probe_devices()) {
      if (!device.is_software) return device.name;
    }
  }
  return {};
}

}  // namespace mien
