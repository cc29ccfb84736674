#include "ops/quality.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>
#include <memory>
#include <utility>

#include "image/gray.h"
#include "ops/crop.h"
#include "ops/quality_kernel.h"

namespace mien {
namespace {

// The weights and the values at which a measure counts in full are those of the guide (docs/formats.md).
constexpr double kBlurWeight = 0.25, kBlurFull = 1000;
constexpr double kBrightnessWeight = 0.20, kBrightnessBest = 128;
constexpr double kContrastWeight = 0.20, kContrastFull = 50;
constexpr double kSharpnessWeight = 0.25, kSharpnessFull = 100;
constexpr double kOcclusionWeight = 0.10;

// The gray rows of a band, with the row above it in slot 0 and the row below it in the last one, and room for vectors
// at both ends of a row.
class Band {
 public:
  explicit Band(ImageView pixels)
      : pixels_(pixels),
        stride_((static_cast<std::size_t>(pixels.width) + 2 * kQualityPadding + 63) / 64 * 64),
        memory_(std::make_unique_for_overwrite<std::uint8_t[]>(stride_ * kRows)) {}

  // Loads the first band of the image.
  void load() {
    load(0, -1);
    for (int y = 0; y <= std::min(kQualityBandRows, pixels_.height); ++y) load(y + 1, y);
  }

  // Returns the rows that must still be made gray for the band that begins at row `y`, when the band before it is
  // there.
  GrayRows missing(int y) {
    const int end = std::min(y + 1 + kQualityBandRows, pixels_.height);
    if (pixels_.channels == 1 || y + 1 >= end) return {};
    return {pixels_, y + 1, end - (y + 1), row_at(2)};
  }

  // Completes the band that begins at row `y`, once `missing` is gray.
  void complete(int y, Band& before) {
    copy(before, kQualityBandRows, 0);
    copy(before, kQualityBandRows + 1, 1);
    const int made = missing(y).count;
    for (int i = 0; i < made; ++i) add_borders(row_at(2 + i));
    for (int i = made; i < kQualityBandRows && y + 1 + i <= pixels_.height; ++i) load(2 + i, y + 1 + i);
  }

  std::uint8_t* row_at(int slot) { return memory_.get() + static_cast<std::size_t>(slot) * stride_ + kQualityPadding; }
  std::size_t stride() const { return stride_; }

 private:
  // Rows -1 and height of the image are its reflections.
  void load(int slot, int y) {
    const int height = pixels_.height;
    if (y < 0) y = std::min(1, height - 1);
    if (y >= height) y = std::max(0, height - 2);
    gray_row(pixels_, y, row_at(slot));
    add_borders(row_at(slot));
  }

  void add_borders(std::uint8_t* row) const {
    const int width = pixels_.width;
    row[-1] = row[std::min(1, width - 1)];
    row[width] = row[std::max(0, width - 2)];
    // Vectors that reach over the end read these bytes, but they are never counted.
    std::memset(row + width + 1, 0, kQualityPadding - 1);
  }

  void copy(Band& other, int from, int to) {
    std::memcpy(row_at(to) - kQualityPadding, other.row_at(from) - kQualityPadding, stride_);
  }

  static constexpr std::size_t kRows = kQualityBandRows + 2;
  ImageView pixels_;
  std::size_t stride_;
  std::unique_ptr<std::uint8_t[]> memory_;
};

QualitySums sum_image(ImageView pixels) {
  QualitySums sums;
  Band band(pixels);
  Band next(pixels);
  band.load();
  for (int y = 0; y < pixels.height; y += kQualityBandRows) {
    const int rows = std::min(kQualityBandRows, pixels.height - y);
    const int y_next = y + kQualityBandRows;
    add_quality_sums(band.row_at(1), band.stride(), pixels.width, rows, next.missing(y_next), sums);
    if (y_next >= pixels.height) break;
    next.complete(y_next, band);
    std::swap(band, next);
  }
  return sums;
}

// The population variance of n integers: their sums are exact, and so is their mean's share but for one rounding.
double variance(double sum, double sum_of_squares, double n) {
  return std::max(0.0, (sum_of_squares - sum * (sum / n)) / n);
}

}  // namespace

double overall_score(const Quality& measures) {
  const double brightness = 1.0 - std::abs(measures.brightness - kBrightnessBest) / kBrightnessBest;
  double score = kBlurWeight * std::min(measures.blur_score / kBlurFull, 1.0) + kBrightnessWeight * brightness +
                 kContrastWeight * std::min(measures.contrast / kContrastFull, 1.0) +
                 kSharpnessWeight * std::min(measures.sharpness / kSharpnessFull, 1.0);
  if (measures.occlusion_score) {
    score += kOcclusionWeight * (1.0 - *measures.occlusion_score);
  } else {
    score /= 1.0 - kOcclusionWeight;
  }
  return std::clamp(score, 0.0, 1.0);
}

Quality measure_quality(ImageView pixels) {
  assert(!pixels.empty() && (pixels.channels == 1 || pixels.channels == 3));
  return quality_of(sum_image(pixels), static_cast<double>(pixels.width) * static_cast<double>(pixels.height));
}

Quality quality_of(const QualitySums& sums, double n) {
  const double gray = static_cast<double>(sums.gray);
  Quality quality;
  quality.blur_score = variance(static_cast<double>(sums.laplacian), static_cast<double>(sums.laplacian_square), n);
  quality.brightness = gray / n;
  quality.contrast = std::sqrt(variance(gray, static_cast<double>(sums.gray_square), n));
  quality.sharpness = static_cast<double>(sums.gradient) / kGradientUnits / n;
  quality.overall_score = overall_score(quality);
  return quality;
}

Quality assess_part(ImageView pixels, const Box* bbox, const Landmarks* landmarks) {
  ImageView part = pixels;
  if (bbox != nullptr) {
    const PixelRect rect = clip_box(*bbox, 0.0, pixels.width, pixels.height);
    if (rect.width <= 0 || rect.height <= 0) return {};
    part = pixels.crop(rect.x, rect.y, rect.width, rect.height);
  }
  Quality quality = measure_quality(part);
  if (landmarks != nullptr) quality.pose_angles = estimate_pose(*landmarks);
  return quality;
}

}  // namespace mien
