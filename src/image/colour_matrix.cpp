#include "image/colour_matrix.h"

#include <algorithm>
#include <cmath>

namespace mien {
namespace {

// A field holds light in fixed point above a bias, so that what lies outside sRGB is no negative number. Its upper bits
// are the place in the table of results. One number is added a channel, and three fields are added at once.
constexpr int kFieldBits = 21;
constexpr int kIndexBits = 14;
constexpr int kRestBits = kFieldBits - kIndexBits;
constexpr std::size_t kIndices = std::size_t{1} << kIndexBits;
// Places of the table for the light from black to white. At black sRGB's curve rises by 12.92, so that a place is two
// thirds of a level there, and less everywhere else.
constexpr double kWhite = 5120;
// Places below black; as many are above white, and one of each is left for rounding.
constexpr double kBlackAt = (static_cast<double>(kIndices) - kWhite) / 2;
constexpr double kOutsideMax = (kBlackAt - 2) / kWhite;

double encode(double light) { return light <= 0.0031308 ? 12.92 * light : 1.055 * std::pow(light, 1 / 2.4) - 0.055; }

using Levels = std::array<std::uint8_t, kIndices>;

const Levels& levels() {
  static const Levels table = [] {
    Levels made{};
    for (std::size_t i = 0; i < kIndices; ++i) {
      const double light = std::clamp((static_cast<double>(i) - kBlackAt) / kWhite, 0.0, 1.0);
      made[i] = static_cast<std::uint8_t>(std::lround(255 * encode(light)));
    }
    return made;
  }();
  return table;
}

}  // namespace

std::optional<MatrixColours> MatrixColours::make(const MatrixProfile& profile) {
  for (const std::array<double, 3>& row : profile.matrix) {
    double below = 0;
    double above = 0;
    for (const double factor : row) (factor < 0 ? below : above) += factor;
    if (!(below >= -kOutsideMax && above <= 1 + kOutsideMax)) return std::nullopt;
  }
  constexpr double kOne = kWhite * (1 << kRestBits);
  // Half a place more, so that cutting off the rest rounds.
  constexpr double kBias = (kBlackAt + 0.5) * (1 << kRestBits);
  MatrixColours colours;
  for (std::size_t channel = 0; channel < 3; ++channel) {
    for (std::size_t value = 0; value < 256; ++value) {
      std::uint64_t sum = 0;
      for (std::size_t row = 0; row < 3; ++row) {
        // A negative number borrows from the field above, which the bias of the first channel gives back.
        double amount = profile.light[channel][value] * profile.matrix[row][channel] * kOne;
        if (channel == 0) amount += kBias;
        const auto field = static_cast<std::uint64_t>(std::llround(amount));
        sum += field << (kFieldBits * (2 - row));
      }
      colours.add_[channel][value] = sum;
    }
  }
  return colours;
}

void MatrixColours::convert(const std::uint8_t* from, std::uint8_t* to, std::size_t count) const {
  constexpr std::uint64_t kIndexMask = kIndices - 1;
  const std::uint8_t* const level = levels().data();
  const std::uint64_t* const first = add_[0].data();
  const std::uint64_t* const second = add_[1].data();
  const std::uint64_t* const third = add_[2].data();
  for (std::size_t i = 0; i < count; ++i, from += 3, to += 3) {
    const std::uint64_t sum = first[from[0]] + second[from[1]] + third[from[2]];
    to[0] = level[sum >> (2 * kFieldBits + kRestBits) & kIndexMask];
    to[1] = level[sum >> (kFieldBits + kRestBits) & kIndexMask];
    to[2] = level[sum >> kRestBits & kIndexMask];
  }
}

}  // namespace mien
