// Antialiased resizing with Pillow's arithmetic (8 bits a channel, fixed point with 22 bits, one pass a
// direction).
#pragma once

#include "mien/image.h"

namespace mien {

enum class ResampleFilter { bilinear, lanczos };

// RGB or gray. Equal to Pillow 13's Image.resize((width, height), filter) to the last bit. Sides at least 1.
// `out` must not own the pixels of `in`.
void resample(ImageView in, int width, int height, ResampleFilter filter, Image& out);

// The same of the gray version of `in`, which is in memory as a whole only where the height comes first.
void resample_gray(ImageView in, int width, int height, ResampleFilter filter, Image& out);

}  // namespace mien
