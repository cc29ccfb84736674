// The operations behind a C interface, so that the Python oracles can call them on any image (compare_ops.py builds
// and loads it). Not part of the product.
#include <cstring>

#include "image/gray.h"
#include "image/phash.h"
#include "image/resample.h"
#include "ops/crop.h"
#include "ops/enhance.h"
#include "ops/quality.h"

namespace {

mien::ImageView view(const std::uint8_t* pixels, int width, int height, int channels) {
  return {pixels, width, height, channels, static_cast<std::ptrdiff_t>(width) * channels};
}

}  // namespace

#define MIEN_PROBE extern "C" __attribute__((visibility("default")))

MIEN_PROBE void probe_gray(const std::uint8_t* in, int width, int height, std::uint8_t* out) {
  mien::Image image;
  mien::to_gray(view(in, width, height, 3), image);
  std::memcpy(out, image.data(), image.size_bytes());
}

// `filter`: 0 bilinear, 1 Lanczos, 2 Lanczos of the gray version.
MIEN_PROBE void probe_resample(const std::uint8_t* in, int width, int height, int channels, int out_width,
                               int out_height, int filter, std::uint8_t* out) {
  mien::Image image;
  const mien::ImageView pixels = view(in, width, height, channels);
  if (filter == 2) {
    mien::resample_gray(pixels, out_width, out_height, mien::ResampleFilter::lanczos, image);
  } else {
    mien::resample(pixels, out_width, out_height, static_cast<mien::ResampleFilter>(filter), image);
  }
  std::memcpy(out, image.data(), image.size_bytes());
}

// blur_score, brightness, contrast, sharpness, overall_score
MIEN_PROBE void probe_quality(const std::uint8_t* in, int width, int height, int channels, double* out) {
  const mien::Quality q = mien::measure_quality(view(in, width, height, channels));
  out[0] = q.blur_score;
  out[1] = q.brightness;
  out[2] = q.contrast;
  out[3] = q.sharpness;
  out[4] = q.overall_score;
}

// `size` gets width and height; `out` null only asks for them.
MIEN_PROBE double probe_enhance(const std::uint8_t* in, int width, int height, int channels, int* size,
                                std::uint8_t* out) {
  mien::Image image;
  const double scale = mien::enhance_pixels(view(in, width, height, channels), image);
  size[0] = image.width();
  size[1] = image.height();
  if (out != nullptr) std::memcpy(out, image.data(), image.size_bytes());
  return scale;
}

MIEN_PROBE std::uint64_t probe_phash(const std::uint8_t* in, int width, int height, int channels) {
  return mien::perceptual_hash(view(in, width, height, channels));
}

MIEN_PROBE void probe_thumbnail_size(int width, int height, int box_width, int box_height, int* out) {
  const mien::PixelSize size = mien::thumbnail_size(width, height, box_width, box_height);
  out[0] = size.width;
  out[1] = size.height;
}
