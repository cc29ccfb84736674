// Enhancement on a device: the larger image stays there for the detector.
#pragma once

#include <cstdint>
#include <memory>

#include "device/accelerator.h"
#include "ops/device_pixels.h"
#include "ops/resample_device.h"

namespace mien {

struct EnhancedOnDevice {
  ImageOnDevice where;
  double scale = 1;
};

// Holds sessions of one device; for its thread alone.
class DeviceEnhancer {
 public:
  // Returns the bytes that enhancing an image of this size takes on the device.
  static std::uint64_t bytes_for(int width, int height);

  // Does the same as enhance_pixels, to the last bit. Throws OutOfDeviceMemory, DeviceFailure.
  EnhancedOnDevice run(Accelerator& device, DevicePixels& pixels, const DeviceImage& image);

 private:
  DeviceResampler resampler_;
  std::unique_ptr<DeviceSession> gray_sum_;
  std::unique_ptr<DeviceSession> enhance_;
};

}  // namespace mien
