#include <fmt/format.h>

#include "backends/backend_library.h"
#include "backends/doctor.h"
#include "backends/elf.h"

namespace mien {
namespace {

constexpr const char* kDriverPackage = "nvidia-driver";

// The GPU is on the bus, and this container got none of its nodes.
void report_container(Examination& examination, const std::string& container) {
  const bool is_podman = container == "podman";
  const std::string flag = is_podman ? "--device nvidia.com/gpu=all" : "--gpus all";
  examination.problem(
      {"container",
       "an NVIDIA GPU is there and this " + container + " has no /dev/nvidia0",
       fmt::format("install the NVIDIA Container Toolkit on the host and start the container with {}", flag),
       {fmt::format("{} run {} IMAGE", is_podman ? "podman" : "docker", flag)}});
}

bool examine_driver(Examination& examination, const NvmlFacts& facts) {
  if (facts.problem.empty()) {
    examination.ok("driver",
                   fmt::format("NVIDIA {}, runs CUDA up to {}.{}", facts.driver, facts.cuda_major, facts.cuda_minor));
    return true;
  }
  const bool is_installed = examination.exists("/proc/driver/nvidia/version");
  std::string advice = "install NVIDIA's driver (Debian: from non-free; Ubuntu: 'sudo ubuntu-drivers install')";
  if (is_installed) advice = "restart the computer, or install the driver again";
  examination.problem({"driver", facts.problem, advice,
                       is_installed ? std::vector<std::string>{} : examination.apt_install(kDriverPackage)});
  return false;
}

bool examine_nvidia_nodes(Examination& examination) {
  std::vector<std::string> nodes;
  std::vector<std::string> missing;
  for (const char* const node : {"/dev/nvidiactl", "/dev/nvidia-uvm"}) {
    (examination.exists(node) ? nodes : missing).emplace_back(node);
  }
  for (const std::string& path : examination.device_nodes("/dev", "nvidia")) nodes.push_back(path);
  if (missing.empty()) return examine_rights(examination, nodes);
  examination.problem({"device nodes",
                       fmt::format("{} is missing", missing.front()),
                       "let NVIDIA's program make the nodes",
                       {"sudo nvidia-modprobe -u -c 0"}});
  return false;
}

// libcublasLt.so.13 in what the library needs means CUDA 13; 0: it does not say.
int needed_cuda(const std::string& library) {
  constexpr std::string_view kPrefix = "libcublasLt.so.";
  for (const std::string& name : needed_libraries(library)) {
    if (name.starts_with(kPrefix)) return std::atoi(name.c_str() + kPrefix.size());
  }
  return 0;
}

bool examine_cuda_version(Examination& examination, const Backend& backend, const NvmlFacts& facts) {
  const int needed = needed_cuda(installed_backend_library(examination.settings(), backend));
  if (needed == 0 || facts.cuda_major == 0) return true;
  const std::string found =
      fmt::format("the backend needs CUDA {}, the driver runs up to {}.{}", needed, facts.cuda_major, facts.cuda_minor);
  if (facts.cuda_major >= needed) {
    examination.ok("CUDA version", found);
    return true;
  }
  examination.problem({"CUDA version", found,
                       needed == 13 ? "install NVIDIA's driver 580 or newer" : "install a newer NVIDIA driver",
                       examination.apt_install(kDriverPackage)});
  return false;
}

}  // namespace

Devices examine_cuda(Examination& examination, const Backend& backend) {
  const bool has_node = !examination.device_nodes("/dev", "nvidia").empty();
  const bool is_on_bus = examination.has_gpu_of(kNvidia);
  const NvmlFacts facts = read_nvml(examination.roots().probe);
  if (!has_node && !is_on_bus && facts.devices.empty()) {
    // A user who names this backend learns what else is missing: a container or a rented machine may get its GPU later.
    if (report_no_gpu(examination, backend, "NVIDIA", "CUDA")) (void)examine_library(examination, backend);
    return {};
  }
  const std::string container = examination.container();
  if (!has_node && !container.empty() && facts.devices.empty()) {
    report_container(examination, container);
    return {};
  }
  bool works = examine_driver(examination, facts);
  // The driver of WSL has no nodes of its own.
  if (works && !examination.exists("/dev/dxg")) works = examine_nvidia_nodes(examination);
  if (works && facts.devices.empty()) {
    examination.problem({"GPU",
                         "the driver shows no device",
                         examination.roots().search.variable("CUDA_VISIBLE_DEVICES").empty()
                             ? "look at nvidia-smi"
                             : "CUDA_VISIBLE_DEVICES hides them all",
                         {"unset CUDA_VISIBLE_DEVICES"}});
    works = false;
  }
  const bool is_complete = examine_library(examination, backend);
  works = examine_cuda_version(examination, backend, facts) && works;
  examine_memory(examination, facts.devices);
  if (works && is_complete) examine_opening(examination, backend);
  return facts.devices;
}

}  // namespace mien
