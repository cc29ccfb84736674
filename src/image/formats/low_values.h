// Samples of 16 bits that hold fewer, as microscopes and scanners store 10 or 12 of them.
#pragma once

#include <algorithm>

#include "image/decode.h"

namespace mien {

// For pixels that were made of 16 bits: a warning where all of them lie so low that the values are of 12 bits or fewer.
inline void note_low_values(DecodedImage& out) {
  constexpr std::uint8_t kLargest = 4095 / 256;
  const std::uint8_t* const begin = out.pixels.data();
  if (std::any_of(begin, begin + out.pixels.size_bytes(), [](std::uint8_t value) { return value > kLargest + 1; })) {
    return;
  }
  out.warnings.push_back(
      "dark: all samples of 16 bits lie in the lowest sixteenth, as values of 12 bits or fewer do that were not "
      "scaled; "
      "they are used as stored");
}

}  // namespace mien
