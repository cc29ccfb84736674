#include "base/processor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>
#include <vector>

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

namespace {

// The folders of this process's control group and those above it, the innermost first; of the second version where the
// kernel has that alone, else of the first one's `controller`.
std::vector<std::filesystem::path> control_groups(const std::string& root, std::string_view controller) {
  std::ifstream file(root + "/proc/self/cgroup");
  std::filesystem::path base, group;
  for (std::string line; std::getline(file, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const bool is_unified = controllers == ",,";
    const bool is_meant = controllers.find(fmt::format(",{},", controller)) != std::string::npos;
    if (!is_meant && (!is_unified || !base.empty())) continue;
    base = root + "/sys/fs/cgroup" + (is_meant ? "/" + std::string(controller) : "");
    group = line.substr(second + 1);
  }
  if (base.empty()) return {};
  // Inside a container the path may be the host's, which is not there.
  std::vector<std::filesystem::path> folders;
  for (std::filesystem::path one = group.relative_path(); !one.empty(); one = one.parent_path()) {
    folders.push_back(base / one);
  }
  folders.push_back(base);
  return folders;
}

// The number at the start of a file; nothing for "max", and where it is not there or no limit.
std::optional<double> read_limit(const std::filesystem::path& path) {
  double value = 0;
  if (!(std::ifstream(path) >> value) || value <= 0) return std::nullopt;
  return value;
}

// Processors that a group may use; nothing without a quota.
std::optional<double> quota_of(const std::filesystem::path& folder) {
  constexpr double kPeriod = 100'000;  // microseconds, where none is stated
  double quota = 0, period = kPeriod;
  if (std::ifstream unified(folder / "cpu.max"); unified >> quota) {
    unified >> period;
    return quota > 0 && period > 0 ? std::optional(quota / period) : std::nullopt;
  }
  const std::optional<double> first = read_limit(folder / "cpu.cfs_quota_us");
  if (!first) return std::nullopt;
  return *first / read_limit(folder / "cpu.cfs_period_us").value_or(kPeriod);
}

}  // namespace

int usable_processors(const std::string& root) {
  double usable = std::max(1U, std::thread::hardware_concurrency());
  for (const std::filesystem::path& folder : control_groups(root, "cpu")) {
    usable = std::min(usable, quota_of(folder).value_or(usable));
  }
  return std::max(1, static_cast<int>(std::ceil(usable)));
}

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
  constexpr double kMegabyte = 1 << 20;
  for (const std::filesystem::path& folder : control_groups(root, "memory")) {
    std::optional<double> limit = read_limit(folder / "memory.max");
    if (!limit) limit = read_limit(folder / "memory.limit_in_bytes");
    if (!limit || *limit / kMegabyte >= static_cast<double>(device.memory_total_mb)) continue;
    device.memory_total_mb = static_cast<std::int64_t>(*limit / kMegabyte);
    device.memory_free_mb = std::min(device.memory_free_mb, device.memory_total_mb);
  }
  device.memory_used_mb = device.memory_total_mb - device.memory_free_mb;
}

}  // namespace mien
