#include <fmt/format.h>

#include "mien/device.h"

namespace mien {

std::string to_string(const Device& device) {
  return fmt::format("GPUDevice(id={}, name='{}', memory={}/{}MB, backend={})", device.id, device.name,
                     device.memory_free_mb, device.memory_total_mb, device.backend);
}

}  // namespace mien
