#include "base/processor.h"

#include <cstdlib>
#include <fstream>
#include <thread>

#include "base/text.h"

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

Device read_cpu() {
  Device cpu;
  cpu.name = read_line_value("/proc/cpuinfo", "model name");
  if (cpu.name.empty()) cpu.name = "CPU";
  cpu.backend = "cpu";
  read_system_memory("", cpu);
  cpu.cores = static_cast<int>(std::thread::hardware_concurrency());
  cpu.features = read_features();
  return cpu;
}

std::string read_line_value(const std::string& path, std::string_view key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(key)) continue;
    std::string_view value = std::string_view(line).substr(key.size());
    const std::size_t start = value.find_first_not_of(" \t");
    if (start == std::string_view::npos || (start == 0 && value[0] != ':')) continue;  // a longer key, or no value
    value.remove_prefix(start);
    if (value.starts_with(':')) value.remove_prefix(1);
    return std::string(trim(value));
  }
  return "";
}

void read_system_memory(const std::string& root, Device& device) {
  const auto megabytes = [&](std::string_view key) {
    return std::strtoll(read_line_value(root + "/proc/meminfo", key).c_str(), nullptr, 10) / 1024;
  };
  device.memory_total_mb = megabytes("MemTotal");
  device.memory_free_mb = megabytes("MemAvailable");
  device.memory_used_mb = device.memory_total_mb - device.memory_free_mb;
}

}  // namespace mien
