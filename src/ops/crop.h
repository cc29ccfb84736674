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

struct PixelSize {
  int width = 0;
  int height = 0;
};

// The box grown by `margin` of its own size on each side, rounded outwards and clipped to the image. Empty (0 x 0)
// when the box is, when nothing of it lies inside, or a coordinate is not finite.
PixelRect clip_box(Box box, double margin, int image_width, int image_height);

// The largest size inside width x height with the image's aspect ratio, never larger than the image, at least 1x1;
// rounded as Pillow's thumbnail.
PixelSize thumbnail_size(int image_width, int image_height, int width, int height);

// The image at its thumbnail_size, by Lanczos without a reducing step. `out` must not own the pixels of `in`.
void make_thumbnail(ImageView in, int width, int height, Image& out);

}  // namespace mien
