// EXIF orientation 1..8 (TIFF 6.0, tag 274): how stored pixels must be rotated or mirrored to stand upright.
#pragma once

#include <stop_token>

#include "mien/image.h"

namespace mien {

// The orientations of clockwise quarter rotations: none, one, two, three.
constexpr int kOrientationOfRotation[] = {1, 6, 3, 8};

// Whether this orientation swaps width and height.
constexpr bool orientation_swaps_sides(int orientation) { return orientation >= 5 && orientation <= 8; }

// Writes the upright image. `upright` must not be `stored`. Orientation 1 copies. Throws Exception(cancelled).
void apply_orientation(ImageView stored, int orientation, Image& upright, const std::stop_token& stop = {});

// The upright pixels without a copy where none is needed: those of `stored` itself for orientation 1, else rotated
// into `upright`.
inline ImageView upright_view(ImageView stored, int orientation, Image& upright, const std::stop_token& stop = {}) {
  if (orientation == 1) return stored;
  apply_orientation(stored, orientation, upright, stop);
  return upright;
}

}  // namespace mien
