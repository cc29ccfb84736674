// What is searched for, beside rows of 8-bit codes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "index/scan_kernel.h"
#include "index/similarity.h"

namespace mien {

class CodedQuery {
 public:
  // A vector that is_searchable(); `stride` is that of the rows.
  CodedQuery(HalfSpan half, std::size_t stride);

  // Points into this.
  ScanQuery scan() const { return {codes_.data(), codes_.size(), error_factor_, error_more_}; }

 private:
  std::vector<std::int16_t> codes_;
  float error_factor_;
  float error_more_;
};

}  // namespace mien
