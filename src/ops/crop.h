// Parts and small versions of an image.
#pragma once

#include "mien/face.h"
#include "mien/image.h"

namespace mien {

struct PixelRect {
  int x = 0;
  int y = 0;
  int width = 0;
  int height = 0;
};

// The box grown by `margin` of its own size on each side, rounded outwards and clipped to the image. Empty (0 x 0)
// when nothing of it lies inside, or a coordinate is not finite.
PixelRect clip_box(Box box, double margin, int image_width, int image_height);

// Fits inside width x height, keeps the aspect ratio, never enlarges, at least 1x1 (as Pillow's thumbnail, Lanczos).
void make_thumbnail(ImageView in, int width, int height, Image& out);

}  // namespace mien
