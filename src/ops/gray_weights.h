// The weights of gray.cpp's kernels; in a file of its own because each instruction set compiles that one again.
#pragma once

#include <cstdint>

namespace mien {

// Of the first and the last channel; the second has what is missing to 65536.
struct GrayWeights {
  std::int32_t first;
  std::int32_t third;
  std::int16_t digits[4];  // the same to the base of 256: first high, first low, third high, third low
};

}  // namespace mien
