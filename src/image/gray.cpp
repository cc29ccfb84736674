#include "image/gray.h"

#include <cassert>
#include <cstring>

#include "base/simd_targets.h"
#include "image/gray_weights.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "image/gray.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "image/gray-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mien {
namespace HWY_NAMESPACE {

void gray_pixels(const GrayWeights& weights, const std::uint8_t* pixels, std::size_t width, std::uint8_t* out) {
#if !MIEN_PLAIN_TARGET
  constexpr std::size_t kStep = GrayVector::kPixels;
  if (width >= kStep) {
    const GrayVector gray_vector(weights);
    std::size_t x = 0;
    for (; x + kStep <= width; x += kStep) gray_vector(pixels + 3 * x, out + x);
    // The last vector overlaps the one before it: the same pixels get the same values twice.
    if (x < width) gray_vector(pixels + 3 * (width - kStep), out + width - kStep);
    return;
  }
#endif
  gray_plain(weights, pixels, width, out);
}

}  // namespace HWY_NAMESPACE
}  // namespace mien
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mien {

HWY_EXPORT(gray_pixels);

void gray_row(ImageView in, int y, std::uint8_t* out) {
  const std::size_t width = static_cast<std::size_t>(in.width);
  if (in.channels == 1) {
    std::memcpy(out, in.row(y), width);
  } else {
    HWY_DYNAMIC_DISPATCH(gray_pixels)(gray_weights(in), in.row(y), width, out);
  }
}

void to_gray(ImageView in, Image& out) {
  assert(in.channels == 1 || in.channels == 3);
  out.reset(in.width, in.height, 1);
  for (int y = 0; y < in.height; ++y) gray_row(in, y, out.row(y));
}

}  // namespace mien
#endif
