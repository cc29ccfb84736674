#include "image/resample.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <memory>
#include <numbers>
#include <utility>
#include <vector>

#include "image/gray.h"
#include "image/resample_kernel.h"

// One kernel serves both passes: a weighted sum of rows. For the horizontal pass, blocks of rows are turned into
// columns, which are then weighed as rows are, and turned back.
namespace mien {
namespace {

double bilinear(double x) { return std::max(0.0, 1.0 - std::abs(x)); }

double sinc(double x) {
  if (x == 0.0) return 1.0;
  x *= std::numbers::pi;
  return std::sin(x) / x;
}

double lanczos(double x) { return -3.0 <= x && x < 3.0 ? sinc(x) * sinc(x / 3) : 0.0; }

// Indexed by ResampleFilter.
struct FilterCurve {
  double (*value)(double);
  double support;  // zero beyond
};
constexpr FilterCurve kCurves[] = {{bilinear, 1.0}, {lanczos, 3.0}};

// The weights of all output pixels of one direction, in the digits that the kernel takes.
class Weights {
 public:
  Weights(int in_size, int out_size, ResampleFilter filter) : windows_(in_size, out_size, filter) {
    offsets_.reserve(static_cast<std::size_t>(out_size));
    for (int i = 0; i < out_size; ++i) {
      offsets_.push_back(low_.size());
      add_digits(windows_.weights(i));
    }
  }

  int first(int i) const { return windows_.first(i); }
  WindowWeights at(int i) const {
    const std::size_t offset = offsets_[static_cast<std::size_t>(i)];
    return {low_.data() + offset, high_.data() + offset, static_cast<int>(windows_.weights(i).size())};
  }

 private:
  void add_digits(std::span<const std::int32_t> window) {
    for (std::size_t j = 0; j < window.size(); ++j) {
      const auto low = static_cast<std::int16_t>(window[j]);
      const auto high = static_cast<std::uint16_t>((window[j] - low) >> 16);
      if (j % 2 == 0) {
        low_.push_back(static_cast<std::uint16_t>(low));
        high_.push_back(high);
      } else {
        low_.back() |= static_cast<std::uint32_t>(static_cast<std::uint16_t>(low)) << 16;
        high_.back() |= static_cast<std::uint32_t>(high) << 16;
      }
    }
  }

  ResampleWindows windows_;
  std::vector<std::size_t> offsets_;  // of each window's first pair
  std::vector<std::uint32_t> low_;
  std::vector<std::uint32_t> high_;
};

// Rows of the input as the horizontal pass wants them: as they are, or turned gray into memory of a block.
class RowSource {
 public:
  RowSource(ImageView in, bool gray) : in_(in), convert_(gray && in.channels != 1) {
    if (convert_) memory_.resize(static_cast<std::size_t>(in.width) * kBlockRows);
  }
  const std::uint8_t* row(int y, int slot) {
    if (!convert_) return in_.row(y);
    std::uint8_t* row = memory_.data() + static_cast<std::size_t>(slot) * static_cast<std::size_t>(in_.width);
    gray_row(in_, y, row);
    return row;
  }

 private:
  ImageView in_;
  bool convert_;
  std::vector<std::uint8_t> memory_;
};

void resample_horizontally(ImageView in, bool gray, int width, ResampleFilter filter, Image& out) {
  const int channels = gray ? 1 : in.channels;
  out.reset(width, in.height, channels, in.bgr);
  const Weights weights(in.width, width, filter);
  RowSource source(in, gray);
  const std::size_t pixel = static_cast<std::size_t>(channels) * kBlockRows;  // bytes of a column's pixel
  const auto columns = std::make_unique_for_overwrite<std::uint8_t[]>(pixel * static_cast<std::size_t>(in.width));
  const auto out_columns = std::make_unique_for_overwrite<std::uint8_t[]>(pixel * static_cast<std::size_t>(width));
  for (int y0 = 0; y0 < in.height; y0 += kBlockRows) {
    std::array<const std::uint8_t*, kBlockRows> rows;
    std::array<std::uint8_t*, kBlockRows> out_rows;
    for (int i = 0; i < kBlockRows; ++i) {
      // A block that reaches below the image repeats the last row, and writes it again.
      const int y = std::min(y0 + i, in.height - 1);
      const std::size_t slot = static_cast<std::size_t>(i);
      rows[slot] = y < y0 + i ? rows[slot - 1] : source.row(y, i);
      out_rows[slot] = out.row(y);
    }
    rows_to_columns(rows.data(), static_cast<std::size_t>(in.width) * static_cast<std::size_t>(channels),
                    columns.get());
    for (int x = 0; x < width; ++x) {
      const std::uint8_t* window = columns.get() + static_cast<std::size_t>(weights.first(x)) * pixel;
      weigh_rows(window, pixel, weights.at(x), pixel, out_columns.get() + static_cast<std::size_t>(x) * pixel);
    }
    columns_to_rows(out_columns.get(), static_cast<std::size_t>(width) * static_cast<std::size_t>(channels),
                    out_rows.data());
  }
}

void resample_vertically(ImageView in, int height, ResampleFilter filter, Image& out) {
  out.reset(in.width, height, in.channels, in.bgr);
  const Weights weights(in.height, height, filter);
  for (int y = 0; y < height; ++y) {
    weigh_rows(in.row(weights.first(y)), static_cast<std::size_t>(in.stride), weights.at(y), out.stride(), out.row(y));
  }
}

void copy_rows(ImageView in, Image& out) {
  out.reset(in.width, in.height, in.channels, in.bgr);
  for (int y = 0; y < in.height; ++y) std::copy_n(in.row(y), out.stride(), out.row(y));
}

// Pillow 13 shrinks the height first where that takes away more than twice the pixels (its pull request 9549), older
// versions never. The order shows: each pass rounds to 8 bits.
bool height_first(int in_width, int in_height, int width, int height) {
  return height < in_height && in_height - height > 2 * (in_width - width);
}

}  // namespace

ResampleWindows::ResampleWindows(int in_size, int out_size, ResampleFilter filter) {
  const FilterCurve& curve = kCurves[static_cast<std::size_t>(filter)];
  const double scale = static_cast<double>(in_size) / out_size;
  const double filter_scale = std::max(1.0, scale);
  const double support = curve.support * filter_scale;
  std::vector<double> window(static_cast<std::size_t>(std::ceil(support)) * 2 + 1);
  windows_.reserve(static_cast<std::size_t>(out_size));
  for (int i = 0; i < out_size; ++i) {
    const double centre = (i + 0.5) * scale;
    const int first = std::max(0, static_cast<int>(centre - support + 0.5));
    const int count = std::min(in_size, static_cast<int>(centre + support + 0.5)) - first;
    double sum = 0;
    for (int j = 0; j < count; ++j) {
      const double w = curve.value((j + first - centre + 0.5) * (1.0 / filter_scale));
      window[static_cast<std::size_t>(j)] = w;
      sum += w;
    }
    windows_.push_back({first, weights_.size(), static_cast<std::size_t>(count)});
    for (int j = 0; j < count; ++j) {
      double weight = window[static_cast<std::size_t>(j)];
      if (sum != 0.0) weight /= sum;
      weight *= 1 << kWeightBits;
      weights_.push_back(static_cast<std::int32_t>(weight < 0 ? weight - 0.5 : weight + 0.5));
    }
  }
}

std::vector<ResampleStep> plan_resample(int in_width, int in_height, int width, int height) {
  std::vector<ResampleStep> steps;
  if (in_width != width) steps.push_back({true, width});
  if (in_height != height) steps.push_back({false, height});
  if (steps.size() == 2 && height_first(in_width, in_height, width, height)) std::swap(steps[0], steps[1]);
  return steps;
}

void resample(ImageView in, int width, int height, ResampleFilter filter, Image& out) {
  assert(!in.empty() && width > 0 && height > 0 && (in.channels == 1 || in.channels == 3));
  Image between;
  if (in.width == width && in.height == height) {
    copy_rows(in, out);
  } else if (in.height == height) {
    resample_horizontally(in, false, width, filter, out);
  } else if (in.width == width) {
    resample_vertically(in, height, filter, out);
  } else if (height_first(in.width, in.height, width, height)) {
    resample_vertically(in, height, filter, between);
    resample_horizontally(between, false, width, filter, out);
  } else {
    resample_horizontally(in, false, width, filter, between);
    resample_vertically(between, height, filter, out);
  }
}

void resample_gray(ImageView in, int width, int height, ResampleFilter filter, Image& out) {
  assert(!in.empty() && width > 0 && height > 0);
  Image between;
  if (in.width == width || height_first(in.width, in.height, width, height)) {
    to_gray(in, between);
  } else {
    resample_horizontally(in, true, width, filter, between);
  }
  resample(between, width, height, filter, out);
}

}  // namespace mien
