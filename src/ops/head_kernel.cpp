#include "ops/head_kernel.h"

#include "base/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/head_kernel.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace mien {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, kHeadStrip>;
using V = hn::Vec<D>;

// Sums of a strip stay in registers while all channels pass by.
template <int kVectors>
HWY_INLINE void convolve_strip(const HeadRows& rows, std::size_t x, const float* weights, float bias, float* out) {
  const D d;
  const std::size_t lanes = hn::Lanes(d);
  V sums[kVectors];
  for (V& sum : sums) sum = hn::Set(d, bias);
  for (std::size_t channel = 0; channel < rows.channels; ++channel) {
    for (const float* row : rows.rows) {
      const float* from = row + channel * rows.stride + x;
      for (int tap = 0; tap < 3; ++tap, ++from, ++weights) {
        const V weight = hn::Set(d, *weights);
        for (int v = 0; v < kVectors; ++v) {
          sums[v] = hn::MulAdd(hn::LoadU(d, from + static_cast<std::size_t>(v) * lanes), weight, sums[v]);
        }
      }
    }
  }
  for (int v = 0; v < kVectors; ++v) hn::StoreU(sums[v], d, out + x + static_cast<std::size_t>(v) * lanes);
}

void convolve_row(const HeadRows& rows, const float* weights, float bias, std::size_t columns, float* out) {
  const std::size_t lanes = hn::Lanes(D());
  std::size_t x = 0;
  for (; x + 4 * lanes <= columns; x += 4 * lanes) convolve_strip<4>(rows, x, weights, bias, out);
  for (; x + 2 * lanes <= columns; x += 2 * lanes) convolve_strip<2>(rows, x, weights, bias, out);
  for (; x < columns; x += lanes) convolve_strip<1>(rows, x, weights, bias, out);
}

float dot(const float* a, const float* b, std::size_t count) {
  const D d;
  const std::size_t lanes = hn::Lanes(d);
  V sum = hn::Zero(d);
  V other = hn::Zero(d);
  std::size_t i = 0;
  for (; i + 2 * lanes <= count; i += 2 * lanes) {
    sum = hn::MulAdd(hn::LoadU(d, a + i), hn::LoadU(d, b + i), sum);
    other = hn::MulAdd(hn::LoadU(d, a + i + lanes), hn::LoadU(d, b + i + lanes), other);
  }
  float total = hn::GetLane(hn::SumOfLanes(d, hn::Add(sum, other)));
  for (; i < count; ++i) total += a[i] * b[i];
  return total;
}

}  // namespace HWY_NAMESPACE
}  // namespace mien
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mien {

HWY_EXPORT(convolve_row);
HWY_EXPORT(dot);

void convolve_head_row(const HeadRows& rows, const float* weights, float bias, std::size_t columns, float* out) {
  HWY_DYNAMIC_DISPATCH(convolve_row)(rows, weights, bias, columns, out);
}

float dot_product(const float* a, const float* b, std::size_t count) { return HWY_DYNAMIC_DISPATCH(dot)(a, b, count); }

}  // namespace mien
#endif
