#include "ops/device_image.h"

#include <algorithm>
#include <bit>
#include <cassert>

namespace mien {

DeviceImage DeviceImage::crop(int x, int y, int crop_width, int crop_height) const {
  assert(x >= 0 && y >= 0 && x + crop_width <= width && y + crop_height <= height);
  DeviceImage part = *this;
  part.offset += x * column_step + y * row_step;
  part.width = crop_width;
  part.height = crop_height;
  return part;
}

std::array<std::int32_t, 3> DeviceImage::channel_offsets() const {
  if (channels == 1) return {0, 0, 0};
  if (bgr) return {2, 1, 0};
  return {0, 1, 2};
}

Image read_image(const DeviceImage& where, Bytes bytes) {
  Image image;
  image.reset(where.width, where.height, where.channels, where.bgr);
  for (int y = 0; y < where.height; ++y) {
    for (int x = 0; x < where.width; ++x) {
      const std::int64_t at = where.offset + std::int64_t{y} * where.row_step + std::int64_t{x} * where.column_step;
      std::copy_n(bytes.begin() + at, where.channels, image.row(y) + std::ptrdiff_t{x} * where.channels);
    }
  }
  return image;
}

DeviceImage PackedPixels::add(ImageView image) {
  DeviceImage where;
  where.offset = static_cast<std::int32_t>(bytes_.size());
  where.width = image.width;
  where.height = image.height;
  where.channels = image.channels;
  where.bgr = image.bgr;
  where.column_step = image.channels;
  where.row_step = image.width * image.channels;
  for (int y = 0; y < image.height; ++y) bytes_.insert(bytes_.end(), image.row(y), image.row(y) + where.row_step);
  assert(bytes_.size() < std::size_t{1} << 31);
  return where;
}

std::int64_t bucket_for(std::int64_t count, std::int64_t smallest) {
  if (count <= smallest) return smallest;
  const auto floor = static_cast<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(count - 1)));
  const std::int64_t step = std::max<std::int64_t>(floor / 4, 1);
  return (count + step - 1) / step * step;
}

}  // namespace mien
