// What `mien devices` tells: each backend, whether its library is here, and its devices.
#include <fmt/format.h>

#include <algorithm>

#include "backends/backend.h"
#include "backends/backend_library.h"
#include "device/session.h"

namespace mien {
namespace {

struct Status {
  bool usable = false;
  std::string text;
};

Status processor_status(const Settings& settings) {
  try {
    const std::string openvino = is_openvino_installed(settings) ? "; openvino is installed" : "";
    return {true, "ready: " + open_onnxruntime(settings)->name() + openvino};
  } catch (const Exception& error) {
    return {false, error.what()};
  }
}

Status gpu_status(const Settings& settings, const Backend& backend, const std::vector<Device>& devices) {
  if (devices.empty() && backend.library.ends_with(".dylib")) return {false, "for Macs with Apple's processor"};
  const bool is_installed = !installed_backend_library(settings, backend).empty();
  if (devices.empty()) return {false, is_installed ? "installed, but no device is there" : "no device"};
  if (!is_installed) return {false, fmt::format("not installed: mien backends install {}", backend.name)};
  const bool is_software =
      std::all_of(devices.begin(), devices.end(), [](const Device& device) { return device.is_software; });
  if (is_software && !settings.allow_software_gpu) {
    return {false, "software only: MIEN_ALLOW_SOFTWARE_GPU=1 lets it be used"};
  }
  return {true, fmt::format("installed: {} {}", backend.package, backend.version)};
}

}  // namespace

std::vector<BackendInfo> list_backends(const Settings& settings) {
  std::vector<BackendInfo> infos;
  for (const Backend& backend : backends()) {
    std::vector<Device> devices = backend.probe_devices();
    Status status = backend.library.empty() ? processor_status(settings) : gpu_status(settings, backend, devices);
    infos.push_back({std::string(backend.name), true, status.usable, std::move(status.text), std::move(devices)});
  }
  return infos;
}

}  // namespace mien
