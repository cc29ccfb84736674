// Letterbox: an image scaled into a detector's input, normalised on the way, in one pass over the pixels.
#pragma once

#include <cstdint>
#include <vector>

#include "mien/image.h"

namespace mien {

// How a model wants its pixels: (value - mean) * scale, as planes in the order red-green-blue or
// blue-green-red.
struct Feed {
  float mean = 0;
  float scale = 1;
  bool bgr = false;
};

// The source columns of each output column: where the first of two neighbours lies (in bytes), and the weights of both,
// of 11 bits, twice (first, second, first, second). At the right edge the second lies outside and weighs nothing.
struct ColumnTaps {
  std::vector<std::int32_t> first;
  std::vector<std::int16_t> weights;
};

// Scratch memory of letterbox_into, used again from image to image. A row holds for each output column the first, third
// and second channel, of 15 bits each, in the three lower words.
struct ResizeScratch {
  ColumnTaps columns;
  std::vector<std::uint64_t> row_above;
  std::vector<std::uint64_t> row_below;
  std::vector<float> values;  // of a row of three planes, for letterbox_bytes
};

struct LetterboxSize {
  int width = 0;  // of the scaled image
  int height = 0;
  int canvas_width = 0;  // of the whole, at least as large
  int canvas_height = 0;
};

// Scales the image (RGB or gray) to width x height, to the last bit as OpenCV's INTER_LINEAR does
// for 8-bit pixels, puts it at the top left of a black canvas, and writes the normalised planes,
// 3 x canvas_height x canvas_width floats, to `planes`.
void letterbox_into(ImageView in, const LetterboxSize& size, const Feed& feed, ResizeScratch& scratch, float* planes);

// The same values before they are normalised, 0 to 255, for a device that does that: 3 x canvas_height x canvas_width
// bytes. `bgr`: the order of the planes.
void letterbox_bytes(ImageView in, const LetterboxSize& size, bool bgr, ResizeScratch& scratch, std::uint8_t* planes);

}  // namespace mien
