// RGB or BGR -> gray, 0.299 R + 0.587 G + 0.114 B rounded to 8 bits (16-bit fixed point, as Pillow's mode "L").
#pragma once

#include "mien/image.h"

namespace mien {

// Gray input is copied. `out` must not own the pixels of `in`.
void to_gray(ImageView in, Image& out);

// One row of `width` pixels; colours are converted, gray is copied. For those who want gray without a whole gray image.
void gray_row(ImageView in, int y, std::uint8_t* out);

}  // namespace mien
