#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "backends/doctor.h"

namespace mien {
namespace {

namespace fs = std::filesystem;

// Files that name Vulkan's drivers.
std::vector<std::string> driver_files(const Examination& examination) {
  const DoctorRoots& roots = examination.roots();
  for (const char* const name : {"VK_DRIVER_FILES", "VK_ICD_FILENAMES"}) {
    if (const std::string files = roots.search.variable(name); !files.empty()) return {files};
  }
  std::vector<std::string> files;
  for (const char* const folder : {"/etc/vulkan/icd.d", "/usr/share/vulkan/icd.d", "/usr/local/share/vulkan/icd.d"}) {
    std::error_code failure;
    for (fs::directory_iterator entry(roots.probe.root + folder, failure), end; !failure && entry != end;
         entry.increment(failure)) {
      if (entry->path().extension() == ".json") files.push_back(entry->path().filename().string());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

// The loader and a driver; false when one of them is missing.
bool examine_vulkan(Examination& examination, const VulkanFacts& facts, bool has_gpu) {
  if (facts.problem.find("cannot be opened") != std::string::npos) {
    examination.problem(
        {"Vulkan's loader", facts.problem, "install libvulkan1", examination.apt_install("libvulkan1")});
    return false;
  }
  examination.ok("Vulkan's loader", examination.roots().probe.vulkan_library);
  const std::vector<std::string> files = driver_files(examination);
  if (!facts.devices.empty()) {
    examination.ok("Vulkan's driver",
                   facts.devices.front().driver.empty() ? "there is one" : facts.devices.front().driver);
    return true;
  }
  std::string found = facts.problem.empty() ? "Vulkan shows no device" : facts.problem;
  if (!files.empty()) found += fmt::format(" ({})", fmt::join(files, ", "));
  if (!has_gpu) {
    examination.skip("Vulkan's driver", found + ", and this computer has no GPU");
  } else {
    examination.problem({"Vulkan's driver", found, "AMD and Intel: install mesa-vulkan-drivers; NVIDIA: its driver",
                         examination.apt_install("mesa-vulkan-drivers")});
  }
  return false;
}

}  // namespace

Devices examine_webgpu(Examination& examination, const Backend& backend) {
  const VulkanFacts facts = read_vulkan(examination.roots().probe);
  const std::vector<std::string> nodes = examination.device_nodes("/dev/dri", "renderD");
  const bool has_gpu = !nodes.empty() || examination.has_gpu_of(kNvidia) || examination.has_gpu_of(kAmd) ||
                       examination.has_gpu_of(kIntel);
  const bool is_asked = examination.settings().gpu_backend == backend.name;
  if (!has_gpu && facts.devices.empty() && !is_asked) {
    examination.skip("GPU", "this computer has no GPU that Vulkan could use");
    return {};
  }
  bool works = examine_vulkan(examination, facts, has_gpu);
  const bool is_software = are_software(facts.devices);
  if (!nodes.empty() && (facts.devices.empty() || is_software)) {
    works = examine_rights(examination, nodes) && works;
  }
  if (is_software && !examination.settings().allow_software_gpu) {
    if (is_asked || has_gpu) {
      examination.problem({"device",
                           facts.devices.front().name + " is software: slower than the CPU",
                           "use it for tests only",
                           {"export MIEN_ALLOW_SOFTWARE_GPU=1"}});
    } else {
      examination.skip("device",
                       facts.devices.front().name + " is software, and used only with MIEN_ALLOW_SOFTWARE_GPU=1");
      return {};
    }
    works = false;
  }
  if (!works && facts.devices.empty() && !has_gpu) return {};
  const bool is_complete = examine_library(examination, backend);
  examine_memory(examination, facts.devices);
  if (works && is_complete) examine_opening(examination, backend);
  return facts.devices;
}

}  // namespace mien
