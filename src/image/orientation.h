// EXIF orientation 1..8 (TIFF 6.0, tag 274): how stored pixels must be turned to stand upright.
#pragma once

#include "mien/image.h"

namespace mien {

// Whether this orientation swaps width and height.
constexpr bool orientation_swaps_sides(int orientation) { return orientation >= 5 && orientation <= 8; }

// Writes the upright image. `upright` must not be `stored`. Orientation 1 copies.
void apply_orientation(ImageView stored, int orientation, Image& upright);

}  // namespace mien
