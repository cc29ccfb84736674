#include "ops/align.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace mien {
namespace {

constexpr std::array<std::array<double, 2>, 5> kTemplate = {
    {{38.2946, 51.6963}, {73.5318, 51.5014}, {56.0252, 71.7366}, {41.5493, 92.3655}, {70.7299, 92.2041}}};

// A pixel's value, or black outside the image.
int pixel_or_black(const ImageView& in, int x, int y, int channel) {
  if (x < 0 || y < 0 || x >= in.width || y >= in.height) return 0;
  return in.row(y)[x * in.channels + channel];
}

// A pixel's channels in the order of the image.
struct Sample {
  float first;
  float second;
  float third;
};

// Bilinear between four neighbours, rounded to 8 bits.
Sample sample(const ImageView& in, float x, float y) {
  const int left = static_cast<int>(std::floor(x));
  const int top = static_cast<int>(std::floor(y));
  const float fx = x - static_cast<float>(left);
  const float fy = y - static_cast<float>(top);
  const bool inside = left >= 0 && top >= 0 && left + 1 < in.width && top + 1 < in.height;
  std::array<float, 3> values{};
  for (int channel = 0; channel < in.channels; ++channel) {
    float a, b, c, d;
    if (inside) {
      const std::uint8_t* above = in.row(top) + left * in.channels + channel;
      const std::uint8_t* below = above + in.stride;
      a = above[0], b = above[in.channels], c = below[0], d = below[in.channels];
    } else {
      a = static_cast<float>(pixel_or_black(in, left, top, channel));
      b = static_cast<float>(pixel_or_black(in, left + 1, top, channel));
      c = static_cast<float>(pixel_or_black(in, left, top + 1, channel));
      d = static_cast<float>(pixel_or_black(in, left + 1, top + 1, channel));
    }
    const float upper = a + (b - a) * fx;
    const float lower = c + (d - c) * fx;
    values[static_cast<std::size_t>(channel)] = std::floor(upper + (lower - upper) * fy + 0.5F);
  }
  if (in.channels == 1) return {values[0], values[0], values[0]};
  return {values[0], values[1], values[2]};
}

// The pixel (x, y) of what the image is warped to; `from` leads back into the image.
Sample sample_at(const ImageView& in, const Similarity& from, int x, int y) {
  // Beyond these the position is outside every image that the limits allow, and a cast to int stays defined.
  constexpr double kFar = 1e7;
  const double source_x = from.a * x - from.b * y + from.tx;
  const double source_y = from.b * x + from.a * y + from.ty;
  return sample(in, static_cast<float>(std::clamp(source_x, -kFar, kFar)),
                static_cast<float>(std::clamp(source_y, -kFar, kFar)));
}

}  // namespace

Similarity invert(const Similarity& s) {
  const double norm = s.a * s.a + s.b * s.b;
  const double a = s.a / norm;
  const double b = -s.b / norm;
  return {a, b, -(a * s.tx - b * s.ty), -(b * s.tx + a * s.ty)};
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

Similarity alignment_for_side(const Similarity& to_template, int side) {
  const bool is_wide = side % kAlignedSide != 0;
  const double ratio = static_cast<double>(side) / (is_wide ? 128 : kAlignedSide);
  return {to_template.a * ratio, to_template.b * ratio, (to_template.tx + (is_wide ? 8 : 0)) * ratio,
          to_template.ty * ratio};
}

void warp_square(ImageView in, const Similarity& to_square, int side, Image& out) {
  const Similarity from = invert(to_square);
  out.reset(side, side, 3, in.bgr);
  for (int y = 0; y < side; ++y) {
    std::uint8_t* pixel = out.row(y);
    for (int x = 0; x < side; ++x, pixel += 3) {
      const Sample value = sample_at(in, from, x, y);
      pixel[0] = static_cast<std::uint8_t>(value.first);
      pixel[1] = static_cast<std::uint8_t>(value.second);
      pixel[2] = static_cast<std::uint8_t>(value.third);
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
    for (int x = 0; x < kAlignedSide; ++x) {
      const Sample value = sample_at(in, from, x, y);
      *first++ = (value.first - feed.mean) * feed.scale;
      *second++ = (value.second - feed.mean) * feed.scale;
      *third++ = (value.third - feed.mean) * feed.scale;
    }
  }
}

}  // namespace mien
