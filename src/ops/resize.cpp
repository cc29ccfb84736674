#include "ops/resize.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <cstring>
#include <utility>

#include "base/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/resize.cpp"
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

// OpenCV's fixed point for 8-bit linear interpolation: weights of 11 bits; the vertical pass drops 4 bits of the
// horizontal sums before it multiplies and 16 after, then rounds the last 2 away. At equal size this gives the pixel
// itself, and at half the size the rounded mean of 2x2 pixels, so neither needs a path of its own. A sum without its
// last 4 bits is at most 255 * 2049 / 16 and fits 16 bits, where "multiply and drop 16" is one instruction.

#ifndef MIEN_OPS_RESIZE_ROW_PAIR  // this file is included once a target, the type must be one
#define MIEN_OPS_RESIZE_ROW_PAIR
namespace mien {
namespace {
struct RowPair {
  const std::uint64_t* above;
  const std::uint64_t* below;
  std::int16_t above_weight;
  std::int16_t below_weight;
};
struct Planes {
  std::array<float*, 3> rows;  // of the first, second and third channel
  float mean;
  float scale;
};
}  // namespace
}  // namespace mien
#endif

HWY_BEFORE_NAMESPACE();
namespace mien {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// One source row made as wide as the output.
void interpolate_columns_plain(const std::uint8_t* row, int channels, const ColumnTaps& taps, int begin, int width,
                               std::uint64_t* out) {
  for (int x = begin; x < width; ++x) {
    const std::size_t at = static_cast<std::size_t>(x);
    const int a = taps.weights[4 * at];
    const int b = taps.weights[4 * at + 1];
    const std::uint8_t* first = row + taps.first[at];
    const std::uint8_t* second = b == 0 ? first : first + channels;
    const auto blend = [&](int channel) {
      return static_cast<std::uint64_t>((first[channel] * a + second[channel] * b) >> 4);
    };
    out[x] = channels == 3 ? blend(0) | blend(2) << 16 | blend(1) << 32 : blend(0) * 0x100010001;
  }
}

void interpolate_rows_plain(const RowPair& rows, int begin, int width, const Planes& planes) {
  constexpr std::array<int, 3> kShifts = {0, 32, 16};
  for (std::size_t channel = 0; channel < 3; ++channel) {
    for (int x = begin; x < width; ++x) {
      const auto above = static_cast<std::int16_t>(rows.above[x] >> kShifts[channel]);
      const auto below = static_cast<std::int16_t>(rows.below[x] >> kShifts[channel]);
      const int sum = ((rows.above_weight * above) >> 16) + ((rows.below_weight * below) >> 16);
      planes.rows[channel][x] = (static_cast<float>(std::min((sum + 2) >> 2, 255)) - planes.mean) * planes.scale;
    }
  }
}

// Whole numbers of 0 to 255 as bytes.
void narrow_plain(const float* values, int begin, int count, std::uint8_t* out) {
  for (int i = begin; i < count; ++i) out[i] = static_cast<std::uint8_t>(values[i]);
}

#if MIEN_PLAIN_TARGET

void interpolate_columns(const std::uint8_t* row, int channels, const ColumnTaps& taps, int width,
                         bool /*can_overread*/, std::uint64_t* out) {
  interpolate_columns_plain(row, channels, taps, 0, width, out);
}

void interpolate_rows(const RowPair& rows, int width, const Planes& planes) {
  interpolate_rows_plain(rows, 0, width, planes);
}

void narrow(const float* values, int count, std::uint8_t* out) { narrow_plain(values, 0, count, out); }

#else

using D16 = hn::ScalableTag<std::int16_t>;
using D32 = hn::ScalableTag<std::int32_t>;
using D64 = hn::ScalableTag<std::uint64_t>;

// Lookup tables that put the neighbours of a channel side by side, with 16 bits each, from two pixel pairs (bytes
// R G B R G B and two more each).
alignas(16) constexpr std::uint8_t kFirstAndSecond[16] = {0, 128, 3,  128, 1, 128, 4,  128,
                                                          8, 128, 11, 128, 9, 128, 12, 128};
alignas(16) constexpr std::uint8_t kThird[16] = {2,  128, 5,  128, 128, 128, 128, 128,
                                                 10, 128, 13, 128, 128, 128, 128, 128};

// Neighbours times their weights, summed.
HWY_INLINE hn::Vec<D32> blend(hn::Vec<D64> pairs, const std::uint8_t (&lanes)[16], hn::Vec<D16> weights) {
  const hn::Repartition<std::uint8_t, D64> d8;
  const auto neighbours = hn::TableLookupBytesOr0(hn::BitCast(d8, pairs), hn::LoadDup128(d8, lanes));
  auto odd = hn::Zero(D32());
  const auto even = hn::ReorderWidenMulAccumulate(D32(), hn::BitCast(D16(), neighbours), weights, hn::Zero(D32()), odd);
  return hn::RearrangeToOddPlusEven(even, odd);
}

// Reads two bytes behind the second pixel of a pair. A loop of plain loads brings the pairs together first, which on
// AMD's CPUs is faster than to gather them.
void interpolate_columns(const std::uint8_t* row, int channels, const ColumnTaps& taps, int width, bool can_overread,
                         std::uint64_t* out) {
  int x = 0;
  if (channels == 3 && can_overread) {
    for (int i = 0; i < width; ++i) std::memcpy(out + i, row + taps.first[static_cast<std::size_t>(i)], sizeof *out);
    const int lanes = static_cast<int>(hn::Lanes(D64()));
    for (; x + lanes <= width; x += lanes) {
      const auto pairs = hn::LoadU(D64(), out + x);
      const auto weights = hn::LoadU(D16(), taps.weights.data() + 4 * x);
      const auto lower = hn::ShiftRight<4>(blend(pairs, kFirstAndSecond, weights));
      const auto upper = hn::ShiftLeft<12>(blend(pairs, kThird, weights));
      const auto both = hn::OrAnd(lower, upper, hn::Set(D32(), ~0xFFFF));
      hn::StoreU(hn::BitCast(D64(), both), D64(), out + x);
    }
  }
  interpolate_columns_plain(row, channels, taps, x, width, out);
}

// Both rows' share of as many columns as a vector has lanes of 64 bits, rounded to 8 bits.
HWY_INLINE hn::Vec<D32> blend_rows(const RowPair& rows, int x) {
  const D16 d;
  const auto load = [&](const std::uint64_t* row) HWY_ATTR { return hn::BitCast(d, hn::LoadU(D64(), row + x)); };
  const auto above = hn::MulHigh(load(rows.above), hn::Set(d, rows.above_weight));
  const auto below = hn::MulHigh(load(rows.below), hn::Set(d, rows.below_weight));
  const auto rounded = hn::ShiftRight<2>(hn::Add(hn::Add(above, below), hn::Set(d, 2)));
  return hn::BitCast(D32(), hn::Min(rounded, hn::Set(d, 255)));
}

void interpolate_rows(const RowPair& rows, int width, const Planes& planes) {
  const D32 d;
  const hn::ScalableTag<float> df;
  const int lanes = static_cast<int>(hn::Lanes(d));
  int x = 0;
  for (; x + lanes <= width; x += lanes) {
    const auto lower = blend_rows(rows, x);
    const auto upper = blend_rows(rows, x + lanes / 2);
    const auto store = [&](std::size_t channel, auto values) HWY_ATTR {
      const auto centred = hn::Sub(hn::ConvertTo(df, values), hn::Set(df, planes.mean));
      hn::StoreU(hn::Mul(centred, hn::Set(df, planes.scale)), df, planes.rows[channel] + x);
    };
    const auto first_and_third = hn::ConcatEven(d, upper, lower);
    store(0, hn::And(first_and_third, hn::Set(d, 0xFFFF)));
    store(1, hn::ConcatOdd(d, upper, lower));
    store(2, hn::ShiftRight<16>(first_and_third));
  }
  interpolate_rows_plain(rows, x, width, planes);
}

void narrow(const float* values, int count, std::uint8_t* out) {
  const hn::ScalableTag<float> df;
  const hn::Rebind<std::int32_t, decltype(df)> d32;
  const hn::Rebind<std::uint8_t, decltype(df)> d8;
  const int lanes = static_cast<int>(hn::Lanes(df));
  int i = 0;
  for (; i + lanes <= count; i += lanes) {
    hn::StoreU(hn::DemoteTo(d8, hn::ConvertTo(d32, hn::LoadU(df, values + i))), d8, out + i);
  }
  narrow_plain(values, i, count, out);
}

#endif

}  // namespace HWY_NAMESPACE
}  // namespace mien
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

namespace mien {
namespace {

HWY_EXPORT(interpolate_columns);
HWY_EXPORT(interpolate_rows);
HWY_EXPORT(narrow);

constexpr int kWeightOne = 1 << 11;

// One direction's share in an output pixel: the first of two neighbours (beyond the edges for rows) and the weights of
// both, of 11 bits.
struct ResizeTap {
  int index = 0;
  std::int32_t first = 0;
  std::int32_t second = 0;
};

// Where output pixel `i` lies among `in` pixels when `out` pixels are made of them. Columns beyond an edge take the
// edge pixel alone; rows keep their fraction there, because OpenCV clamps only the row's index (the rounding differs).
ResizeTap make_resize_tap(int i, int in, int out, bool clamp_fraction) {
  const double step = 1.0 / (static_cast<double>(out) / in);
  const float position = static_cast<float>((i + 0.5) * step - 0.5);
  int index = static_cast<int>(std::floor(position));
  float fraction = position - static_cast<float>(index);
  if (clamp_fraction && (index < 0 || index >= in - 1)) {
    index = std::clamp(index, 0, in - 1);
    fraction = 0;
  }
  return {index, static_cast<std::int32_t>(std::lrintf((1.0F - fraction) * kWeightOne)),
          static_cast<std::int32_t>(std::lrintf(fraction * kWeightOne))};
}

void prepare_columns(const ImageView& in, int width, ColumnTaps& taps) {
  const std::size_t count = static_cast<std::size_t>(width);
  taps.first.resize(count);
  taps.weights.resize(4 * count);
  for (std::size_t x = 0; x < count; ++x) {
    const ResizeTap tap = make_resize_tap(static_cast<int>(x), in.width, width, true);
    taps.first[x] = tap.index * in.channels;
    for (const std::size_t i : {0, 2}) {
      taps.weights[4 * x + i] = static_cast<std::int16_t>(tap.first);
      taps.weights[4 * x + i + 1] = static_cast<std::int16_t>(tap.second);
    }
  }
}

// The scaled rows one after the other, from top to bottom; each source row is interpolated once.
class RowScaler {
 public:
  RowScaler(ImageView in, int width, int height, ResizeScratch& scratch)
      : in_(in), width_(width), height_(height), scratch_(scratch) {
    scratch_.row_above.resize(static_cast<std::size_t>(width));
    scratch_.row_below.resize(static_cast<std::size_t>(width));
    prepare_columns(in, width, scratch_.columns);
  }

  // Row `y` of the scaled image, normalised, to its place in each plane.
  void write_row(int y, const Planes& planes) {
    const ResizeTap tap = make_resize_tap(y, in_.height, height_, false);
    const int above = clamp_row(tap.index), below = clamp_row(tap.index + 1);
    if (y + 1 < height_) prefetch_from(make_resize_tap(y + 1, in_.height, height_, false).index, below);
    prepare_rows(above, below);
    HWY_DYNAMIC_DISPATCH(interpolate_rows)
    ({scratch_.row_above.data(), scratch_.row_below.data(), static_cast<std::int16_t>(tap.first),
      static_cast<std::int16_t>(tap.second)},
     width_, planes);
  }

 private:
  int clamp_row(int y) const { return std::clamp(y, 0, in_.height - 1); }

  // Rows `y` and `y` + 1 as far as they lie below `last`. CPUs see them coming too late when rows are left out.
  void prefetch_from(int y, int last) const {
    constexpr int kCacheLine = 64;
    for (int row = std::max(y, last + 1); row <= clamp_row(y + 1); ++row) {
      const std::uint8_t* const pixels = in_.row(row);
      for (int i = 0; i < in_.width * in_.channels; i += kCacheLine) hwy::Prefetch(pixels + i);
    }
  }

  void prepare_rows(int above, int below) {
    // The lower row of one output row is often the upper one of the next.
    if (above != above_ && above == below_) {
      std::swap(scratch_.row_above, scratch_.row_below);
      std::swap(above_, below_);
    }
    if (above != above_) above_ = interpolate(above, scratch_.row_above);
    if (below != below_) below_ = interpolate(below, scratch_.row_below);
  }

  int interpolate(int y, std::vector<std::uint64_t>& out) {
    // Behind the last pixel of a row lie the first two of the next.
    const bool can_overread = y < in_.height - 1 && in_.width > 1;
    HWY_DYNAMIC_DISPATCH(interpolate_columns)
    (in_.row(y), in_.channels, scratch_.columns, width_, can_overread, out.data());
    return y;
  }

  ImageView in_;
  int width_;
  int height_;
  ResizeScratch& scratch_;
  int above_ = -1;  // which source rows the scratch holds
  int below_ = -1;
};

}  // namespace

void letterbox_into(ImageView in, const LetterboxSize& size, const Feed& feed, ResizeScratch& scratch, float* planes) {
  assert(!in.empty() && size.width >= 1 && size.height >= 1);
  assert(size.width <= size.canvas_width && size.height <= size.canvas_height);
  const std::size_t plane = static_cast<std::size_t>(size.canvas_width) * static_cast<std::size_t>(size.canvas_height);
  Planes out = {{planes, planes + plane, planes + 2 * plane}, feed.mean, feed.scale};
  if (feed.bgr != in.bgr) std::swap(out.rows[0], out.rows[2]);
  const float black = (0.0F - feed.mean) * feed.scale;  // the canvas is black before it is normalised

  RowScaler scaler(in, size.width, size.height, scratch);
  for (int y = 0; y < size.canvas_height; ++y) {
    const int filled = y < size.height ? size.width : 0;
    if (filled > 0) scaler.write_row(y, out);
    for (float*& row : out.rows) {
      std::fill(row + filled, row + size.canvas_width, black);
      row += size.canvas_width;
    }
  }
}

void letterbox_bytes(ImageView in, const LetterboxSize& size, bool bgr, ResizeScratch& scratch, std::uint8_t* planes) {
  assert(!in.empty() && size.width >= 1 && size.height >= 1);
  assert(size.width <= size.canvas_width && size.height <= size.canvas_height);
  const std::size_t width = static_cast<std::size_t>(size.width);
  const std::size_t stride = static_cast<std::size_t>(size.canvas_width);
  const std::size_t plane = stride * static_cast<std::size_t>(size.canvas_height);
  scratch.values.resize(3 * width);
  float* const values = scratch.values.data();
  Planes row = {{values, values + width, values + 2 * width}, 0.0F, 1.0F};
  if (bgr != in.bgr) std::swap(row.rows[0], row.rows[2]);
  RowScaler scaler(in, size.width, size.height, scratch);
  for (int y = 0; y < size.canvas_height; ++y) {
    const bool is_filled = y < size.height;
    if (is_filled) scaler.write_row(y, row);
    for (std::size_t channel = 0; channel < 3; ++channel) {
      std::uint8_t* const out = planes + channel * plane + static_cast<std::size_t>(y) * stride;
      if (is_filled) HWY_DYNAMIC_DISPATCH(narrow)(values + channel * width, size.width, out);
      std::fill(out + (is_filled ? width : 0), out + stride, std::uint8_t{0});
    }
  }
}

}  // namespace mien

#endif  // HWY_ONCE
