#include "image/frames.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace mien {

bool is_blank(const Image& pixels) {
  constexpr int kLevelsMax = 16;  // between the least and the largest value of a channel
  std::array<int, 3> least = {255, 255, 255};
  std::array<int, 3> largest = {0, 0, 0};
  for (int y = 0; y < pixels.height(); ++y) {
    const std::uint8_t* const row = pixels.row(y);
    for (std::size_t i = 0; i < static_cast<std::size_t>(pixels.width()) * 3; ++i) {
      int& low = least[i % 3];
      int& high = largest[i % 3];
      low = std::min<int>(low, row[i]);
      high = std::max<int>(high, row[i]);
      if (high - low > kLevelsMax) return false;
    }
  }
  return !pixels.empty();
}

void note_blank_frames(int blank, bool found, DecodedImage& out) {
  const std::string first = blank == 1 ? "the first frame shows" : fmt::format("the first {} frames show", blank);
  out.warnings.push_back(
      found ? fmt::format("animation: {} nothing; frame {} was used", first, blank + 1)
            : fmt::format("animation: none of the {} frames that were looked at shows anything", blank));
}

}  // namespace mien
