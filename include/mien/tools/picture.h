// Small pictures of a photo for pages, made from a decode that is as small as they allow.
#pragma once

#include <cstdint>
#include <vector>

#include "mien/engine.h"

namespace mien {

// What a store knows of a photo, in pixels of the upright picture: bytes of a photo of another size are bad_data.
struct PhotoSize {
  int width = 0;
  int height = 0;
};

inline constexpr int kSmallPictureSideMax = 4096;

// A square of at most `side` pixels around a face, never enlarged: the longer side of its box (in pixels of the upright
// photo) and a quarter of that all around, moved to lie in the photo. A JPEG of quality 80. Errors: invalid_argument (a
// side beyond 1..kSmallPictureSideMax, a box outside the photo), bad_data, limit_exceeded, unsupported.
MIEN_API Result<std::vector<std::uint8_t>> face_square(Bytes encoded, PhotoSize photo, Box bbox, int side,
                                                       const InputOptions& input = {});
// The upright photo inside side x side pixels, never enlarged. A JPEG of quality 85. Errors as above.
MIEN_API Result<std::vector<std::uint8_t>> fit_picture(Bytes encoded, PhotoSize photo, int side,
                                                       const InputOptions& input = {});

}  // namespace mien
