// Enhancement on a device: the larger image stays there for the detector.
#pragma once

#include <cstdint>
#include <memory>

#include "device/accelerator.h"
#include "ops/resident.h"

namespace mien {

struct EnhancedOnDevice {
  ResidentImage where;
  double scale = 1;
};

// Holds sessions of one device; for its thread alone.
class DeviceEnhancer {
 public:
  DeviceEnhancer();
  ~DeviceEnhancer();

  // What enhancing an image of this size takes on the device.
  static std::uint64_t bytes_for(int width, int height);

  // What enhance_pixels does, to one level. Throws OutOfDeviceMemory, DeviceFailure.
  EnhancedOnDevice run(Accelerator& device, ResidentPixels& pixels, const DeviceImage& image);

 private:
  struct Sessions;
  std::unique_ptr<Sessions> sessions_;
};

// Brings an image from the device to the host.
Image download_image(Accelerator& device, ResidentPixels& pixels, const DeviceImage& image);

}  // namespace mien
