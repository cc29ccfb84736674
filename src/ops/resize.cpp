#include "ops/resize.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <utility>

#include "ops/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/resize.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

// OpenCV's fixed point for 8-bit linear interpolation: weights of 11 bits; the vertical pass drops 4 bits of the
// horizontal sums before it multiplies and 16 after, then rounds the last 2 away. At equal size this gives the pixel
// itself, and at half the size the rounded mean of 2x2 pixels, so neither needs a path of its own.

#ifndef MIEN_OPS_RESIZE_ROW_PAIR  // this file is included once a target, the type must be one
#define MIEN_OPS_RESIZE_ROW_PAIR
namespace mien {
namespace {
struct RowPair {
  const std::int32_t* above;
  const std::int32_t* below;
  std::int32_t above_weight;
  std::int32_t below_weight;
};
}  // namespace
}  // namespace mien
#endif

HWY_BEFORE_NAMESPACE();
namespace mien {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// One source row made as wide as the output, a plane a channel, each `width` long.
void interpolate_columns_plain(const std::uint8_t* row, int channels, const ColumnTaps& taps, int begin, int width,
                               std::int32_t* out) {
  for (int x = begin; x < width; ++x) {
    const std::size_t at = static_cast<std::size_t>(x);
    const std::uint8_t* first = row + taps.first[at];
    const std::uint8_t* second = row + taps.second[at];
    for (int channel = 0; channel < channels; ++channel) {
      out[channel * width + x] = first[channel] * taps.first_weight[at] + second[channel] * taps.second_weight[at];
    }
  }
}

void interpolate_rows_plain(const RowPair& rows, int begin, int width, float mean, float scale, float* out) {
  for (int x = begin; x < width; ++x) {
    const std::int32_t sum =
        ((rows.above_weight * (rows.above[x] >> 4)) >> 16) + ((rows.below_weight * (rows.below[x] >> 4)) >> 16);
    out[x] = (static_cast<float>(std::min((sum + 2) >> 2, 255)) - mean) * scale;
  }
}

#if MIEN_PLAIN_TARGET

void interpolate_columns(const std::uint8_t* row, int channels, const ColumnTaps& taps, int width, bool /*is_last*/,
                         std::int32_t* out) {
  interpolate_columns_plain(row, channels, taps, 0, width, out);
}

void interpolate_rows(const RowPair& rows, int width, float mean, float scale, float* out) {
  interpolate_rows_plain(rows, 0, width, mean, scale, out);
}

#else

void interpolate_columns(const std::uint8_t* row, int channels, const ColumnTaps& taps, int width, bool is_last,
                         std::int32_t* out) {
  const hn::ScalableTag<std::int32_t> d;
  const int lanes = static_cast<int>(hn::Lanes(d));
  int x = 0;
  // A pixel is gathered as four bytes: behind the last pixel of the image there is nothing to read.
  for (; channels == 3 && !is_last && x + lanes <= width; x += lanes) {
    const auto* base = reinterpret_cast<const std::int32_t*>(row);
    const auto first = hn::GatherOffset(d, base, hn::LoadU(d, taps.first.data() + x));
    const auto second = hn::GatherOffset(d, base, hn::LoadU(d, taps.second.data() + x));
    const auto a = hn::LoadU(d, taps.first_weight.data() + x);
    const auto b = hn::LoadU(d, taps.second_weight.data() + x);
    const auto byte = hn::Set(d, 0xFF);
    const auto blend = [&](auto left, auto right) {
      return hn::Add(hn::Mul(hn::And(left, byte), a), hn::Mul(hn::And(right, byte), b));
    };
    hn::StoreU(blend(first, second), d, out + x);
    hn::StoreU(blend(hn::ShiftRight<8>(first), hn::ShiftRight<8>(second)), d, out + width + x);
    hn::StoreU(blend(hn::ShiftRight<16>(first), hn::ShiftRight<16>(second)), d, out + 2 * width + x);
  }
  interpolate_columns_plain(row, channels, taps, x, width, out);
}

void interpolate_rows(const RowPair& rows, int width, float mean, float scale, float* out) {
  const hn::ScalableTag<std::int32_t> d;
  const hn::ScalableTag<float> df;
  const int lanes = static_cast<int>(hn::Lanes(d));
  const auto a = hn::Set(d, rows.above_weight);
  const auto b = hn::Set(d, rows.below_weight);
  int x = 0;
  for (; x + lanes <= width; x += lanes) {
    const auto above = hn::ShiftRight<16>(hn::Mul(hn::ShiftRight<4>(hn::LoadU(d, rows.above + x)), a));
    const auto below = hn::ShiftRight<16>(hn::Mul(hn::ShiftRight<4>(hn::LoadU(d, rows.below + x)), b));
    const auto rounded = hn::ShiftRight<2>(hn::Add(hn::Add(above, below), hn::Set(d, 2)));
    const auto value = hn::ConvertTo(df, hn::Min(rounded, hn::Set(d, 255)));
    hn::StoreU(hn::Mul(hn::Sub(value, hn::Set(df, mean)), hn::Set(df, scale)), df, out + x);
  }
  interpolate_rows_plain(rows, x, width, mean, scale, out);
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

constexpr int kWeightOne = 1 << 11;

void prepare_columns(const ImageView& in, int width, ColumnTaps& taps) {
  const std::size_t count = static_cast<std::size_t>(width);
  for (auto* values : {&taps.first, &taps.second, &taps.first_weight, &taps.second_weight}) values->resize(count);
  for (std::size_t x = 0; x < count; ++x) {
    const ResizeTap tap = make_resize_tap(static_cast<int>(x), in.width, width, true);
    taps.first[x] = tap.index * in.channels;
    taps.second[x] = std::min(tap.index + 1, in.width - 1) * in.channels;
    taps.first_weight[x] = tap.first;
    taps.second_weight[x] = tap.second;
  }
}

// The scaled rows one after the other, from top to bottom; each source row is interpolated once.
class RowScaler {
 public:
  RowScaler(ImageView in, int width, int height, ResizeScratch& scratch)
      : in_(in), width_(width), height_(height), scratch_(scratch) {
    const std::size_t count = static_cast<std::size_t>(width) * static_cast<std::size_t>(in.channels);
    scratch_.row_above.resize(count);
    scratch_.row_below.resize(count);
    prepare_columns(in, width, scratch_.columns);
  }

  // Row `y` of the scaled image, normalised, to its place in each plane.
  void write_row(int y, const Feed& feed, const std::array<float*, 3>& planes) {
    const ResizeTap tap = make_resize_tap(y, in_.height, height_, false);
    prepare_rows(std::clamp(tap.index, 0, in_.height - 1), std::clamp(tap.index + 1, 0, in_.height - 1));
    for (int channel = 0; channel < 3; ++channel) {
      const int at = in_.channels == 3 ? channel * width_ : 0;
      HWY_DYNAMIC_DISPATCH(interpolate_rows)
      ({scratch_.row_above.data() + at, scratch_.row_below.data() + at, tap.first, tap.second}, width_, feed.mean,
       feed.scale, planes[static_cast<std::size_t>(channel)]);
    }
  }

 private:
  void prepare_rows(int above, int below) {
    // The lower row of one output row is often the upper one of the next.
    if (above != above_ && above == below_) {
      std::swap(scratch_.row_above, scratch_.row_below);
      std::swap(above_, below_);
    }
    if (above != above_) above_ = interpolate(above, scratch_.row_above);
    if (below != below_) below_ = interpolate(below, scratch_.row_below);
  }

  int interpolate(int y, std::vector<std::int32_t>& out) {
    HWY_DYNAMIC_DISPATCH(interpolate_columns)
    (in_.row(y), in_.channels, scratch_.columns, width_, y == in_.height - 1, out.data());
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

void letterbox_into(ImageView in, const LetterboxSize& size, const Feed& feed, ResizeScratch& scratch, float* planes) {
  assert(!in.empty() && size.width >= 1 && size.height >= 1);
  assert(size.width <= size.canvas_width && size.height <= size.canvas_height);
  const std::size_t plane = static_cast<std::size_t>(size.canvas_width) * static_cast<std::size_t>(size.canvas_height);
  std::array<float*, 3> rows = {planes, planes + plane, planes + 2 * plane};
  if (feed.bgr != in.bgr) std::swap(rows[0], rows[2]);
  const float black = (0.0F - feed.mean) * feed.scale;  // the canvas is black before it is normalised

  RowScaler scaler(in, size.width, size.height, scratch);
  for (int y = 0; y < size.canvas_height; ++y) {
    const int filled = y < size.height ? size.width : 0;
    if (filled > 0) scaler.write_row(y, feed, rows);
    for (float*& row : rows) {
      std::fill(row + filled, row + size.canvas_width, black);
      row += size.canvas_width;
    }
  }
}

}  // namespace mien

#endif  // HWY_ONCE
