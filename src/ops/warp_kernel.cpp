#include "ops/warp_kernel.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "base/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/warp_kernel.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#ifndef MIEN_OPS_WARP_KERNEL_ONCE
#define MIEN_OPS_WARP_KERNEL_ONCE
namespace mien {
namespace {

// Beyond these the position is outside every image that the limits allow, and a cast to int stays defined.
constexpr double kFar = 1e7;

// Two neighbours of a row. The bytes of `first` are the left one's channels and the right one's first; those of
// `second` are the left one's last channel and the right one's channels: no byte behind the two is read. Bytes of a
// number are counted from its lowest, which all CPUs that mien is built for store first.
struct Neighbours {
  std::uint32_t first;
  std::uint32_t second;
};

Neighbours pair_of_gray(std::uint32_t left, std::uint32_t right) {
  return {left * 0x010101U | right << 24U, left | right * 0x01010100U};
}

HWY_INLINE Neighbours load_pair(const std::uint8_t* left, int channels) {
  if (channels == 1) return pair_of_gray(left[0], left[1]);
  Neighbours pair{};
  std::memcpy(&pair.first, left, sizeof pair.first);
  std::memcpy(&pair.second, left + 2, sizeof pair.second);
  return pair;
}

// The same where one or both may lie outside the image.
Neighbours load_pair_or_black(const ImageView& in, int left, int y) {
  std::uint8_t bytes[6] = {};
  const std::size_t size = static_cast<std::size_t>(in.channels);
  for (int i = 0; i < 2; ++i) {
    const int x = left + i;
    if (x < 0 || y < 0 || x >= in.width || y >= in.height) continue;
    std::memcpy(bytes + static_cast<std::size_t>(i) * size, in.row(y) + x * in.channels, size);
  }
  return load_pair(bytes, in.channels);
}

// The neighbours of a position: two of a row, and those below them.
struct Square {
  Neighbours above;
  Neighbours below;
};

HWY_INLINE Square load_inside(const ImageView& in, int left, int top) {
  const std::uint8_t* above = in.row(top) + static_cast<std::ptrdiff_t>(left) * in.channels;
  return {load_pair(above, in.channels), load_pair(above + in.stride, in.channels)};
}

Square load_square(const ImageView& in, int left, int top) {
  const bool is_inside = left >= 0 && top >= 0 && left + 1 < in.width && top + 1 < in.height;
  if (is_inside) return load_inside(in, left, top);
  return {load_pair_or_black(in, left, top), load_pair_or_black(in, left, top + 1)};
}

}  // namespace
}  // namespace mien
#endif

HWY_BEFORE_NAMESPACE();
namespace mien {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

HWY_INLINE float blend(const Square& square, int channel, float fx, float fy) {
  const auto left = [&](const Neighbours& pair) { return static_cast<float>(pair.first >> (8 * channel) & 255U); };
  const auto right = [&](const Neighbours& pair) {
    return static_cast<float>(pair.second >> (8 * (channel + 1)) & 255U);
  };
  const float upper = left(square.above) + (right(square.above) - left(square.above)) * fx;
  const float lower = left(square.below) + (right(square.below) - left(square.below)) * fx;
  return std::floor(upper + (lower - upper) * fy + 0.5F);
}

// The pixels from `begin` on, one by one.
void warp_plain(const WarpRow& row, int begin, const ValueRange& range, float* const* planes) {
  const Similarity& from = row.from;
  for (int x = begin; x < row.width; ++x) {
    const double source_x = from.a * x - from.b * row.y + from.tx;
    const double source_y = from.b * x + from.a * row.y + from.ty;
    const float at_x = static_cast<float>(std::clamp(source_x, -kFar, kFar));
    const float at_y = static_cast<float>(std::clamp(source_y, -kFar, kFar));
    const float left = std::floor(at_x);
    const float top = std::floor(at_y);
    const Square square = load_square(row.in, static_cast<int>(left), static_cast<int>(top));
    for (int channel = 0; channel < 3; ++channel) {
      planes[channel][x] = (blend(square, channel, at_x - left, at_y - top) - range.mean) * range.scale;
    }
  }
}

#if MIEN_PLAIN_TARGET || !HWY_HAVE_FLOAT64

void warp(const WarpRow& row, const ValueRange& range, float* const* planes) { warp_plain(row, 0, range, planes); }

#else

constexpr std::size_t kLanesMax = 16;
using DF = hn::CappedTag<float, kLanesMax>;
using DI = hn::RebindToSigned<DF>;
using DU = hn::RebindToUnsigned<DF>;
using DD = hn::Repartition<double, DF>;
using VF = hn::Vec<DF>;
using VU = hn::Vec<DU>;

// (factor * x - minus) + plus for as many x as a vector has, in the order in which warp_plain computes.
struct Line {
  double factor;
  double minus;
  double plus;
};

HWY_INLINE VF positions(const Line& line, int x) {
  const DD dd;
  const hn::Half<DF> half;
  const auto at = [&](double first) HWY_ATTR {
    const auto product = hn::Mul(hn::Set(dd, line.factor), hn::Iota(dd, first));
    const auto position = hn::Add(hn::Sub(product, hn::Set(dd, line.minus)), hn::Set(dd, line.plus));
    return hn::DemoteTo(half, hn::Min(hn::Max(position, hn::Set(dd, -kFar)), hn::Set(dd, kFar)));
  };
  return hn::Combine(DF(), at(x + static_cast<double>(hn::Lanes(dd))), at(x));
}

// The neighbours of as many pixels as a vector has.
struct Squares {
  alignas(64) std::uint32_t above[2][kLanesMax];
  alignas(64) std::uint32_t below[2][kLanesMax];

  void set(std::size_t lane, const Square& square) {
    above[0][lane] = square.above.first;
    above[1][lane] = square.above.second;
    below[0][lane] = square.below.first;
    below[1][lane] = square.below.second;
  }
};

HWY_INLINE void load_squares(const ImageView& in, VF left, VF top, Squares& squares) {
  const DF df;
  const DI di;
  alignas(64) std::int32_t lefts[kLanesMax];
  alignas(64) std::int32_t tops[kLanesMax];
  hn::Store(hn::ConvertTo(di, left), di, lefts);
  hn::Store(hn::ConvertTo(di, top), di, tops);
  const auto last_x = hn::Set(df, static_cast<float>(in.width - 1));
  const auto last_y = hn::Set(df, static_cast<float>(in.height - 1));
  const auto begins_inside = hn::And(hn::Ge(left, hn::Zero(df)), hn::Ge(top, hn::Zero(df)));
  const auto ends_inside = hn::And(hn::Lt(left, last_x), hn::Lt(top, last_y));
  const std::size_t lanes = hn::Lanes(df);
  if (hn::AllTrue(df, hn::And(begins_inside, ends_inside))) {
    for (std::size_t i = 0; i < lanes; ++i) squares.set(i, load_inside(in, lefts[i], tops[i]));
  } else {
    for (std::size_t i = 0; i < lanes; ++i) squares.set(i, load_square(in, lefts[i], tops[i]));
  }
}

template <int kByte>
HWY_INLINE VF byte_of(const std::uint32_t* words) {
  const DU du;
  const VU byte = hn::And(hn::ShiftRight<8 * kByte>(hn::Load(du, words)), hn::Set(du, 255U));
  return hn::ConvertTo(DF(), hn::BitCast(DI(), byte));
}

template <int kChannel>
HWY_INLINE VF blend(const Squares& squares, VF fx, VF fy) {
  const auto between = [](VF a, VF b, VF share) HWY_ATTR { return hn::Add(a, hn::Mul(hn::Sub(b, a), share)); };
  const VF upper = between(byte_of<kChannel>(squares.above[0]), byte_of<kChannel + 1>(squares.above[1]), fx);
  const VF lower = between(byte_of<kChannel>(squares.below[0]), byte_of<kChannel + 1>(squares.below[1]), fx);
  return hn::Floor(hn::Add(between(upper, lower, fy), hn::Set(DF(), 0.5F)));
}

void warp(const WarpRow& row, const ValueRange& range, float* const* planes) {
  const DF df;
  const int lanes = static_cast<int>(hn::Lanes(df));
  const Similarity& from = row.from;
  const Line across{from.a, from.b * row.y, from.tx};
  const Line down{from.b, -(from.a * row.y), from.ty};
  const auto fed = [&](VF value)
                       HWY_ATTR { return hn::Mul(hn::Sub(value, hn::Set(df, range.mean)), hn::Set(df, range.scale)); };
  Squares squares;
  int x = 0;
  for (; x + lanes <= row.width; x += lanes) {
    const VF at_x = positions(across, x);
    const VF at_y = positions(down, x);
    const VF left = hn::Floor(at_x);
    const VF top = hn::Floor(at_y);
    load_squares(row.in, left, top, squares);
    const VF fx = hn::Sub(at_x, left);
    const VF fy = hn::Sub(at_y, top);
    hn::StoreU(fed(blend<0>(squares, fx, fy)), df, planes[0] + x);
    hn::StoreU(fed(blend<1>(squares, fx, fy)), df, planes[1] + x);
    hn::StoreU(fed(blend<2>(squares, fx, fy)), df, planes[2] + x);
  }
  warp_plain(row, x, range, planes);
}

#endif

}  // namespace HWY_NAMESPACE
}  // namespace mien
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mien {

HWY_EXPORT(warp);

void warp_row(const WarpRow& row, const ValueRange& range, float* first, float* second, float* third) {
  float* const planes[] = {first, second, third};
  HWY_DYNAMIC_DISPATCH(warp)(row, range, planes);
}

}  // namespace mien
#endif
