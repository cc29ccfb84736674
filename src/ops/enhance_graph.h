// enhance_pixels as device graphs. Its first step is two passes of make_resample_graph, the width and then the height
// (also where the size stays), which leave the image column by column; here is what follows.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "device/graph.h"
#include "ops/device_image.h"

namespace mien {

// Inputs, an image of A columns of B pixels, both filled up to buckets:
//   pixels  u8  [A, B, C]
//   weights f32 [C]        gray's, of 65536
//   inside  f32 [B]        1 for the pixels of a column that are the image's, else 0
// Output: sums f32 [A], of the gray levels of each column: whole numbers below 2^24, exact. The host adds them up.
Graph make_gray_sum_graph();

// Inputs:
//   pixels   u8  [A, B, C]
//   contrast u8  [256]   contrast_table
//   columns  i32 [A]     0, 1, 2, ... and the last column again where there are no more
//   rows     i32 [B]     likewise
//   size     i32 [2]     width, height
// Output: enhanced u8 [A, B, C], to the last bit what enhance_pixels gives. Beyond the size: anything.
Graph make_enhance_graph();

// The inputs of both graphs besides the pixels: 4 A + 8 B + 280 bytes.
class EnhanceInputs {
 public:
  // `resampled` is the second pass's result, A x B its shape.
  EnhanceInputs(const DeviceImage& resampled, std::int64_t columns, std::int64_t rows);
  // Returns the tensors in the order of make_gray_sum_graph's inputs, without the pixels; likewise below. They view
  // this object.
  std::vector<HostTensor> gray_tensors() const;
  std::vector<HostTensor> enhance_tensors(std::span<const float> gray_sums);

 private:
  DeviceImage image_;
  std::vector<float> weights_;
  std::vector<float> inside_;
  std::vector<std::uint8_t> contrast_;
  std::vector<std::int32_t> columns_;
  std::vector<std::int32_t> rows_;
  std::vector<std::int32_t> size_;
};

}  // namespace mien
