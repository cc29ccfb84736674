#include "ops/align.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "image/gray_weights.h"
#include "ops/warp_kernel.h"

namespace mien {
namespace {

constexpr std::array<std::array<double, 2>, 5> kTemplate = {
    {{38.2946, 51.6963}, {73.5318, 51.5014}, {56.0252, 71.7366}, {41.5493, 92.3655}, {70.7299, 92.2041}}};

}  // namespace

Similarity invert(const Similarity& s) {
  const double norm = s.a * s.a + s.b * s.b;
  const double a = s.a / norm;
  const double b = -s.b / norm;
  return {a, b, -(a * s.tx - b * s.ty), -(b * s.tx + a * s.ty)};
}

Landmarks template_landmarks() {
  Landmarks points;
  for (std::size_t i = 0; i < points.size(); ++i) {
    points[i] = {static_cast<float>(kTemplate[i][0]), static_cast<float>(kTemplate[i][1])};
  }
  return points;
}

std::optional<Similarity> estimate_alignment(const Landmarks& landmarks) {
  double mean_x = 0, mean_y = 0, template_x = 0, template_y = 0;
  for (std::size_t i = 0; i < landmarks.size(); ++i) {
    mean_x += landmarks[i].x / 5.0;
    mean_y += landmarks[i].y / 5.0;
    template_x += kTemplate[i][0] / 5.0;
    template_y += kTemplate[i][1] / 5.0;
  }
  // Closed form of Umeyama's fit in two dimensions: complex division of the centred point sets.
  double norm = 0, real = 0, imaginary = 0;
  for (std::size_t i = 0; i < landmarks.size(); ++i) {
    const double x = landmarks[i].x - mean_x;
    const double y = landmarks[i].y - mean_y;
    const double u = kTemplate[i][0] - template_x;
    const double v = kTemplate[i][1] - template_y;
    norm += x * x + y * y;
    real += x * u + y * v;
    imaginary += x * v - y * u;
  }
  if (!std::isfinite(norm) || norm < 1e-6) return std::nullopt;
  const double a = real / norm;
  const double b = imaginary / norm;
  if (a * a + b * b < 1e-12) return std::nullopt;  // points that fit no orientation: nothing to warp by
  return Similarity{a, b, template_x - (a * mean_x - b * mean_y), template_y - (b * mean_x + a * mean_y)};
}

double alignment_error(const Landmarks& landmarks, const Similarity& to_template) {
  double square = 0;
  for (std::size_t i = 0; i < landmarks.size(); ++i) {
    const double x = to_template.a * landmarks[i].x - to_template.b * landmarks[i].y + to_template.tx;
    const double y = to_template.b * landmarks[i].x + to_template.a * landmarks[i].y + to_template.ty;
    square += (x - kTemplate[i][0]) * (x - kTemplate[i][0]) + (y - kTemplate[i][1]) * (y - kTemplate[i][1]);
  }
  return std::sqrt(square / static_cast<double>(landmarks.size())) / kTemplateEyeDistance;
}

Similarity alignment_for_side(const Similarity& to_template, int side) {
  const bool is_wide = side % kAlignedSide != 0;
  const double ratio = static_cast<double>(side) / (is_wide ? 128 : kAlignedSide);
  return {to_template.a * ratio, to_template.b * ratio, (to_template.tx + (is_wide ? 8 : 0)) * ratio,
          to_template.ty * ratio};
}

void warp_square(ImageView in, const Similarity& to_square, int side, Image& out) {
  const Similarity from = invert(to_square);
  const std::size_t width = static_cast<std::size_t>(side);
  std::vector<float> values(3 * width);
  out.reset(side, side, 3, in.bgr);
  for (int y = 0; y < side; ++y) {
    warp_row({in, from, y, side}, {}, values.data(), values.data() + width, values.data() + 2 * width);
    std::uint8_t* pixel = out.row(y);
    for (std::size_t x = 0; x < width; ++x, pixel += 3) {
      for (std::size_t channel = 0; channel < 3; ++channel) {
        pixel[channel] = static_cast<std::uint8_t>(values[channel * width + x]);
      }
    }
  }
}

void warp_aligned_gray(ImageView in, const Similarity& to_template, Image& out) {
  constexpr std::size_t kSide = kAlignedSide;
  const Similarity from = invert(to_template);
  const GrayWeights& weights = gray_weights(in);
  const std::int32_t second = 65536 - weights.first - weights.third;
  std::array<float, 3 * kSide> values;
  out.reset(kAlignedSide, kAlignedSide, 1);
  for (int y = 0; y < kAlignedSide; ++y) {
    warp_row({in, from, y, kAlignedSide}, {}, values.data(), values.data() + kSide, values.data() + 2 * kSide);
    std::uint8_t* const row = out.row(y);
    for (std::size_t x = 0; x < kSide; ++x) {
      const std::int32_t sum = static_cast<std::int32_t>(values[x]) * weights.first +
                               static_cast<std::int32_t>(values[kSide + x]) * second +
                               static_cast<std::int32_t>(values[2 * kSide + x]) * weights.third;
      row[x] = static_cast<std::uint8_t>((sum + 32768) >> 16);
    }
  }
}

void warp_aligned_into(ImageView in, const Similarity& to_template, const Feed& feed, float* planes) {
  const Similarity from = invert(to_template);
  constexpr std::size_t kPlane = static_cast<std::size_t>(kAlignedSide) * kAlignedSide;
  float* first = planes;
  float* second = planes + kPlane;
  float* third = planes + 2 * kPlane;
  if (feed.bgr != in.bgr) std::swap(first, third);
  for (int y = 0; y < kAlignedSide; ++y) {
    warp_row({in, from, y, kAlignedSide}, {feed.mean, feed.scale}, first, second, third);
    first += kAlignedSide;
    second += kAlignedSide;
    third += kAlignedSide;
  }
}

void warp_aligned_bytes(ImageView in, const Similarity& to_template, bool bgr, std::uint8_t* planes) {
  constexpr std::size_t kPlane = static_cast<std::size_t>(kAlignedSide) * kAlignedSide;
  std::vector<float> values(3 * kPlane);
  warp_aligned_into(in, to_template, {.mean = 0, .scale = 1, .bgr = bgr}, values.data());
  std::transform(values.begin(), values.end(), planes, [](float value) { return static_cast<std::uint8_t>(value); });
}

void normalise_aligned(std::span<const std::uint8_t> bytes, const Feed& feed, float* planes) {
  std::transform(bytes.begin(), bytes.end(), planes,
                 [&](std::uint8_t value) { return (static_cast<float>(value) - feed.mean) * feed.scale; });
}

}  // namespace mien
