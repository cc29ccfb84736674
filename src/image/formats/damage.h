// How decoders treat rows that a damaged file does not have.
#pragma once

#include <cstdint>
#include <cstring>

#include "mien/image.h"

namespace mien {

inline constexpr std::uint8_t kMissingGray = 128;

// Rows from `first` on become gray; none when `first` lies behind the last row.
inline void fill_gray_from(int first, Image& pixels) {
  if (first >= pixels.height()) return;
  std::memset(pixels.row(first), kMissingGray, pixels.stride() * static_cast<std::size_t>(pixels.height() - first));
}

// Returns how much of `height` these rows are, in whole percent.
inline int row_percent(int rows, int height) { return static_cast<int>(std::int64_t{100} * rows / height); }

}  // namespace mien
