// Antialiased resizing with Pillow's arithmetic (8 bits a channel, fixed point with 22 bits, horizontal pass first).
#pragma once

#include "mien/image.h"

namespace mien {

enum class ResampleFilter { bilinear, lanczos };

// RGB or gray. Equal to Pillow's Image.resize((width, height), filter) to the last bit.
void resample(ImageView in, int width, int height, ResampleFilter filter, Image& out);

}  // namespace mien
