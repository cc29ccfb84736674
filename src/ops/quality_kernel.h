// The inner loop of measure_quality: exact sums over a band of gray rows.
#pragma once

#include <cstddef>
#include <cstdint>

#include "mien/image.h"

namespace mien {

// A power of two: 32 lengths of at most 1443 still fit 31 bits.
inline constexpr int kGradientUnits = 1 << 14;

struct QualitySums {
  std::uint64_t gray = 0;
  std::uint64_t gray_square = 0;
  std::int64_t laplacian = 0;
  std::uint64_t laplacian_square = 0;
  std::uint64_t gradient = 0;  // sum of sqrt(Sx^2 + Sy^2), times kGradientUnits
};

// Rows of one call at most: the accumulators of a lane hold that many without overflow.
inline constexpr int kQualityBandRows = 32;
// Bytes that may be read (and are not counted) before and behind the pixels of a row: the widest vector.
inline constexpr std::size_t kQualityPadding = 64;

// Rows of a colour image that are made gray meanwhile, so that their pixels come from memory beside the sums.
struct GrayRows {
  ImageView pixels;
  int first = 0;  // of the rows of `pixels`
  int count = 0;
  std::uint8_t* out = nullptr;  // each row where `stride` puts it
};

// Adds the pixels of `rows` rows to `sums`. `gray` is the first pixel of the first row; the row above it and the row
// below the last are read too, and so are the pixels left and right of each row: the caller has filled in the borders.
void add_quality_sums(const std::uint8_t* gray, std::size_t stride, int width, int rows, const GrayRows& next,
                      QualitySums& sums);

}  // namespace mien
