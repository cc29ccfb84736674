#include "backends/backend.h"
#include "backends/probe.h"

namespace mien {

std::vector<Device> probe_rocm() {
  std::vector<Device> devices;
  for (AmdGpu& gpu : read_amd_gpus(real_probe_roots())) devices.push_back(std::move(gpu.device));
  return devices;
}

}  // namespace mien
