// The inner loop of neighbours: some queries against some rows, all in fixed point (index/half_kernel.h).
#pragma once

#include <cstddef>
#include <cstdint>

namespace mien {

// How many queries a panel holds on this processor: at most kPanelMax.
std::size_t panel_queries();
inline constexpr std::size_t kPanelMax = 64;

// Pairs of a query's codes, pairs of all queries of a panel beside each other: [stride / 2, panel_queries()].
// `queries` are rows of `stride` codes, an even number; those that are missing to a full panel become zeros.
void pack_panel(const std::int16_t* queries, std::size_t count, std::size_t stride, std::int32_t* panel);

struct BlockInput {
  const std::int32_t* panel = nullptr;
  const std::int16_t* rows = nullptr;
  std::size_t row_count = 0;
  std::size_t stride = 0;
  // A sum of products is a hit when it is at least one of these: of its query, one for each of the panel, or its row.
  const std::int32_t* query_least = nullptr;
  const std::int32_t* row_least = nullptr;
};

struct BlockHit {
  std::uint32_t query = 0;  // counted from the first
  std::uint32_t row = 0;
  std::int32_t product = 0;
};

// `hits` has room for panel_queries() * row_count. Returns their number.
std::size_t multiply_block(const BlockInput& input, BlockHit* hits);

}  // namespace mien
