#include "backends/backend.h"
#include "backends/probe.h"

namespace mien {

std::vector<Device> probe_cuda() { return read_nvml(real_probe_roots()).devices; }

}  // namespace mien
