// The inner loop of the warp to upright faces: one row of a square.
#pragma once

#include "mien/image.h"
#include "ops/align.h"

namespace mien {

struct WarpRow {
  ImageView in;
  Similarity from;  // from the square back into the image
  int y = 0;        // of the square
  int width = 0;
};

// Each value of 0 to 255 becomes (value - mean) * scale.
struct ValueRange {
  float mean = 0;
  float scale = 1;
};

// Writes `width` values of each channel, in the order of the image (gray: three times the same): bilinear between four
// neighbours, black outside the image, rounded to 8 bits. All instruction sets give the same.
void warp_row(const WarpRow& row, const ValueRange& range, float* first, float* second, float* third);

}  // namespace mien
