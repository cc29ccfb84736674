// Letterbox: an image scaled into a detector's input, normalised on the way, in one pass over the pixels.
#pragma once

#include <cstdint>
#include <vector>

#include "mien/image.h"

namespace mien {

// How a model wants its pixels: (value - mean) * scale, channels as red-green-blue or blue-green-red planes.
struct Feed {
  float mean = 0;
  float scale = 1;
  bool bgr = false;
};

// Scratch memory of letterbox_into, used again from image to image.
struct ResizeScratch {
  std::vector<std::int32_t> column_offsets;
  std::vector<std::int16_t> column_weights;
  std::vector<std::int32_t> row_a;
  std::vector<std::int32_t> row_b;
  std::vector<std::uint8_t> row_out;
};

// Scales the image to width x height, to the last bit as OpenCV's INTER_LINEAR does for 8-bit pixels (11-bit fixed
// point; exactly half the size is a 2x2 mean), puts it at the top left of a canvas of canvas_width x canvas_height,
// fills the rest with zero pixels, and writes normalised planes (3 x canvas_height x canvas_width floats) to `planes`.
// RGB or gray input.
struct LetterboxSize {
  int width = 0;
  int height = 0;
  int canvas_width = 0;
  int canvas_height = 0;
};
void letterbox_into(ImageView in, const LetterboxSize& size, const Feed& feed, ResizeScratch& scratch, float* planes);

}  // namespace mien
