// The four measures of quality on a device: seven sums a tile come down.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "device/accelerator.h"
#include "mien/face.h"
#include "ops/device_pixels.h"

namespace mien {

// Holds the session of one device; for its thread alone.
class DeviceQuality {
 public:
  // Returns the bytes that a run takes on the device at most.
  static std::uint64_t bytes_at_once();

  // One Quality a part (at least 1 x 1), without pose. Throws OutOfDeviceMemory, DeviceFailure.
  std::vector<Quality> run(Accelerator& device, DevicePixels& pixels, std::span<const DeviceImage> parts);

 private:
  std::unique_ptr<DeviceSession> session_;
};

}  // namespace mien
