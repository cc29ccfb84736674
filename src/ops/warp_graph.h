// The warp to the template of embedders as a device graph.
#pragma once

#include <cstdint>
#include <vector>

#include "device/graph.h"
#include "ops/align.h"
#include "ops/device_image.h"

namespace mien {

// Inputs, F faces:
//   pixels u8  [any]     the bytes that hold the images
//   items  i32 [F, 10]   offset, column step, row step, the byte of a pixel for each plane, width, height, and the
//                        pixel (x, y) that positions are relative to
//   maps   f32 [F, 4]    a, b, tx, ty: from the template, relative to its centre, to the image, relative to that pixel
// Output: planes f32 [F, 3, 112, 112], bilinear with black outside, rounded to 8 bits, then (value - mean) * scale.
// Positions are off warp_aligned_into's by some 1e-7 of their distance to the face's centre, so that a value that is
// half way between two levels may become the other one.
Graph make_warp_graph(const Feed& feed);

// The inputs of make_warp_graph's graph besides the pixels: 56 bytes a face.
class WarpInputs {
 public:
  void add(const DeviceImage& image, const Similarity& to_template, const Feed& feed);
  // Adds black faces until there are `count`.
  void fill_up(std::size_t count);
  std::size_t count() const { return maps_.size() / kMap; }
  // Returns the tensors in the order of the graph's inputs, without the pixels. They view this object.
  std::vector<HostTensor> tensors() const;

 private:
  static constexpr std::size_t kItem = 10, kMap = 4;
  std::vector<std::int32_t> items_;
  std::vector<float> maps_;
};

}  // namespace mien
