// Where the probes look. Everything about a GPU is asked of its driver or the kernel; no runtime is loaded.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mien/device.h"

namespace mien {

// PCI's numbers of those who make GPUs.
inline constexpr std::string_view kNvidia = "0x10de";
inline constexpr std::string_view kAmd = "0x1002";
inline constexpr std::string_view kIntel = "0x8086";

inline constexpr std::int64_t kBytesInMebibyte = std::int64_t{1} << 20;

// Tests put a folder and libraries of their own here.
struct ProbeRoots {
  std::string root = "";  // stands before /sys, /proc, /dev, /usr; empty: this computer's own
  std::string nvml_library = "libnvidia-ml.so.1";
  std::string vulkan_library = "libvulkan.so.1";
  // CUDA_VISIBLE_DEVICES and HIP_VISIBLE_DEVICES (or ROCR_VISIBLE_DEVICES) as the programs of those makers read them.
  std::optional<std::string> cuda_visible = std::nullopt;
  std::optional<std::string> rocm_visible = std::nullopt;
};

// The computer's own, with the variables of this process.
ProbeRoots real_probe_roots();

// The answers of NVIDIA's driver.
struct NvmlFacts {
  std::string problem;  // why it cannot be asked; empty: it answered
  std::string driver;   // "580.82.07"
  int cuda_major = 0;   // newest CUDA that this driver runs: 13, 0
  int cuda_minor = 0;
  std::vector<Device> devices;
};
NvmlFacts read_nvml(const ProbeRoots& roots);

// A GPU as the kernel's driver for AMD GPUs describes it.
struct AmdGpu {
  Device device;
  std::string gfx;      // "gfx1031"; empty without the compute driver (/dev/kfd)
  int render_node = 0;  // 128 of /dev/dri/renderD128; 0: not known
};
std::vector<AmdGpu> read_amd_gpus(const ProbeRoots& roots);

// Returns the GPUs that the kernel's drivers for Intel GPUs (i915, xe) name.
std::vector<Device> read_intel_gpus(const ProbeRoots& roots);

// The answers of Vulkan's drivers.
struct VulkanFacts {
  std::string problem;  // why they cannot be asked; empty: they answered, perhaps with no device
  std::vector<Device> devices;
};
VulkanFacts read_vulkan(const ProbeRoots& roots);

// Which of `count` devices a variable like CUDA_VISIBLE_DEVICES leaves, in its order. Without the variable all of them.
// The first word that names no device ends the list. `uuids` may be empty where there are none.
std::vector<int> visible_devices(const std::optional<std::string>& variable, int count,
                                 const std::vector<std::string>& uuids);

// Entries of a folder called `prefix` and a number, by that number. None when the folder is not there.
std::map<int, std::filesystem::path> numbered_entries(const std::filesystem::path& folder, std::string_view prefix);
// A small file of the kernel without spaces at its ends; empty when it cannot be read.
std::string read_small_file(const std::string& path);

}  // namespace mien
