// The inner loops over vectors of half floats.
#pragma once

#include <cstddef>
#include <cstdint>

#include "index/vector_rows.h"

namespace mien {

// Sum of products, each exact as a float, summed as doubles.
double dot_halves(const std::uint16_t* a, const std::uint16_t* b, std::size_t count);

// Writes `count` codes of -127..127. The vector is_searchable().
RowScale quantise(const std::uint16_t* half, std::size_t count, std::int8_t* codes);

// A number of a vector times this, rounded, is its fixed-point code: at most 32320, which fits 16 bits. A sum of
// products of two vectors' codes fits 32 bits, and so does each part of it: by Cauchy and Schwarz no part is larger
// than 32320^2 = 1.05e9 and what rounding adds.
inline constexpr float kFixedScale = 32000;
void to_fixed(const std::uint16_t* half, std::size_t count, std::int16_t* codes);

}  // namespace mien
