// Small images made larger and crisper before detection: upscale, contrast, sharpness, unsharp mask, with Pillow's
// arithmetic and 8 bits after each step.
#pragma once

#include <array>
#include <cstdint>

#include "mien/image.h"
#include "ops/crop.h"

namespace mien {

// Width under 500 or height under 400.
bool needs_enhancement(int width, int height);
// 4, 3 or 2 by the shorter side, less where a side would pass 4,000 pixels; 1 when a side is that long already.
// Does not ask whether the image needs it.
double enhancement_scale(int width, int height);
// The size that enhance_pixels gives the image.
PixelSize enhanced_size(int width, int height);
// The second step, as a table from levels to levels, from the sum of the gray levels of all its pixels.
std::array<std::uint8_t, 256> contrast_table(std::uint64_t gray_sum, double pixels);
// Always does all four steps (the caller asks needs_enhancement); returns the scale. RGB or gray.
// `out` must not own the pixels of `in`.
double enhance_pixels(ImageView in, Image& out);

}  // namespace mien
