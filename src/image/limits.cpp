#include "image/limits.h"

#include <fmt/format.h>

#include <algorithm>

namespace mien {

std::optional<Error> check_byte_limit(Bytes encoded, const ImageLimits& limits) {
  if (encoded.size() <= limits.bytes_max) return std::nullopt;
  return Error{ErrorCode::limit_exceeded,
               fmt::format("the file has {} bytes, the limit bytes_max is {}", encoded.size(), limits.bytes_max)};
}

std::optional<Error> check_pixel_limit(PixelSize size, const ImageLimits& limits) {
  const std::int64_t side = std::max(size.width, size.height);
  if (side > limits.side_max) {
    return Error{ErrorCode::limit_exceeded, fmt::format("the image is {} x {} pixels, the limit side_max is {} a side",
                                                        size.width, size.height, limits.side_max)};
  }
  // Both sides are at most an int here, so that the product cannot overflow.
  const std::int64_t pixels = size.width * size.height;
  if (pixels > limits.pixels_max) {
    return Error{ErrorCode::limit_exceeded,
                 fmt::format("the image is {} x {} = {} pixels, the limit is {} (pixels_max, --pixels-max)", size.width,
                             size.height, pixels, limits.pixels_max)};
  }
  return std::nullopt;
}

}  // namespace mien
