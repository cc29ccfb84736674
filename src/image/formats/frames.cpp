#include "image/formats/frames.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace mien {

bool is_blank(const Image& pixels) {
  constexpr int kLevelsMax = 16;  // between the least and the largest value of a channel
  std::array<int, 3> least = {255, 255, 255};
  std::array<int, 3> largest = {0, 0, 0};
  for (int y = 0; y < pixels.height(); ++y) {
    const std::uint8_t* pixel = pixels.row(y);
    for (int x = 0; x < pixels.width(); ++x, pixel += 3) {
      for (std::size_t c = 0; c < 3; ++c) {
        least[c] = std::min<int>(least[c], pixel[c]);
        largest[c] = std::max<int>(largest[c], pixel[c]);
      }
    }
    for (std::size_t c = 0; c < 3; ++c) {
      if (largest[c] - least[c] > kLevelsMax) return false;
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
