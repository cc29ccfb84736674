// Lists for `mien devices` each backend, whether its library is here, and its devices.
#include "backends/backend.h"
#include "backends/backend_library.h"
#include "device/session.h"

namespace mien {

std::vector<BackendInfo> list_backends(const Settings& settings) {
  std::vector<BackendInfo> infos;
  for (const Backend& backend : backends()) infos.push_back(describe_backend(settings, backend));
  BackendInfo& cpu = infos.back();
  try {
    const std::string openvino = is_openvino_installed(settings) ? "; openvino is installed" : "";
    cpu.status = "ready: " + open_onnxruntime(settings)->name() + openvino;
    cpu.usable = true;
  } catch (const Exception& error) {
    cpu.status = error.what();
  }
  return infos;
}

}  // namespace mien
