// Vectors in memory as 8-bit codes, so that a search reads half the bytes of what is stored.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "index/huge_block.h"
#include "index/similarity.h"

namespace mien {

// vector = scale * codes + rest, and the rest is no longer than `error`.
struct RowScale {
  float scale = 0;
  float error = 0;
};

// One thread changes it; searches may run beside each other.
class VectorRows {
 public:
  // Rows of 512 numbers take 528 bytes each: codes, scale, error and key. Throws Exception(invalid_argument) for 0 or
  // more than kDimensionsMax.
  explicit VectorRows(std::size_t dimension);

  // Keys are the caller's to keep apart. Throws Exception(invalid_argument) for a vector of another length or one that
  // is_searchable() refuses, and then has not changed.
  void append(VectorKey key, HalfSpan half);
  // Removes the rows that have one of these keys, and says how many that were. The order of rows changes.
  std::size_t remove(std::span<const VectorKey> keys);

  std::size_t size() const { return keys_.size(); }
  std::size_t dimension() const { return dimension_; }
  // Of one row's codes: the dimension, filled up with zeros.
  std::size_t stride() const { return stride_; }
  // Memory that is held for the rows.
  std::size_t bytes() const;

  // Rows [0, size()): codes of one block lie one after another, `stride()` apart.
  static constexpr std::size_t kBlockRows = std::size_t{1} << 16;
  const std::int8_t* codes(std::size_t row) const {
    return blocks_[row / kBlockRows].as<std::int8_t>() + row % kBlockRows * stride_;
  }
  const RowScale* scales() const { return scales_.data(); }
  const VectorKey* keys() const { return keys_.data(); }

 private:
  std::int8_t* row_codes(std::size_t row) { return const_cast<std::int8_t*>(codes(row)); }

  std::size_t dimension_;
  std::size_t stride_;
  std::vector<HugeBlock> blocks_;
  std::vector<RowScale> scales_;
  std::vector<VectorKey> keys_;
};

}  // namespace mien
