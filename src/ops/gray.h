// RGB -> gray, 0.299 R + 0.587 G + 0.114 B rounded to 8 bits (16-bit fixed point, as Pillow's mode "L").
#pragma once

#include "mien/image.h"

namespace mien {

// Gray input is copied.
void to_gray(ImageView in, Image& out);

}  // namespace mien
