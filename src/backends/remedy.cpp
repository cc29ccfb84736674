#include "backends/remedy.h"

#include <fmt/format.h>

#include <array>

#include "mien/tools/doctor.h"

namespace mien {
namespace {

// In the order in which they are looked for: longer names before those that they start with.
constexpr std::array kRemedies = std::to_array<Remedy>({
    {"libcublasLt.so.13", "cuBLAS for CUDA 13", "nvidia-cublas", ""},
    {"libcublas.so.13", "cuBLAS for CUDA 13", "nvidia-cublas", ""},
    {"libcudart.so.13", "the CUDA 13 runtime", "nvidia-cuda-runtime", ""},
    {"libcurand.so.10", "cuRAND", "nvidia-curand", ""},
    {"libcufft.so.12", "cuFFT for CUDA 13", "nvidia-cufft", ""},
    {"libnvrtc.so.13", "CUDA 13's compiler at run time", "nvidia-cuda-nvrtc", ""},
    {"libnvJitLink.so.13", "CUDA 13's linker", "nvidia-nvjitlink", ""},
    {"libcudnn.so.9", "cuDNN 9", "nvidia-cudnn-cu13", ""},
    {"libcudnn", "cuDNN 9", "nvidia-cudnn-cu13", ""},
    {"libcublasLt.so.12", "cuBLAS for CUDA 12", "nvidia-cublas-cu12", ""},
    {"libcublas.so.12", "cuBLAS for CUDA 12", "nvidia-cublas-cu12", ""},
    {"libcudart.so.12", "the CUDA 12 runtime", "nvidia-cuda-runtime-cu12", ""},
    {"libcufft.so.11", "cuFFT for CUDA 12", "nvidia-cufft-cu12", ""},
    {"libnvrtc.so.12", "CUDA 12's compiler at run time", "nvidia-cuda-nvrtc-cu12", ""},
    {"libnvinfer", "TensorRT", "tensorrt", "", "mien needs it for nothing: use the backend cuda without TensorRT"},
    {"libcuda.so.1", "NVIDIA's driver", "", "nvidia-driver", "in a container: start it with --gpus all"},
    {"libnvidia-ml.so.1", "NVIDIA's driver", "", "nvidia-driver", "in a container: start it with --gpus all"},
    {"CUDA driver version is insufficient", "a newer NVIDIA driver", "", "nvidia-driver",
     "the driver is older than the CUDA that the backend was built for"},
    {"no CUDA-capable device", "", "", "", "no NVIDIA GPU is visible: look at CUDA_VISIBLE_DEVICES and nvidia-smi"},
    {"libmigraphx_c.so.3", "AMD MIGraphX of ROCm 7", "", "migraphx", "from AMD's package source for ROCm 7"},
    {"libmigraphx", "AMD MIGraphX", "", "migraphx", "from AMD's package source for ROCm 7"},
    {"libamdhip64.so", "AMD's HIP runtime", "", "hip-runtime-amd", "from AMD's package source for ROCm 7"},
    {"libhsa-runtime64.so", "AMD's HSA runtime", "", "hsa-rocr", "from AMD's package source for ROCm 7"},
    {"librocblas.so", "rocBLAS", "", "rocblas", "from AMD's package source for ROCm 7"},
    {"libMIOpen.so", "AMD MIOpen", "", "miopen-hip", "from AMD's package source for ROCm 7"},
    {"hipErrorNoBinaryForGpu", "", "", "",
     "ROCm has no code for this GPU: HSA_OVERRIDE_GFX_VERSION may help ('mien doctor' says which)"},
    {"libvulkan.so.1", "Vulkan's loader", "", "libvulkan1"},
    {"libOpenCL.so.1", "OpenCL's loader", "", "ocl-icd-libopencl1"},
    {"libze_loader.so.1", "Level Zero's loader", "", "libze1"},
    {"libonnxruntime_providers_shared.so", "a complete backend", "", "", "fetch it again: mien backends install NAME"},
    {"libonnxruntime", "ONNX Runtime", "", "", "run ./dev build, or set MIEN_ORT_LIBRARY"},
    {"libstdc++.so.6", "a newer C++ library", "", "libstdc++6"},
    {"GLIBC_", "a newer system", "", "", "the backend needs a newer C library: Debian 12, Ubuntu 22.04 or later"},
    {"is not enabled in this build", "", "", "",
     "the library that was opened is of another backend: mien backends install NAME"},
    {"out of memory", "", "", "", "set GPU_BATCH_SIZE or GPU_MEMORY_LIMIT_GB lower, or end other programs on the GPU"},
    {"OUT_OF_MEMORY", "", "", "", "set GPU_BATCH_SIZE or GPU_MEMORY_LIMIT_GB lower, or end other programs on the GPU"},
    {"Permission denied", "", "", "", "this user may not use the device: 'mien doctor' names the groups to join"},
});

}  // namespace

const Remedy* find_remedy(std::string_view error_text) {
  for (const Remedy& remedy : kRemedies) {
    if (error_text.find(remedy.fragment) != std::string_view::npos) return &remedy;
  }
  return nullptr;
}

std::string remedy_for(std::string_view error_text) {
  const Remedy* const remedy = find_remedy(error_text);
  if (remedy == nullptr) return "";
  if (remedy->what.empty()) return std::string(remedy->advice);
  std::string text = fmt::format("{} is missing", remedy->what);
  if (!remedy->pip_package.empty()) text += fmt::format(": install {} of PyPI", remedy->pip_package);
  if (!remedy->apt_package.empty()) text += fmt::format(": install the package {}", remedy->apt_package);
  if (!remedy->advice.empty()) text += fmt::format("; {}", remedy->advice);
  return text + " ('mien doctor' prints the line to run)";
}

}  // namespace mien
