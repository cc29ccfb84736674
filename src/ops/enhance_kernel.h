// The inner loops of enhance_pixels, each on one row of bytes; channels do not matter to them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mien {

// Three rows of bytes that are added with weights.
struct RowTriple {
  const std::uint8_t* before = nullptr;
  const std::uint8_t* centre = nullptr;
  const std::uint8_t* after = nullptr;
};

// Pillow's ImageEnhance.Sharpness(1.1) without its borders: the distance from the smoothed image (weights 1 1 1,
// 1 5 1, 1 1 1) grows by a tenth. `step` is the distance to the next pixel; `step` bytes on both sides are read.
void sharpen_row(const RowTriple& rows, std::size_t step, std::size_t bytes, std::uint8_t* out);

// One of the six passes of Pillow's GaussianBlur(1): about (before + 4 centre + after) / 6.
void blur_row(const RowTriple& rows, std::size_t bytes, std::uint8_t* out);

// Pillow's unsharp mask with 120 % and threshold 3. `out` may be one of the two.
void unsharp_row(const std::uint8_t* row, const std::uint8_t* blurred, std::size_t bytes, std::uint8_t* out);

}  // namespace mien
