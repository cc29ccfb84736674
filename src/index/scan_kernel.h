// The inner loop of a search: one query against rows of codes, one row after another.
#pragma once

#include <cstddef>
#include <cstdint>

#include "index/vector_rows.h"

namespace mien {

// Rows of codes are filled up with zeros to a multiple of this.
inline constexpr std::size_t kStrideStep = 64;

struct ScanQuery {
  const std::int16_t* codes = nullptr;  // to_fixed(), filled up like a row
  std::size_t stride = 0;
  // A similarity is off by error_factor * RowScale::error + error_more at most (index/coded_query.cpp has the proof).
  float error_factor = 0;
  float error_more = 0;
};

struct ScanHit {
  std::uint32_t row = 0;  // counted from the first
  float similarity = 0;   // by codes
  float error = 0;
};

// Those rows that may be at least as similar as `least`; `hits` has room for `count`. Returns their number.
std::size_t scan_rows(const ScanQuery& query, const std::int8_t* codes, const RowScale* scales, std::size_t count,
                      float least, ScanHit* hits);

}  // namespace mien
