// The pixels of a group's images on a device: they go up once, and every operation reads them there.
#pragma once

#include <memory>
#include <mutex>

#include "device/accelerator.h"
#include "ops/device_image.h"

namespace mien {

// Made on the thread that has the images, used on the device's. Owns a copy of the bytes, so that work that hangs on a
// device holds nothing of its caller's.
class DevicePixels {
 public:
  DevicePixels() = default;
  // Holds an image that the device made itself.
  explicit DevicePixels(DeviceTensor tensor) : tensor_(std::move(tensor)) {}
  // Adds an image and says where it will lie. Call it before the first on().
  DeviceImage add(ImageView image) { return packed_.add(image); }
  std::size_t size_bytes() const { return packed_.size(); }

  // Uploads the bytes at the first call. Only the device's threads call it.
  const DeviceTensor& on(Accelerator& device);

 private:
  PackedPixels packed_;
  std::mutex mutex_;  // the copying thread and the computing one may ask at once
  DeviceTensor tensor_;
};

// An image on a device, or one that will be there.
struct ImageOnDevice {
  std::shared_ptr<DevicePixels> pixels;
  DeviceImage image;

  explicit operator bool() const { return pixels != nullptr; }
};

}  // namespace mien
