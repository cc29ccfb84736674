#include "device/backend.h"

#include <array>

#include "device/session.h"

namespace mien {

std::span<const Backend> backends() {
  static const std::array<Backend, 1> table = {{
      {.name = "cpu", .providers = {"CPUExecutionProvider"}, .probe_devices = probe_cpu},
  }};
  return table;
}

std::vector<BackendInfo> list_backends(const Settings& settings) {
  std::string runtime;
  try {
    runtime = "ready: " + open_onnxruntime(settings)->name();
  } catch (const Exception& error) {
    runtime = error.what();
  }
  std::vector<BackendInfo> infos;
  for (const Backend& backend : backends()) {
    infos.push_back({std::string(backend.name), true, runtime, backend.probe_devices()});
  }
  return infos;
}

}  // namespace mien
