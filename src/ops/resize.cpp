#include "ops/resize.h"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace mien {
namespace {

// OpenCV's fixed point for 8-bit linear interpolation: weights of 11 bits, and a vertical pass that drops 4 bits of
// the sums before it multiplies and 16 after, then rounds the last 2 away.
constexpr int kWeightOne = 1 << 11;

struct Tap {
  int index = 0;  // of the first of two neighbours
  std::int16_t first = 0;
  std::int16_t second = 0;
};

// Where output pixel `i` lies among `in` pixels when `out` pixels are made of them. Columns beyond an edge take the
// edge pixel alone; rows keep their fraction there, because OpenCV clamps only the row's index (the rounding differs).
Tap make_tap(int i, int in, int out, bool clamp_fraction) {
  const double step = 1.0 / (static_cast<double>(out) / in);
  float position = static_cast<float>((i + 0.5) * step - 0.5);
  int index = static_cast<int>(std::floor(position));
  float fraction = position - static_cast<float>(index);
  if (clamp_fraction && index < 0) {
    index = 0;
    fraction = 0;
  }
  if (clamp_fraction && index >= in - 1) {
    index = in - 1;
    fraction = 0;
  }
  return {index, static_cast<std::int16_t>(std::lrintf((1.0F - fraction) * kWeightOne)),
          static_cast<std::int16_t>(std::lrintf(fraction * kWeightOne))};
}

void prepare_columns(const ImageView& in, int width, ResizeScratch& scratch) {
  const std::size_t count = static_cast<std::size_t>(width);
  scratch.column_offsets.resize(count * 2);
  scratch.column_weights.resize(count * 2);
  for (int x = 0; x < width; ++x) {
    const Tap tap = make_tap(x, in.width, width, true);
    const std::size_t at = static_cast<std::size_t>(x) * 2;
    scratch.column_offsets[at] = tap.index * in.channels;
    scratch.column_offsets[at + 1] = std::min(tap.index + 1, in.width - 1) * in.channels;
    scratch.column_weights[at] = tap.first;
    scratch.column_weights[at + 1] = tap.second;
  }
}

// One source row made as wide as the output: sums with 11 bits of fraction.
template <int kChannels>
void interpolate_columns(const std::uint8_t* row, int width, const ResizeScratch& scratch, std::int32_t* out) {
  const std::int32_t* offsets = scratch.column_offsets.data();
  const std::int16_t* weights = scratch.column_weights.data();
  for (int x = 0; x < width; ++x) {
    const std::uint8_t* first = row + offsets[2 * x];
    const std::uint8_t* second = row + offsets[2 * x + 1];
    const std::int32_t a = weights[2 * x];
    const std::int32_t b = weights[2 * x + 1];
    for (int channel = 0; channel < kChannels; ++channel) {
      out[x * kChannels + channel] = first[channel] * a + second[channel] * b;
    }
  }
}

void interpolate_rows(const std::int32_t* above, const std::int32_t* below, const Tap& tap, int count,
                      std::uint8_t* out) {
  const std::int32_t a = tap.first;
  const std::int32_t b = tap.second;
  for (int i = 0; i < count; ++i) {
    const std::int32_t sum = ((a * (above[i] >> 4)) >> 16) + ((b * (below[i] >> 4)) >> 16);
    out[i] = static_cast<std::uint8_t>(std::clamp((sum + 2) >> 2, 0, 255));
  }
}

void halve_row(const std::uint8_t* above, const std::uint8_t* below, int width, int channels, std::uint8_t* out) {
  for (int x = 0; x < width; ++x) {
    for (int channel = 0; channel < channels; ++channel) {
      const int left = 2 * x * channels + channel;
      const int right = left + channels;
      out[x * channels + channel] =
          static_cast<std::uint8_t>((above[left] + above[right] + below[left] + below[right] + 2) >> 2);
    }
  }
}

struct Planes {
  float* red;
  float* green;
  float* blue;
};

void normalise_row(const std::uint8_t* row, int width, int channels, const Feed& feed, const Planes& planes) {
  const float mean = feed.mean;
  const float scale = feed.scale;
  const int green = channels == 3 ? 1 : 0;
  const int blue = channels == 3 ? 2 : 0;
  for (int x = 0; x < width; ++x) {
    const std::uint8_t* pixel = row + x * channels;
    planes.red[x] = (static_cast<float>(pixel[0]) - mean) * scale;
    planes.green[x] = (static_cast<float>(pixel[green]) - mean) * scale;
    planes.blue[x] = (static_cast<float>(pixel[blue]) - mean) * scale;
  }
}

// The scaled rows one after the other, from top to bottom; each source row is interpolated once.
class RowScaler {
 public:
  RowScaler(ImageView in, const LetterboxSize& size, ResizeScratch& scratch)
      : in_(in), size_(size), scratch_(scratch) {
    halves_ = in.width == 2 * size.width && in.height == 2 * size.height;
    copies_ = in.width == size.width && in.height == size.height;
    const std::size_t count = static_cast<std::size_t>(size.width) * static_cast<std::size_t>(in.channels);
    scratch_.row_out.resize(count);
    if (halves_ || copies_) return;
    scratch_.row_a.resize(count);
    scratch_.row_b.resize(count);
    prepare_columns(in, size.width, scratch_);
  }

  const std::uint8_t* row(int y) {
    if (copies_) return in_.row(y);
    if (halves_) {
      halve_row(in_.row(2 * y), in_.row(2 * y + 1), size_.width, in_.channels, scratch_.row_out.data());
      return scratch_.row_out.data();
    }
    const Tap tap = make_tap(y, in_.height, size_.height, false);
    const int above = std::clamp(tap.index, 0, in_.height - 1);
    const int below = std::clamp(tap.index + 1, 0, in_.height - 1);
    // The lower row of one output row is often the upper one of the next.
    if (above != row_a_ && above == row_b_) {
      std::swap(scratch_.row_a, scratch_.row_b);
      std::swap(row_a_, row_b_);
    }
    if (above != row_a_) row_a_ = interpolate(above, scratch_.row_a);
    if (below != row_b_) row_b_ = interpolate(below, scratch_.row_b);
    interpolate_rows(scratch_.row_a.data(), scratch_.row_b.data(), tap, size_.width * in_.channels,
                     scratch_.row_out.data());
    return scratch_.row_out.data();
  }

 private:
  int interpolate(int y, std::vector<std::int32_t>& out) {
    if (in_.channels == 3) interpolate_columns<3>(in_.row(y), size_.width, scratch_, out.data());
    if (in_.channels == 1) interpolate_columns<1>(in_.row(y), size_.width, scratch_, out.data());
    return y;
  }

  ImageView in_;
  LetterboxSize size_;
  ResizeScratch& scratch_;
  bool halves_ = false;
  bool copies_ = false;
  int row_a_ = -1;
  int row_b_ = -1;
};

}  // namespace

void letterbox_into(ImageView in, const LetterboxSize& size, const Feed& feed, ResizeScratch& scratch,
                    float* planes) {
  assert(!in.empty() && size.width >= 1 && size.height >= 1);
  assert(size.width <= size.canvas_width && size.height <= size.canvas_height);
  const std::size_t plane = static_cast<std::size_t>(size.canvas_width) * static_cast<std::size_t>(size.canvas_height);
  float* first = planes;
  float* third = planes + 2 * plane;
  if (feed.bgr) std::swap(first, third);
  const float zero = (0.0F - feed.mean) * feed.scale;  // a black pixel, as the padding is black before normalisation

  RowScaler scaler(in, size, scratch);
  for (int y = 0; y < size.canvas_height; ++y) {
    const std::size_t at = static_cast<std::size_t>(y) * static_cast<std::size_t>(size.canvas_width);
    const Planes row{first + at, planes + plane + at, third + at};
    const int filled = y < size.height ? size.width : 0;
    if (filled > 0) normalise_row(scaler.row(y), size.width, in.channels, feed, row);
    for (float* channel : {row.red, row.green, row.blue}) {
      std::fill(channel + filled, channel + size.canvas_width, zero);
    }
  }
}

}  // namespace mien
