#include "ops/crop.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "image/resample.h"

namespace mien {

PixelRect clip_box(Box box, double margin, int image_width, int image_height) {
  const double grow_x = margin * (static_cast<double>(box.x2) - static_cast<double>(box.x1));
  const double grow_y = margin * (static_cast<double>(box.y2) - static_cast<double>(box.y1));
  const double left = std::floor(box.x1 - grow_x), right = std::ceil(box.x2 + grow_x);
  const double top = std::floor(box.y1 - grow_y), bottom = std::ceil(box.y2 + grow_y);
  // Written so that a coordinate that is not a number fails the comparison.
  if (!(box.x1 < box.x2 && box.y1 < box.y2 && left < right && top < bottom)) return {};
  if (!std::isfinite(right - left) || !std::isfinite(bottom - top)) return {};
  const int x1 = static_cast<int>(std::clamp(left, 0.0, static_cast<double>(image_width)));
  const int y1 = static_cast<int>(std::clamp(top, 0.0, static_cast<double>(image_height)));
  const int x2 = static_cast<int>(std::clamp(right, 0.0, static_cast<double>(image_width)));
  const int y2 = static_cast<int>(std::clamp(bottom, 0.0, static_cast<double>(image_height)));
  if (x1 >= x2 || y1 >= y2) return {};
  return {x1, y1, x2 - x1, y2 - y1};
}

namespace {

// The whole number next to `exact` whose aspect ratio is nearer, the smaller one on a tie, at least 1.
template <class Distance>
int round_side(double exact, Distance distance) {
  const double lower = std::floor(exact), upper = std::ceil(exact);
  const double nearer = distance(upper) < distance(lower) ? upper : lower;
  return std::max(1, static_cast<int>(nearer));
}

}  // namespace

PixelSize thumbnail_size(int image_width, int image_height, int width, int height) {
  if (width >= image_width && height >= image_height) return {image_width, image_height};
  const double aspect = static_cast<double>(image_width) / image_height;
  if (static_cast<double>(width) / height >= aspect) {
    width = round_side(height * aspect, [&](double n) { return std::abs(aspect - n / height); });
  } else {
    height = round_side(width / aspect, [&](double n) { return n == 0 ? 0.0 : std::abs(aspect - width / n); });
  }
  return {width, height};
}

void make_thumbnail(ImageView in, int width, int height, Image& out) {
  const PixelSize size = thumbnail_size(in.width, in.height, std::max(1, width), std::max(1, height));
  resample(in, size.width, size.height, ResampleFilter::lanczos, out);
}

}  // namespace mien
