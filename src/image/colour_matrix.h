// Colours of a profile that is a matrix and curves (phones, cameras, screens) -> sRGB, by tables alone: the same values
// on every CPU.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace mien {

// What the three channels of a pixel give of the light of sRGB's red, green and blue; 1 is white.
struct MatrixProfile {
  std::array<std::array<double, 256>, 3> light;  // of each value of a channel, 0..1
  std::array<std::array<double, 3>, 3> matrix;   // to red, green, blue (rows) from the channels (columns)
};

// Safe to use from many threads.
class MatrixColours {
 public:
  // Empty where its colours are so much wider than sRGB that the tables cannot hold them.
  static std::optional<MatrixColours> make(const MatrixProfile& profile);
  // `to` may be `from`.
  void convert(const std::uint8_t* from, std::uint8_t* to, std::size_t count) const;

 private:
  // What a value of a channel adds: three fields, from the highest on of red, green and blue.
  using Table = std::array<std::uint64_t, 256>;
  std::array<Table, 3> add_{};
};

}  // namespace mien
