// What an image may weigh and measure before a byte of it is decoded.
#pragma once

#include <cstdint>
#include <optional>

#include "mien/engine.h"
#include "mien/image.h"
#include "mien/result.h"

namespace mien {

// The error for a file of more bytes than the limit allows; empty when it fits.
std::optional<Error> check_byte_limit(Bytes encoded, const ImageLimits& limits);

struct PixelSize {
  std::int64_t width = 0;
  std::int64_t height = 0;
};

// The error for a header that claims more than the limits allow; empty when it fits. Every decoder asks this
// before it allocates anything that grows with the size.
std::optional<Error> check_pixel_limit(PixelSize size, const ImageLimits& limits);

}  // namespace mien
