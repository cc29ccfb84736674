#include "device/backend.h"

namespace mien {

std::vector<Device> probe_webgpu() { return {}; }

}  // namespace mien
