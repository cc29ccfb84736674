// Where an image lies on a device, for the graphs that read it there.
#pragma once

#include <array>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

#include "device/accelerator.h"
#include "mien/image.h"

namespace mien {

// An image among the bytes of a tensor that many images share. Pixel (x, y) begins at byte
// offset + y * row_step + x * column_step, so that crops, and images that lie column by column, are only other numbers.
struct DeviceImage {
  std::int32_t offset = 0;
  int width = 0;
  int height = 0;
  int channels = 3;  // 1: gray
  bool bgr = false;
  std::int32_t column_step = 3;
  std::int32_t row_step = 0;

  // The part inside the rectangle, which must lie inside the image.
  DeviceImage crop(int x, int y, int crop_width, int crop_height) const;
  // Says which byte of a pixel is red, green and blue.
  std::array<std::int32_t, 3> channel_offsets() const;
};

// The image that came down with these bytes.
Image read_image(const DeviceImage& where, Bytes bytes);

// A view of values for a graph's input.
template <typename T>
HostTensor host_tensor(const std::vector<T>& values, Shape shape) {
  ElementType type = ElementType::u8;
  if constexpr (std::is_same_v<T, std::int32_t>) type = ElementType::i32;
  if constexpr (std::is_same_v<T, float>) type = ElementType::f32;
  return {type, std::move(shape), values.data()};
}

// The images of a group one after the other, rows without padding, as they go up to the device.
class PackedPixels {
 public:
  // Adds an image. All images must take less than 2 GiB: offsets on devices have 32 bits.
  DeviceImage add(ImageView image);
  // The bytes of the images alone. [-1] u8.
  HostTensor bytes() const { return host_tensor(bytes_, {static_cast<std::int64_t>(bytes_.size())}); }
  void clear() { bytes_.clear(); }
  std::size_t size() const { return bytes_.size(); }

 private:
  std::vector<std::uint8_t> bytes_;
};

// The smallest size of a bucket that holds `count`: four buckets from each power of two to the next, none below
// `smallest`. Providers that compile for each shape do so for few.
std::int64_t bucket_for(std::int64_t count, std::int64_t smallest);

}  // namespace mien
