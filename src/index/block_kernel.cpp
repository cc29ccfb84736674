#include "index/block_kernel.h"

#include <algorithm>
#include <cstring>

#include "base/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "index/block_kernel.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace mien {
namespace HWY_NAMESPACE {

HWY_INLINE std::int32_t load_pair(const std::int16_t* from) {
  std::int32_t pair;
  std::memcpy(&pair, from, sizeof pair);
  return pair;
}

#if MIEN_PLAIN_TARGET

std::size_t panel_width() { return 8; }

std::size_t multiply(const BlockInput& input, BlockHit* hits) {
  const std::size_t width = panel_width();
  std::size_t found = 0;
  for (std::size_t r = 0; r < input.row_count; ++r) {
    const std::int16_t* row = input.rows + r * input.stride;
    for (std::size_t q = 0; q < width; ++q) {
      std::int32_t sum = 0;
      for (std::size_t i = 0; i < input.stride; i += 2) {
        std::int16_t pair[2];
        std::memcpy(pair, input.panel + i / 2 * width + q, sizeof pair);
        sum += pair[0] * row[i] + pair[1] * row[i + 1];
      }
      if (sum < input.query_least[q] && sum < input.row_least[r]) continue;
      hits[found++] = {static_cast<std::uint32_t>(q), static_cast<std::uint32_t>(r), sum};
    }
  }
  return found;
}

#else

namespace hn = hwy::HWY_NAMESPACE;

using D16 = hn::ScalableTag<std::int16_t>;
using D32 = hn::ScalableTag<std::int32_t>;
using V32 = hn::Vec<D32>;

// Two vectors of queries meet four rows at a time: their sums stay in registers, of which x86-64 has 16.
std::size_t panel_width() { return 2 * hn::Lanes(D32()); }

struct Hits {
  const BlockInput& input;
  BlockHit* hits;
  std::size_t found = 0;

  HWY_INLINE void take(V32 sums, std::size_t query, std::size_t row) {
    const D32 d;
    // least = the smaller of both
    const V32 least = hn::Min(hn::LoadU(d, input.query_least + query), hn::Set(d, input.row_least[row]));
    if (HWY_LIKELY(hn::AllTrue(d, hn::Lt(sums, least)))) return;
    take_some(sums, query, row);
  }

  HWY_NOINLINE void take_some(V32 sums, std::size_t query, std::size_t row) {
    const D32 d;
    HWY_ALIGN std::int32_t values[HWY_MAX_BYTES / 4];
    hn::Store(sums, d, values);
    for (std::size_t i = 0; i < hn::Lanes(d); ++i) {
      if (values[i] < input.query_least[query + i] && values[i] < input.row_least[row]) continue;
      hits[found++] = {static_cast<std::uint32_t>(query + i), static_cast<std::uint32_t>(row), values[i]};
    }
  }
};

// The sums of one row with all queries of a panel. Named, not an array: GCC keeps arrays in memory.
struct RowSums {
  V32 first, first_rest, second, second_rest;

  HWY_INLINE RowSums() : first(hn::Zero(D32())), first_rest(first), second(first), second_rest(first) {}

  // The same pair of numbers of the row and of the queries.
  HWY_INLINE void add(const std::int16_t* pair, hn::Vec<D16> first_queries, hn::Vec<D16> second_queries) {
    const auto pairs = hn::BitCast(D16(), hn::Set(D32(), load_pair(pair)));
    first = hn::ReorderWidenMulAccumulate(D32(), first_queries, pairs, first, first_rest);
    second = hn::ReorderWidenMulAccumulate(D32(), second_queries, pairs, second, second_rest);
  }

  HWY_INLINE void give(Hits& hits, std::size_t row) const {
    hits.take(hn::RearrangeToOddPlusEven(first, first_rest), 0, row);
    hits.take(hn::RearrangeToOddPlusEven(second, second_rest), hn::Lanes(D32()), row);
  }
};

HWY_INLINE hn::Vec<D16> load_queries(const std::int32_t* from) { return hn::BitCast(D16(), hn::LoadU(D32(), from)); }

HWY_INLINE void multiply_four(std::size_t row, Hits& hits) {
  const std::size_t lanes = hn::Lanes(D32());
  const std::size_t stride = hits.input.stride;
  const std::int16_t* pair = hits.input.rows + row * stride;
  const std::int16_t* const end = pair + stride;
  const std::int32_t* panel = hits.input.panel;
  RowSums a, b, c, d;
  for (; pair != end; pair += 2, panel += 2 * lanes) {
    const auto first = load_queries(panel);
    const auto second = load_queries(panel + lanes);
    a.add(pair, first, second);
    b.add(pair + stride, first, second);
    c.add(pair + 2 * stride, first, second);
    d.add(pair + 3 * stride, first, second);
  }
  a.give(hits, row);
  b.give(hits, row + 1);
  c.give(hits, row + 2);
  d.give(hits, row + 3);
}

HWY_INLINE void multiply_one(std::size_t row, Hits& hits) {
  const std::size_t lanes = hn::Lanes(D32());
  const std::int16_t* pair = hits.input.rows + row * hits.input.stride;
  const std::int16_t* const end = pair + hits.input.stride;
  const std::int32_t* panel = hits.input.panel;
  RowSums a;
  for (; pair != end; pair += 2, panel += 2 * lanes) a.add(pair, load_queries(panel), load_queries(panel + lanes));
  a.give(hits, row);
}

std::size_t multiply(const BlockInput& input, BlockHit* out) {
  Hits hits{input, out};
  std::size_t row = 0;
  for (; row + 4 <= input.row_count; row += 4) multiply_four(row, hits);
  for (; row < input.row_count; ++row) multiply_one(row, hits);
  return hits.found;
}

#endif

void pack(const std::int16_t* queries, std::size_t count, std::size_t stride, std::int32_t* panel) {
  const std::size_t width = panel_width();
  for (std::size_t i = 0; i < stride; i += 2, panel += width) {
    for (std::size_t q = 0; q < count; ++q) panel[q] = load_pair(queries + q * stride + i);
    std::fill(panel + count, panel + width, 0);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace mien
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mien {

HWY_EXPORT(panel_width);
HWY_EXPORT(multiply);
HWY_EXPORT(pack);

std::size_t panel_queries() { return HWY_DYNAMIC_DISPATCH(panel_width)(); }

void pack_panel(const std::int16_t* queries, std::size_t count, std::size_t stride, std::int32_t* panel) {
  HWY_DYNAMIC_DISPATCH(pack)(queries, count, stride, panel);
}

std::size_t multiply_block(const BlockInput& input, BlockHit* hits) {
  return HWY_DYNAMIC_DISPATCH(multiply)(input, hits);
}

}  // namespace mien
#endif
