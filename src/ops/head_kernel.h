// The inner loops of a detector's last convolutions (ops/heads.h).
#pragma once

#include <cstddef>

namespace mien {

// Rows of features are as long as a multiple of this, and two more: a border of one on each side.
inline constexpr std::size_t kHeadStrip = 16;

// Three neighbouring rows of all channels: channel c of a row begins at c * stride.
struct HeadRows {
  const float* rows[3];
  std::size_t stride;
  std::size_t channels;
};

// One output of a convolution of 3 x 3 along the middle row: out[x] = bias + sum of weights[channel, 3, 3] times the
// window whose left column is x. `columns` is a multiple of kHeadStrip.
void convolve_head_row(const HeadRows& rows, const float* weights, float bias, std::size_t columns, float* out);

// The sum of products.
float dot_product(const float* a, const float* b, std::size_t count);

}  // namespace mien
