// The processor itself: its name, cores, memory, and the instruction sets that our kernels or the runtimes use.
#include <string>
#include <thread>

#include "device/backend.h"
#include "device/probe.h"

namespace mien {
namespace {

std::string read_features() {
  // The kernel's names, and only those that decide which path runs.
  const std::string flags =
      " " + read_line_value("/proc/cpuinfo", "flags") + " " + read_line_value("/proc/cpuinfo", "Features") + " ";
  std::string features;
  for (const char* name : {"avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "asimd", "bf16"}) {
    if (flags.find(std::string(" ") + name + " ") == std::string::npos) continue;
    features += (features.empty() ? "" : " ") + std::string(name);
  }
  return features;
}

}  // namespace

std::vector<Device> probe_cpu() {
  Device cpu;
  cpu.name = read_line_value("/proc/cpuinfo", "model name");
  if (cpu.name.empty()) cpu.name = "CPU";
  cpu.backend = "cpu";
  const SystemMemory memory = read_system_memory("");
  cpu.memory_total_mb = memory.total_mb;
  cpu.memory_free_mb = memory.available_mb;
  cpu.memory_used_mb = memory.total_mb - memory.available_mb;
  cpu.cores = static_cast<int>(std::thread::hardware_concurrency());
  cpu.features = read_features();
  return {cpu};
}

}  // namespace mien
