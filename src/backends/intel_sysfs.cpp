// Intel GPUs by the kernel's own files: /sys/class/drm for the cards, the computer's table of PCI names for theirs.
#include <fmt/format.h>

#include <filesystem>
#include <fstream>

#include "backends/backend.h"
#include "backends/probe.h"
#include "base/processor.h"

namespace mien {
namespace {

namespace fs = std::filesystem;

// Where every CPU of Intel has its GPU; cards have other places.
constexpr std::string_view kPlaceInCpu = "0000:00:02.0";

// Makers begin a line, their devices follow behind a tab: "\t56a0  DG2 [Arc A770]".
std::string name_in(const std::string& path, const std::string& device) {
  std::ifstream file(path);
  bool is_intel = false;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && line[0] != '\t' && line[0] != '#') is_intel = line.starts_with(kIntel.substr(2));
    if (!is_intel || !line.starts_with("\t" + device)) continue;
    const std::size_t name = line.find_first_not_of(' ', 1 + device.size());
    if (name != std::string::npos) return "Intel " + line.substr(name);
  }
  return {};
}

std::string read_name(const std::string& root, const fs::path& device) {
  std::string id = read_small_file(device / "device");
  if (id.starts_with("0x")) id.erase(0, 2);
  for (const char* const table : {"/usr/share/misc/pci.ids", "/usr/share/hwdata/pci.ids"}) {
    if (std::string name = name_in(root + table, id); !name.empty()) return name;
  }
  return "Intel GPU 8086:" + id;
}

std::string read_driver(const std::string& root, const fs::path& device) {
  std::error_code failure;
  const std::string name = fs::read_symlink(device / "driver", failure).filename();
  if (failure || name.empty()) return {};
  const std::string kernel = read_small_file(root + "/proc/sys/kernel/osrelease");
  return kernel.empty() ? name : fmt::format("{} of Linux {}", name, kernel);
}

// A card's own memory is in no file that all of these drivers have: it stays 0, not known.
void read_memory(const std::string& root, const fs::path& device, Device& described) {
  std::error_code failure;
  if (fs::canonical(device, failure).filename() != kPlaceInCpu) return;
  described.unified_memory = true;
  read_system_memory(root, described);
}

}  // namespace

std::vector<Device> read_intel_gpus(const ProbeRoots& roots) {
  std::vector<Device> devices;
  // ONNX Runtime counts the cards in this order too.
  for (const auto& [number, path] : numbered_entries(roots.root + "/sys/class/drm", "card")) {
    const fs::path folder = path / "device";
    if (read_small_file(folder / "vendor") != kIntel) continue;
    Device device;
    device.id = static_cast<int>(devices.size());
    device.name = read_name(roots.root, folder);
    device.backend = "openvino";
    device.driver = read_driver(roots.root, folder);
    read_memory(roots.root, folder, device);
    devices.push_back(std::move(device));
  }
  return devices;
}

std::vector<Device> probe_openvino() { return read_intel_gpus(real_probe_roots()); }

}  // namespace mien
