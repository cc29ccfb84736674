#include "index/scan_kernel.h"

#include "base/simd_targets.h"
#include "index/half_kernel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "index/scan_kernel.cpp"
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace mien {
namespace HWY_NAMESPACE {

#if MIEN_PLAIN_TARGET

HWY_INLINE std::int32_t dot(const std::int16_t* query, const std::int8_t* codes, std::size_t stride) {
  std::int32_t sum = 0;
  for (std::size_t i = 0; i < stride; ++i) sum += query[i] * codes[i];
  return sum;
}

#else

namespace hn = hwy::HWY_NAMESPACE;

// Half a vector of codes becomes a vector of words, whose products with the query's words one instruction adds in
// pairs. Where 8-bit products have instructions of their own those would be faster, but memory is slower than this, and
// the query keeps 16 bits.
HWY_INLINE std::int32_t dot(const std::int16_t* query, const std::int8_t* codes, std::size_t stride) {
  const hn::ScalableTag<std::int16_t> d16;
  const hn::Rebind<std::int8_t, decltype(d16)> d8;
  const hn::ScalableTag<std::int32_t> d32;
  const std::size_t lanes = hn::Lanes(d16);
  auto sum = hn::Zero(d32);
  auto rest = hn::Zero(d32);
  auto other_sum = hn::Zero(d32);
  auto other_rest = hn::Zero(d32);
  for (std::size_t i = 0; i < stride; i += 2 * lanes) {
    sum = hn::ReorderWidenMulAccumulate(d32, hn::PromoteTo(d16, hn::LoadU(d8, codes + i)), hn::LoadU(d16, query + i),
                                        sum, rest);
    other_sum = hn::ReorderWidenMulAccumulate(d32, hn::PromoteTo(d16, hn::LoadU(d8, codes + i + lanes)),
                                              hn::LoadU(d16, query + i + lanes), other_sum, other_rest);
  }
  return hn::GetLane(hn::SumOfLanes(d32, hn::Add(hn::Add(sum, rest), hn::Add(other_sum, other_rest))));
}

#endif

// The CPU by itself asks for no other page, and waits at each.
constexpr std::size_t kBytesAhead = 4096;
constexpr std::size_t kCacheLine = 64;

std::size_t scan(const ScanQuery& query, const std::int8_t* codes, const RowScale* scales, std::size_t count,
                 float least, ScanHit* hits) {
  std::size_t found = 0;
  for (std::size_t row = 0; row < count; ++row, codes += query.stride) {
    for (std::size_t i = 0; i < query.stride; i += kCacheLine) hwy::Prefetch(codes + kBytesAhead + i);
    const float similarity =
        static_cast<float>(dot(query.codes, codes, query.stride)) * (scales[row].scale * (1 / kFixedScale));
    const float error = query.error_factor * scales[row].error + query.error_more;
    if (similarity + error < least) continue;
    hits[found++] = {static_cast<std::uint32_t>(row), similarity, error};
  }
  return found;
}

}  // namespace HWY_NAMESPACE
}  // namespace mien
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mien {

HWY_EXPORT(scan);

std::size_t scan_rows(const ScanQuery& query, const std::int8_t* codes, const RowScale* scales, std::size_t count,
                      float least, ScanHit* hits) {
  return HWY_DYNAMIC_DISPATCH(scan)(query, codes, scales, count, least, hits);
}

}  // namespace mien
#endif
