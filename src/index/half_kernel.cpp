#include "index/half_kernel.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/half.h"
#include "base/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "index/half_kernel.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace mien {
namespace HWY_NAMESPACE {

HWY_INLINE double dot_plain(const std::uint16_t* a, const std::uint16_t* b, std::size_t from, std::size_t count) {
  double sum = 0;
  for (std::size_t i = from; i < count; ++i) sum += static_cast<double>(from_half(a[i])) * from_half(b[i]);
  return sum;
}

// Rounded up to 16 significant bits, so that its product with a code is exact.
HWY_INLINE float scale_of(float largest) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(largest / 127);
  return std::bit_cast<float>((bits + 0xFFU) & ~0xFFU);
}

// The square of the rest, from number `from` on.
HWY_INLINE float quantise_plain(const std::uint16_t* half, std::size_t from, std::size_t count, float scale,
                                std::int8_t* codes) {
  float rest = 0;
  for (std::size_t i = from; i < count; ++i) {
    const float value = from_half(half[i]);
    const float code = std::nearbyint(value * (1 / scale));
    const float difference = value - code * scale;
    rest += difference * difference;
    codes[i] = static_cast<std::int8_t>(code);
  }
  return rest;
}

// Up to 4096 squares were added, each addition and square off by 2^-24 of the result at most: by less than 2^-11 of the
// sum, half of that of its root.
HWY_INLINE float error_of(float squares) { return std::sqrt(squares) * (1 + 0x1p-11F); }

HWY_INLINE void to_fixed_plain(const std::uint16_t* half, std::size_t from, std::size_t count, std::int16_t* codes) {
  for (std::size_t i = from; i < count; ++i) {
    codes[i] = static_cast<std::int16_t>(std::nearbyint(from_half(half[i]) * kFixedScale));
  }
}

#if MIEN_PLAIN_TARGET

double dot(const std::uint16_t* a, const std::uint16_t* b, std::size_t count) { return dot_plain(a, b, 0, count); }

RowScale make_codes(const std::uint16_t* half, std::size_t count, std::int8_t* codes) {
  float largest = 0;
  for (std::size_t i = 0; i < count; ++i) largest = std::max(largest, std::abs(from_half(half[i])));
  if (largest <= 0) {
    std::fill_n(codes, count, std::int8_t{0});
    return {};
  }
  const float scale = scale_of(largest);
  return {scale, error_of(quantise_plain(half, 0, count, scale, codes))};
}

void make_fixed(const std::uint16_t* half, std::size_t count, std::int16_t* codes) {
  to_fixed_plain(half, 0, count, codes);
}

#else

namespace hn = hwy::HWY_NAMESPACE;

using DF = hn::ScalableTag<float>;
using D32 = hn::ScalableTag<std::int32_t>;
using D64 = hn::RepartitionToWide<DF>;
using VF = hn::Vec<DF>;
using V64 = hn::Vec<D64>;

HWY_INLINE VF load_halves(const std::uint16_t* from) {
  const hn::Rebind<std::uint16_t, DF> bits;
  const hn::Rebind<hwy::float16_t, DF> halves;
  return hn::PromoteTo(DF(), hn::BitCast(halves, hn::LoadU(bits, from)));
}

double dot(const std::uint16_t* a, const std::uint16_t* b, std::size_t count) {
  const std::size_t lanes = hn::Lanes(DF());
  V64 lower = hn::Zero(D64());
  V64 upper = hn::Zero(D64());
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const VF products = hn::Mul(load_halves(a + i), load_halves(b + i));
    lower = hn::Add(lower, hn::PromoteTo(D64(), hn::LowerHalf(products)));
    upper = hn::Add(upper, hn::PromoteTo(D64(), hn::UpperHalf(hn::Half<DF>(), products)));
  }
  return hn::GetLane(hn::SumOfLanes(D64(), hn::Add(lower, upper))) + dot_plain(a, b, i, count);
}

RowScale make_codes(const std::uint16_t* half, std::size_t count, std::int8_t* codes) {
  const std::size_t lanes = hn::Lanes(DF());
  VF tops = hn::Zero(DF());
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) tops = hn::Max(tops, hn::Abs(load_halves(half + i)));
  float largest = hn::GetLane(hn::MaxOfLanes(DF(), tops));
  for (; i < count; ++i) largest = std::max(largest, std::abs(from_half(half[i])));
  if (largest <= 0) {
    std::fill_n(codes, count, std::int8_t{0});
    return {};
  }
  const float scale = scale_of(largest);
  const VF scales = hn::Set(DF(), scale);
  const VF inverse = hn::Set(DF(), 1 / scale);
  VF squares = hn::Zero(DF());
  for (i = 0; i + lanes <= count; i += lanes) {
    const VF values = load_halves(half + i);
    const auto nearest = hn::NearestInt(hn::Mul(values, inverse));
    const VF rest = hn::Sub(values, hn::Mul(hn::ConvertTo(DF(), nearest), scales));
    squares = hn::Add(squares, hn::Mul(rest, rest));
    const hn::Rebind<std::int8_t, DF> bytes;
    hn::StoreU(hn::DemoteTo(bytes, nearest), bytes, codes + i);
  }
  const float plain = quantise_plain(half, i, count, scale, codes);
  return {scale, error_of(hn::GetLane(hn::SumOfLanes(DF(), squares)) + plain)};
}

void make_fixed(const std::uint16_t* half, std::size_t count, std::int16_t* codes) {
  const std::size_t lanes = hn::Lanes(DF());
  const VF scale = hn::Set(DF(), kFixedScale);
  const hn::Rebind<std::int16_t, DF> words;
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    hn::StoreU(hn::DemoteTo(words, hn::NearestInt(hn::Mul(load_halves(half + i), scale))), words, codes + i);
  }
  to_fixed_plain(half, i, count, codes);
}

#endif

}  // namespace HWY_NAMESPACE
}  // namespace mien
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mien {

HWY_EXPORT(dot);
HWY_EXPORT(make_codes);
HWY_EXPORT(make_fixed);

double dot_halves(const std::uint16_t* a, const std::uint16_t* b, std::size_t count) {
  return HWY_DYNAMIC_DISPATCH(dot)(a, b, count);
}

RowScale quantise(const std::uint16_t* half, std::size_t count, std::int8_t* codes) {
  return HWY_DYNAMIC_DISPATCH(make_codes)(half, count, codes);
}

void to_fixed(const std::uint16_t* half, std::size_t count, std::int16_t* codes) {
  HWY_DYNAMIC_DISPATCH(make_fixed)(half, count, codes);
}

}  // namespace mien
#endif
