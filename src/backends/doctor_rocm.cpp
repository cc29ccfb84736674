#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "backends/backend_library.h"
#include "backends/doctor.h"

namespace mien {
namespace {

constexpr const char* kOverride = "HSA_OVERRIDE_GFX_VERSION";

// The GPUs that ROCm 7 has code for.
constexpr std::array<std::string_view, 11> kSupported = {"gfx908",  "gfx90a",  "gfx942",  "gfx950",
                                                         "gfx1030", "gfx1100", "gfx1101", "gfx1102",
                                                         "gfx1151", "gfx1200", "gfx1201"};

// Near relatives whose code runs when the GPU pretends to be one of those above.
struct Relative {
  std::string_view gfx;
  std::string_view version;
};
constexpr std::array<Relative, 7> kRelatives = {{{"gfx1031", "10.3.0"},  // RX 6700 XT
                                                 {"gfx1032", "10.3.0"},
                                                 {"gfx1033", "10.3.0"},
                                                 {"gfx1034", "10.3.0"},
                                                 {"gfx1035", "10.3.0"},
                                                 {"gfx1036", "10.3.0"},
                                                 {"gfx1103", "11.0.0"}}};

bool is_supported(std::string_view gfx) {
  return std::find(kSupported.begin(), kSupported.end(), gfx) != kSupported.end();
}

const Relative* find_relative(std::string_view gfx) {
  for (const Relative& relative : kRelatives) {
    if (relative.gfx == gfx) return &relative;
  }
  return nullptr;
}

bool examine_amd_nodes(Examination& examination) {
  std::vector<std::string> nodes;
  if (examination.exists("/dev/kfd")) nodes.emplace_back("/dev/kfd");
  for (const std::string& path : examination.device_nodes("/dev/dri", "renderD")) nodes.push_back(path);
  const bool has_both = nodes.size() > 1 && nodes.front() == "/dev/kfd";
  if (has_both) return examine_rights(examination, nodes);
  const std::string missing = examination.exists("/dev/kfd") ? "/dev/dri/renderD*" : "/dev/kfd";
  const std::string container = examination.container();
  if (!container.empty()) {
    const std::string flags = "--device /dev/kfd --device /dev/dri --group-add video --group-add render";
    examination.problem({"container",
                         fmt::format("an AMD GPU is there and this {} has no {}", container, missing),
                         "start the container with " + flags,
                         {fmt::format("{} run {} IMAGE", container == "podman" ? "podman" : "docker", flags)}});
  } else {
    examination.problem({"device nodes",
                         missing + " is missing",
                         "load the kernel's driver; a kernel older than the GPU has none for it",
                         {"sudo modprobe amdgpu"}});
  }
  return false;
}

// Finds what a GPU that ROCm has no code for may pretend to be, and tries it where the backend is installed.
bool examine_gfx(Examination& examination, const Backend& backend, const std::string& gfx, bool is_complete) {
  const std::string set = examination.roots().search.variable(kOverride);
  if (is_supported(gfx)) {
    examination.ok("GPU's code", gfx + " is one that ROCm supports");
    return true;
  }
  if (!set.empty()) {
    examination.ok("GPU's code", fmt::format("{}, and {}={} is set", gfx, kOverride, set));
    return true;
  }
  const Relative* const relative = find_relative(gfx);
  if (relative == nullptr) {
    examination.problem({"GPU's code",
                         gfx + " is not supported by ROCm",
                         "use Vulkan in its place",
                         {"mien backends install webgpu", "export GPU_BACKEND=webgpu"}});
    return false;
  }
  const std::string line = fmt::format("export {}={}", kOverride, relative->version);
  const std::string found = fmt::format("{} is not supported by ROCm, and its relative {} is", gfx, relative->version);
  if (!is_complete) {
    examination.problem({"GPU's code", found, "let it pretend to be that one", {line}});
    return false;
  }
  const std::string problem = examination.roots().open(backend, {{kOverride, std::string(relative->version)}});
  if (problem.empty()) {
    examination.problem({"GPU's code", found, "it was tried, and the backend opens with this", {line}});
  } else {
    examination.problem({"GPU's code",
                         fmt::format("{}; tried with that: {}", found, problem),
                         "use Vulkan in its place",
                         {"mien backends install webgpu", "export GPU_BACKEND=webgpu"}});
  }
  return false;
}

}  // namespace

Devices examine_rocm(Examination& examination, const Backend& backend) {
  const std::vector<AmdGpu> gpus = read_amd_gpus(examination.roots().probe);
  if (gpus.empty() && !examination.has_gpu_of(kAmd)) {
    if (report_no_gpu(examination, backend, "AMD", "ROCm")) (void)examine_library(examination, backend);
    return {};
  }
  Devices devices;
  for (const AmdGpu& gpu : gpus) devices.push_back(gpu.device);
  if (gpus.empty()) {
    const bool is_hidden = examination.roots().probe.rocm_visible.has_value();
    examination.problem({"driver", "the kernel shows no AMD GPU that it drives",
                         is_hidden ? "HIP_VISIBLE_DEVICES or ROCR_VISIBLE_DEVICES may hide it"
                                   : "load the kernel's driver and install its firmware (firmware-amd-graphics)",
                         is_hidden ? std::vector<std::string>{"unset HIP_VISIBLE_DEVICES ROCR_VISIBLE_DEVICES"}
                                   : std::vector<std::string>{"sudo modprobe amdgpu"}});
  } else {
    examination.ok("driver", gpus.front().device.driver);
  }
  bool works = examine_amd_nodes(examination) && !gpus.empty();
  const bool is_complete = examine_library(examination, backend);
  const std::size_t wanted = std::min<std::size_t>(static_cast<std::size_t>(examination.settings().gpu_device_id),
                                                   gpus.empty() ? 0 : gpus.size() - 1);
  if (works && !gpus[wanted].gfx.empty()) {
    works = examine_gfx(examination, backend, gpus[wanted].gfx, is_complete);
  }
  examine_memory(examination, devices);
  if (works && is_complete) examine_opening(examination, backend);
  return devices;
}

Devices examine_mps(Examination& examination, const Backend& backend) {
  const Devices devices = probe_mps();
  if (devices.empty()) {
    examination.skip("GPU", "only Macs with Apple's processor have it");
    return devices;
  }
  examination.ok("driver", devices.front().driver);
  examine_memory(examination, devices);
  if (examine_library(examination, backend)) examine_opening(examination, backend);
  return devices;
}

}  // namespace mien
