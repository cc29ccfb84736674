// The inner loops of resample: weighted sums of rows, and turning blocks of rows into columns.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mien {

// Fixed-point weights have this many fractional bits.
inline constexpr int kWeightBits = 22;
// Rows that are turned into columns together.
inline constexpr int kBlockRows = 32;

// The weights of one output pixel, cut into two 16-bit digits (weight = high * 65536 + low, both signed) and stored
// in pairs: the digit of an even input pixel in the lower half, of the next one in the upper half. An odd `count`
// ends with a pair whose upper half is zero.
struct WindowWeights {
  const std::uint32_t* low = nullptr;
  const std::uint32_t* high = nullptr;
  int count = 0;  // input pixels
};

// out[i] = the sum over the window of weight * rows[j * stride + i], rounded and clipped to 8 bits, for i < bytes.
void weigh_rows(const std::uint8_t* rows, std::size_t stride, const WindowWeights& weights, std::size_t bytes,
                std::uint8_t* out);

// columns[i * kBlockRows + j] = rows[j][i] for j < kBlockRows and i < bytes, and back.
void rows_to_columns(const std::uint8_t* const* rows, std::size_t bytes, std::uint8_t* columns);
void columns_to_rows(const std::uint8_t* columns, std::size_t bytes, std::uint8_t* const* rows);

}  // namespace mien
