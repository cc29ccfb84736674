#include "ops/enhance.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <memory>
#include <numeric>
#include <vector>

#include "image/gray.h"
#include "image/resample.h"
#include "ops/enhance_kernel.h"

namespace mien {
namespace {

constexpr int kWidthEnough = 500, kHeightEnough = 400;
constexpr int kSideMax = 4000;
constexpr float kContrast = 1.15F;

// A few rows of an image, by row number modulo their count, with room for one more pixel at both ends.
class RowRing {
 public:
  RowRing(int rows, std::size_t step, std::size_t bytes)
      : rows_(rows), step_(step), stride_(bytes + 2 * step), memory_(stride_ * static_cast<std::size_t>(rows)) {}
  std::uint8_t* row(int y) { return memory_.data() + static_cast<std::size_t>(y % rows_) * stride_ + step_; }
  // Row y between its neighbours in a picture of this height; beyond its edges the edge is repeated.
  RowTriple around(int y, int height) { return {row(std::max(y - 1, 0)), row(y), row(std::min(y + 1, height - 1))}; }

 private:
  int rows_;
  std::size_t step_;
  std::size_t stride_;
  std::vector<std::uint8_t> memory_;
};

std::uint64_t sum_gray(ImageView image) {
  const std::size_t width = static_cast<std::size_t>(image.width);
  const auto row = std::make_unique_for_overwrite<std::uint8_t[]>(width);
  std::uint64_t sum = 0;
  for (int y = 0; y < image.height; ++y) {
    gray_row(image, y, row.get());
    sum = std::accumulate(row.get(), row.get() + width, sum);
  }
  return sum;
}

void raise_contrast(Image& image) {
  const double pixels_in_all = static_cast<double>(image.width()) * static_cast<double>(image.height());
  const std::array<std::uint8_t, 256> table = contrast_table(sum_gray(image), pixels_in_all);
  std::uint8_t* pixels = image.data();
  for (std::size_t i = 0; i < image.size_bytes(); ++i) pixels[i] = table[pixels[i]];
}

// Pillow leaves the outermost pixels as they are, and pictures too small to have any others.
void sharpen_into(const Image& image, int y, std::uint8_t* out) {
  const std::size_t bytes = image.stride(), step = static_cast<std::size_t>(image.channels());
  std::memcpy(out, image.row(y), bytes);
  if (image.width() < 3 || y == 0 || y >= image.height() - 1) return;
  const RowTriple rows = {image.row(y - 1) + step, image.row(y) + step, image.row(y + 1) + step};
  sharpen_row(rows, step, bytes - 2 * step, out + step);
}

// The three horizontal passes of the blur, from a row that has room at both ends into another, by way of `between`.
void blur_horizontally(std::uint8_t* row, std::size_t step, std::size_t bytes, std::uint8_t* between,
                       std::uint8_t* out) {
  const auto pass = [&](std::uint8_t* from, std::uint8_t* to) {
    std::memcpy(from - step, from, step);
    std::memcpy(from + bytes, from + bytes - step, step);
    blur_row({from - step, from, from + step}, bytes, to);
  };
  pass(row, out);
  pass(out, between);
  pass(between, out);
}

// Sharpness and unsharp mask in one walk down the image, in place: a row of the result is written when nothing above
// it is needed any more. Each of the three vertical passes of the blur is one row behind the step before it.
void sharpen_in_place(Image& image) {
  const int height = image.height();
  const std::size_t bytes = image.stride(), step = static_cast<std::size_t>(image.channels());
  RowRing sharp(4, step, bytes), across(3, step, bytes), once(3, step, bytes), twice(3, step, bytes);
  RowRing spare(1, step, bytes);
  for (int y = 0; y < height + 3; ++y) {
    if (y < height) {
      sharpen_into(image, y, sharp.row(y));
      blur_horizontally(sharp.row(y), step, bytes, spare.row(0), across.row(y));
    }
    if (y >= 1 && y - 1 < height) blur_row(across.around(y - 1, height), bytes, once.row(y - 1));
    if (y >= 2 && y - 2 < height) blur_row(once.around(y - 2, height), bytes, twice.row(y - 2));
    if (y >= 3) {
      blur_row(twice.around(y - 3, height), bytes, spare.row(0));
      unsharp_row(sharp.row(y - 3), spare.row(0), bytes, image.row(y - 3));
    }
  }
}

}  // namespace

bool needs_enhancement(int width, int height) { return width < kWidthEnough || height < kHeightEnough; }

double enhancement_scale(int width, int height) {
  const int shorter = std::min(width, height), longer = std::max(width, height);
  const double scale = shorter <= 150 ? 4 : shorter <= 250 ? 3 : 2;
  return std::clamp(static_cast<double>(kSideMax) / longer, 1.0, scale);
}

PixelSize enhanced_size(int width, int height) {
  const double scale = enhancement_scale(width, height);
  return {std::max(width, static_cast<int>(std::lround(width * scale))),
          std::max(height, static_cast<int>(std::lround(height * scale)))};
}

std::array<std::uint8_t, 256> contrast_table(std::uint64_t gray_sum, double pixels) {
  const int mean = static_cast<int>(static_cast<double>(gray_sum) / pixels + 0.5);
  std::array<std::uint8_t, 256> table{};
  for (int value = 0; value < 256; ++value) {
    // Pillow blends in single precision. Both steps are exact in double and then rounded, so that no compiler can
    // fuse them into one with another result.
    const float distance = static_cast<float>(static_cast<double>(kContrast) * (value - mean));
    const float blended = static_cast<float>(static_cast<double>(mean) + static_cast<double>(distance));
    table[static_cast<std::size_t>(value)] = static_cast<std::uint8_t>(std::clamp(blended, 0.0F, 255.0F));
  }
  return table;
}

double enhance_pixels(ImageView in, Image& out) {
  const PixelSize size = enhanced_size(in.width, in.height);
  resample(in, size.width, size.height, ResampleFilter::lanczos, out);
  raise_contrast(out);
  sharpen_in_place(out);
  return enhancement_scale(in.width, in.height);
}

}  // namespace mien
