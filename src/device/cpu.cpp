// The processor itself: its name, cores, memory, and the instruction sets that our kernels or the runtimes use.
#include <fstream>
#include <string>
#include <thread>

#include "device/backend.h"

namespace mien {
namespace {

// The value of "key : value" in a file of such lines; empty when it is not there.
std::string read_field(const char* path, std::string_view key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(key)) continue;
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::size_t start = line.find_first_not_of(" \t", colon + 1);
    return start == std::string::npos ? "" : line.substr(start);
  }
  return "";
}

std::int64_t read_memory_mb(std::string_view key) {
  const std::string value = read_field("/proc/meminfo", key);
  return value.empty() ? 0 : std::strtoll(value.c_str(), nullptr, 10) / 1024;
}

std::string read_features() {
  // The kernel's names, and only those that decide which path runs.
  const std::string flags =
      " " + read_field("/proc/cpuinfo", "flags") + " " + read_field("/proc/cpuinfo", "Features") + " ";
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
  cpu.name = read_field("/proc/cpuinfo", "model name");
  if (cpu.name.empty()) cpu.name = "CPU";
  cpu.backend = "cpu";
  cpu.memory_total_mb = read_memory_mb("MemTotal");
  cpu.memory_free_mb = read_memory_mb("MemAvailable");
  cpu.cores = static_cast<int>(std::thread::hardware_concurrency());
  cpu.features = read_features();
  return {cpu};
}

}  // namespace mien
