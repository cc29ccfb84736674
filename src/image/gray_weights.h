// The weights of the gray kernels; in a file of its own because each instruction set compiles those again.
#pragma once

#include <cstdint>

#include "mien/image.h"

namespace mien {

// The weights of the first and the last channel; the second has what is missing to 65536.
struct GrayWeights {
  std::int32_t first;
  std::int32_t third;
  std::int16_t digits[4];  // the same to the base of 256: first high, first low, third high, third low
};

// Returns the weights for an image with three channels.
inline const GrayWeights& gray_weights(ImageView image) {
  static constexpr GrayWeights kRgb = {19595, 7471, {77, -117, 29, 47}};
  static constexpr GrayWeights kBgr = {7471, 19595, {29, 47, 77, -117}};
  return image.bgr ? kBgr : kRgb;
}

}  // namespace mien
