// The table of backends. To add one: a file with its functions and a row in backend.cpp.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mien/device.h"
#include "mien/settings.h"

namespace mien {

class Examination;
struct Backend;

// What a provider is opened for. Rows take from it what they have an option for.
struct ProviderWish {
  int device_id = 0;
  std::uint64_t memory_bytes_max = 0;    // of its arena
  std::string cudnn_search = "default";  // MIEN_CUDNN_SEARCH
};

// The checks of `mien doctor` that every backend has. They give the devices that they find, usable or not.
std::vector<Device> examine_plainly(Examination& examination, const Backend& backend);

struct Backend {
  std::string_view name;                         // what GPU_BACKEND says
  std::string_view label;                        // "NVIDIA CUDA"
  std::vector<std::string_view> providers = {};  // of ONNX Runtime, in order of preference
  // Providers by which programs for ONNX Runtime ask for it, in that runtime's order; empty: the first one above.
  std::vector<std::string_view> asked_as = {};
  // Returns the devices that are there now, with their memory, without loading a runtime.
  std::vector<Device> (*probe_devices)() = [] { return std::vector<Device>(); };
  // The checks of `mien doctor`, where they are more than those that every backend has.
  std::vector<Device> (*examine)(Examination& examination, const Backend& backend) = examine_plainly;
  // The provider's library and where it comes from; all empty for the CPU.
  std::string_view library = {};  // "libonnxruntime_providers_cuda.so"
  bool brings_runtime = false;    // its package holds an ONNX Runtime of its own, which is then the one that is opened
  std::string_view package = {};  // of PyPI: "onnxruntime-gpu"
  std::string_view version = {};  // of the package
  std::string_view licence = "MIT";
  // Libraries that it asks the loader for later, by names that its headers do not show.
  std::vector<std::string_view> later_libraries = {};
  bool compiles_slowly = false;  // every new shape takes seconds or minutes: it is compiled while the CPU works
  // Options of the provider for what it is opened for; null: it has none.
  std::vector<std::pair<std::string, std::string>> (*provider_options)(const ProviderWish& wish) = nullptr;
  // Providers that keep what they compile in a folder, and their option that names it.
  std::vector<std::pair<std::string_view, std::string_view>> cache_options = {};
  // Where that option holds more than the folder: its value, also for no folder ("").
  std::string (*cache_value)(const std::string& folder) = nullptr;
  bool copies_beside = false;  // one thread may copy while another computes
  // It prepares models for each shape of their inputs at length: few shapes are used, with masks for smaller images.
  bool plans_by_shape = false;
  // The provider forgets what it prepared for a shape at the next one: each shape gets a session of its own.
  bool keeps_one_shape = false;
  // Options that take the addresses of functions to allocate, to free and to trim, where the provider lets its user do
  // that: then GPU_MEMORY_LIMIT_GB holds for all that it takes, and sessions share what they compute with.
  std::vector<std::string_view> allocator_options = {};
  // The runtime's name for its arena when it is to shrink ("gpu"); empty where it has none.
  std::string_view arena = {};
  // Variables that are set in the environment before the library is loaded, unless the user has set them; the second
  // one only where software adapters are allowed.
  std::pair<const char*, const char*> variable = {};
  const char* software_variable = nullptr;
  bool by_name_only = false;  // `auto` passes it over
  // Another row whose package goes into the same folder, because both load libraries of equal names into one process.
  const Backend* shares_folder_with = nullptr;
  bool is_for_tests = false;  // the test device: not in the table, chosen by MIEN_TEST_DEVICE alone

  bool is_cpu() const { return library.empty() && !is_for_tests; }
};

// In the order in which `auto` tries them; cpu is always last and always there.
std::span<const Backend> backends();
// Null when there is none of this name.
const Backend* find_backend(std::string_view name);
// The package of OpenVINO is no backend, but is installed like one: the runtime for CPUs (src/device/openvino.cpp).
const Backend& openvino_package();
// Returns the backends that `mien backends install` knows: those that have a package. For openvino that is the runtime
// for CPUs alone, unless an Intel GPU is here, GPU_BACKEND names it, or what it needs is here already.
std::vector<const Backend*> installable_backends(const Settings& settings);

// Whether the settings name it, or leave the choice to `auto`.
bool may_try(const Settings& settings, const Backend& backend);
// Returns the backends that the settings allow, in the order to try: one that is named, all but the CPU for auto.
std::vector<const Backend*> candidate_backends(const Settings& settings);

// Where a backend's provider library is, or what to do about its absence.
struct ProviderLibrary {
  std::string path;
  std::string problem;
};
ProviderLibrary find_backend_library(const Settings& settings, const Backend& backend, const std::string& runtime_path);

// Whether there are devices, and all of them are software.
bool are_software(const std::vector<Device>& devices);
// Returns the devices that GPU_DEVICE_ID counts: software ones where it is allowed, or where nothing else is there.
std::vector<Device> counted_devices(std::vector<Device> devices, bool allow_software);
// Returns the device among them that GPU_DEVICE_ID names. Nothing where there are fewer.
std::optional<Device> find_chosen_device(const std::vector<Device>& devices, int device_id);
// The same among the backend's own devices as they are now.
std::optional<Device> find_chosen_device(const Backend& backend, int device_id, bool allow_software);

// The name of a GPU that is no software; empty when there is none.
std::string find_idle_gpu();

// Rows' functions: one file each for the devices, one for the checks.
std::vector<Device> probe_cuda();      // NVML
std::vector<Device> probe_rocm();      // the kernel's own files (/sys/class/drm, /sys/class/kfd)
std::vector<Device> probe_mps();       // Metal; none on other systems
std::vector<Device> probe_openvino();  // the kernel's own files (/sys/class/drm)
std::vector<Device> probe_webgpu();    // Vulkan
std::vector<Device> examine_cuda(Examination& examination, const Backend& backend);
std::vector<Device> examine_rocm(Examination& examination, const Backend& backend);
std::vector<Device> examine_mps(Examination& examination, const Backend& backend);
std::vector<Device> examine_openvino(Examination& examination, const Backend& backend);
std::vector<Device> examine_webgpu(Examination& examination, const Backend& backend);

}  // namespace mien
