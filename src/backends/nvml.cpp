// NVIDIA's management library comes with the driver, so that it is asked by its binary interface and no header of
// theirs is needed.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>

#include "backends/backend.h"
#include "backends/probe.h"
#include "base/dynamic_library.h"
#include "base/processor.h"

namespace mien {
namespace {

constexpr int kNvmlSuccess = 0;
constexpr int kNotSupported = 3;
constexpr int kDriverNotLoaded = 9;
constexpr int kVersionsDiffer = 18;
constexpr unsigned kNvmlDevicesMax = 64;

using Handle = struct nvml_device*;

struct Memory {
  std::uint64_t total;
  std::uint64_t free;
  std::uint64_t used;
};

// A process as version 3 of the call gives it.
struct Process {
  unsigned pid;
  std::uint64_t used;
  unsigned gpu_instance;
  unsigned compute_instance;
};
constexpr std::uint64_t kNotKnown = ~std::uint64_t{0};

struct Nvml {
  DynamicLibrary library;
  int (*init)() = library["nvmlInit_v2"];
  int (*shutdown)() = library["nvmlShutdown"];
  const char* (*error_text)(int) = library["nvmlErrorString"];
  int (*driver_version)(char*, unsigned) = library["nvmlSystemGetDriverVersion"];
  int (*cuda_version)(int*) = library["nvmlSystemGetCudaDriverVersion_v2"];
  int (*device_count)(unsigned*) = library["nvmlDeviceGetCount_v2"];
  int (*device_handle)(unsigned, Handle*) = library["nvmlDeviceGetHandleByIndex_v2"];
  int (*device_name)(Handle, char*, unsigned) = library["nvmlDeviceGetName"];
  int (*device_uuid)(Handle, char*, unsigned) = library["nvmlDeviceGetUUID"];
  int (*device_memory)(Handle, Memory*) = library["nvmlDeviceGetMemoryInfo"];
  // Null in old drivers.
  int (*processes)(Handle, unsigned*, Process*) = library.find_optional("nvmlDeviceGetComputeRunningProcesses_v3");
};

std::string describe(const Nvml& nvml, int code) {
  if (code == kDriverNotLoaded) return "the kernel has not loaded NVIDIA's driver";
  if (code == kVersionsDiffer) {
    return "NVIDIA's driver in the kernel and its libraries are of different versions: restart the computer, or bring "
           "the container's libraries to the host's version";
  }
  const char* const text = nvml.error_text(code);
  return fmt::format("NVIDIA's driver answers: {}", text == nullptr ? fmt::format("error {}", code) : text);
}

template <typename Function>
std::string read_text(const Function& function) {
  std::array<char, 256> text{};
  if (function(text.data(), static_cast<unsigned>(text.size() - 1)) != kNvmlSuccess) return "";
  return text.data();
}

void read_memory(const Nvml& nvml, Handle handle, const ProbeRoots& roots, Device& device) {
  Memory memory{};
  const int code = nvml.device_memory(handle, &memory);
  if (code == kNvmlSuccess) {
    device.memory_total_mb = static_cast<std::int64_t>(memory.total / kBytesInMebibyte);
    device.memory_free_mb = static_cast<std::int64_t>(memory.free / kBytesInMebibyte);
    device.memory_used_mb = static_cast<std::int64_t>(memory.used / kBytesInMebibyte);
  } else if (code == kNotSupported) {  // a GPU that has none of its own, as in Jetson and DGX Spark
    read_system_memory(roots.root, device);
    device.unified_memory = true;
  }
}

// Returns the memory that programs named mien hold, this one among them. The driver numbers processes as the computer
// does, so that in a container with numbers of its own nobody's name is found.
std::int64_t read_held_mb(const Nvml& nvml, Handle handle, const ProbeRoots& roots) {
  if (nvml.processes == nullptr) return 0;
  std::array<Process, 256> processes{};
  unsigned count = processes.size();
  if (nvml.processes(handle, &count, processes.data()) != kNvmlSuccess) return 0;
  std::uint64_t held = 0;
  for (const Process& process : std::span(processes).first(std::min<std::size_t>(count, processes.size()))) {
    const std::string name = read_small_file(fmt::format("{}/proc/{}/comm", roots.root, process.pid));
    if (name == "mien" && process.used != kNotKnown) held += process.used;
  }
  return static_cast<std::int64_t>(held / kBytesInMebibyte);
}

void read_devices(const Nvml& nvml, const ProbeRoots& roots, NvmlFacts& facts) {
  unsigned count = 0;
  const int code = nvml.device_count(&count);
  if (code != kNvmlSuccess) {
    facts.problem = describe(nvml, code);
    return;
  }
  std::vector<Handle> handles;
  std::vector<std::string> uuids;
  for (unsigned i = 0; i < count && i < kNvmlDevicesMax; ++i) {
    Handle handle = nullptr;
    // One that this user may not ask keeps its number and stays out.
    handles.push_back(nvml.device_handle(i, &handle) == kNvmlSuccess ? handle : nullptr);
    uuids.push_back(handles.back() == nullptr ? "" : read_text([&](char* text, unsigned size) {
      return nvml.device_uuid(handle, text, size);
    }));
  }
  int id = 0;  // CUDA counts what is visible
  for (const int index : visible_devices(roots.cuda_visible, static_cast<int>(handles.size()), uuids)) {
    Device device;
    device.id = id++;
    const Handle handle = handles[static_cast<std::size_t>(index)];
    if (handle == nullptr) continue;
    device.name = read_text([&](char* text, unsigned size) { return nvml.device_name(handle, text, size); });
    if (device.name.empty()) device.name = "NVIDIA GPU";
    device.backend = "cuda";
    device.driver = "NVIDIA " + facts.driver;
    read_memory(nvml, handle, roots, device);
    device.memory_held_mb = read_held_mb(nvml, handle, roots);
    facts.devices.push_back(std::move(device));
  }
}

}  // namespace

NvmlFacts read_nvml(const ProbeRoots& roots) {
  NvmlFacts facts;
  const Result<Nvml> nvml = opened(Nvml{{roots.nvml_library.c_str(), "NVIDIA's driver"}});
  if (!nvml) {
    facts.problem = nvml.error().message;
    return facts;
  }
  if (const int code = nvml->init(); code != kNvmlSuccess) {
    facts.problem = describe(*nvml, code);
    return facts;
  }
  facts.driver = read_text([&](char* text, unsigned size) { return nvml->driver_version(text, size); });
  int cuda = 0;  // 13000: 13.0
  if (nvml->cuda_version(&cuda) == kNvmlSuccess) {
    facts.cuda_major = cuda / 1000;
    facts.cuda_minor = cuda % 1000 / 10;
  }
  read_devices(*nvml, roots, facts);
  nvml->shutdown();
  return facts;
}

std::vector<Device> probe_cuda() { return read_nvml(real_probe_roots()).devices; }

}  // namespace mien
