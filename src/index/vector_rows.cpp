#include "index/vector_rows.h"

#include <algorithm>
#include <string>

#include "index/half_kernel.h"
#include "index/scan_kernel.h"
#include "mien/result.h"

namespace mien {
namespace {

std::size_t checked(std::size_t dimension) {
  if (dimension == 0 || dimension > kDimensionsMax) {
    throw Exception(ErrorCode::invalid_argument, "cannot search vectors of " + std::to_string(dimension) +
                                                     " numbers: 1 to " + std::to_string(kDimensionsMax) +
                                                     " are possible");
  }
  return dimension;
}

}  // namespace

VectorRows::VectorRows(std::size_t dimension)
    : dimension_(checked(dimension)), stride_((dimension + kStrideStep - 1) / kStrideStep * kStrideStep) {}

void VectorRows::append(VectorKey key, HalfSpan half) {
  check_searchable(half, dimension_, key);
  const std::size_t row = size();
  if (row == blocks_.size() * kBlockRows) blocks_.emplace_back(kBlockRows * stride_);
  scales_.push_back(quantise(half.data(), dimension_, row_codes(row)));
  keys_.push_back(key);
}

std::size_t VectorRows::remove(std::span<const VectorKey> keys) {
  std::vector<VectorKey> sorted(keys.begin(), keys.end());
  std::sort(sorted.begin(), sorted.end());
  const std::size_t before = size();
  for (std::size_t row = before; row-- > 0;) {
    if (!std::binary_search(sorted.begin(), sorted.end(), keys_[row])) continue;
    const std::size_t last = size() - 1;
    if (row != last) {
      std::copy_n(codes(last), stride_, row_codes(row));
      scales_[row] = scales_[last];
      keys_[row] = keys_[last];
    }
    scales_.pop_back();
    keys_.pop_back();
  }
  blocks_.erase(blocks_.begin() + static_cast<std::ptrdiff_t>((size() + kBlockRows - 1) / kBlockRows), blocks_.end());
  return before - size();
}

std::size_t VectorRows::bytes() const {
  return size() * stride_ + scales_.capacity() * sizeof(RowScale) + keys_.capacity() * sizeof(VectorKey);
}

}  // namespace mien
