#include "ops/enhance_device.h"

#include "ops/device_run.h"

namespace mien {

struct DeviceEnhancer::Sessions {};

DeviceEnhancer::DeviceEnhancer() : sessions_(std::make_unique<Sessions>()) {}
DeviceEnhancer::~DeviceEnhancer() = default;

std::uint64_t DeviceEnhancer::bytes_for(int width, int height) {
  return static_cast<std::uint64_t>(width) * static_cast<std::uint64_t>(height) * 16 * 3 * 40;
}

EnhancedOnDevice DeviceEnhancer::run(Accelerator& /*device*/, ResidentPixels& /*pixels*/,
                                     const DeviceImage& /*image*/) {
  throw DeviceFailure("not yet");
}

Image download_image(Accelerator& device, ResidentPixels& pixels, const DeviceImage& image) {
  const HostValues values = device.download(pixels.on(device));
  Image result;
  result.reset(image.width, image.height, image.channels, image.bgr);
  const std::size_t row_bytes = static_cast<std::size_t>(image.width * image.channels);
  throw_unless_count(
      values.bytes.size() < static_cast<std::size_t>(image.offset + (image.height - 1) * image.row_step) + row_bytes,
      false, "the device");
  for (int y = 0; y < image.height; ++y) {
    const std::uint8_t* const row =
        values.bytes.data() + image.offset + static_cast<std::ptrdiff_t>(y) * image.row_step;
    std::copy_n(row, row_bytes, result.row(y));
  }
  return result;
}

}  // namespace mien
