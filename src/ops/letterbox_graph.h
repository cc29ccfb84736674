// The letterbox as a device graph, to the last bit what letterbox_into computes.
#pragma once

#include <cstdint>
#include <vector>

#include "device/graph.h"
#include "ops/device_image.h"
#include "ops/resize.h"

namespace mien {

// Inputs, N images and a canvas of W x H:
//   pixels  u8  [any]      the bytes that hold the images
//   items   i32 [N, 6]     offset, column step, row step, and the byte of a pixel that each of the three planes takes
//   columns i32 [N, 2, W]  byte offset of the first of two columns; then, packed: the weights of both (12 bits each)
//                          and whether the second one is the next column (else the same)
//   rows    i32 [N, 2, H]  likewise
// Output: planes f32 [N, 3, H, W], (value - mean) * scale. Where weights are zero, the canvas is black.
// The feed's order of colours is in `items`.
Graph make_letterbox_graph(const Feed& feed);

// The inputs of make_letterbox_graph's graph besides the pixels: 24 + 8 (W + H) bytes an image.
class LetterboxInputs {
 public:
  // Every image of a run goes to a canvas of this size.
  LetterboxInputs(int canvas_width, int canvas_height) : width_(canvas_width), height_(canvas_height) {}
  // `size` must have this canvas.
  void add(const DeviceImage& image, const LetterboxSize& size, const Feed& feed);
  // Adds black images until there are `count`.
  void fill_up(std::size_t count);
  std::size_t count() const { return items_.size() / kItem; }
  // Returns the tensors in the order of the graph's inputs, without the pixels. They view this object.
  std::vector<HostTensor> tensors() const;

 private:
  static constexpr std::size_t kItem = 6;
  int width_;
  int height_;
  std::vector<std::int32_t> items_;
  std::vector<std::int32_t> columns_;
  std::vector<std::int32_t> rows_;
};

}  // namespace mien
