#include "backends/backend.h"
#include "backends/probe.h"

namespace mien {

std::vector<Device> probe_webgpu() { return read_vulkan(real_probe_roots()).devices; }

}  // namespace mien
