// Antialiased resizing on a device, in as many passes and runs as it takes: thumbnails and enlargements.
#pragma once

#include <cstdint>
#include <memory>

#include "device/accelerator.h"
#include "image/resample.h"
#include "ops/crop.h"
#include "ops/device_pixels.h"

namespace mien {

// An image in the bytes of a tensor.
struct DevicePicture {
  DeviceTensor bytes;
  DeviceImage image;

  // The bytes in one row, as graphs that gather from them want it.
  DeviceTensor flat() const {
    return {bytes.memory, bytes.type, {static_cast<std::int64_t>(element_count(bytes.shape))}};
  }
};

// Holds the session of one device; for its thread alone.
class DeviceResampler {
 public:
  // Returns the bytes that resampling takes on the device besides the pixels: for sums and positions of the larger of
  // both passes.
  static std::uint64_t bytes_for(PixelSize from, PixelSize to);

  // Makes one pass. The result equals that of resample's pass, to the last bit. Throws OutOfDeviceMemory,
  // DeviceFailure.
  DevicePicture run_step(Accelerator& device, const DevicePicture& in, const ResampleStep& step);
  // An image made smaller, on the host: all passes of `size` by Lanczos.
  Image shrink(Accelerator& device, DevicePixels& pixels, const DeviceImage& image, PixelSize size);

 private:
  std::unique_ptr<DeviceSession> session_;
};

}  // namespace mien
