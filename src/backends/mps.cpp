// In the place of mps_apple.cpp on every other system.
#include "backends/backend.h"

namespace mien {

std::vector<Device> probe_mps() { return {}; }

}  // namespace mien
