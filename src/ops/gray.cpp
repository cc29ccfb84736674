#include "ops/gray.h"

#include <cassert>
#include <cstring>

#include "ops/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/gray.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace mien {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The weights of the first and the last channel as digits to the base of 256.
enum Digit { kFirstHigh, kFirstLow, kThirdHigh, kThirdLow };

void gray_plain(const std::int16_t* digits, const std::uint8_t* pixels, std::size_t width, std::uint8_t* out) {
  const int first = 256 * digits[kFirstHigh] + digits[kFirstLow];
  const int third = 256 * digits[kThirdHigh] + digits[kThirdLow];
  const int second = 65536 - first - third;
  for (std::size_t x = 0; x < width; ++x) {
    const int sum = first * pixels[3 * x] + second * pixels[3 * x + 1] + third * pixels[3 * x + 2];
    out[x] = static_cast<std::uint8_t>((sum + 32768) >> 16);
  }
}

#if MIEN_PLAIN_TARGET

void gray_pixels(const std::int16_t* digits, const std::uint8_t* pixels, std::size_t width, std::uint8_t* out) {
  gray_plain(digits, pixels, width, out);
}

#else

// The three weights make 65536, so gray = G + ((19595 (R - G) + 7471 (B - G) + 32768) >> 16). With the two weights
// as digits to the base of 256, 77 * 256 - 117 and 29 * 256 + 47, each sum of products fits 16 bits:
//   |77 (R - G) + 29 (B - G)| <= 27030,  |-117 (R - G) + 47 (B - G)| <= 29835.
// They come by pointer so that the compiler multiplies: known, they become a long chain of shifts and adds. Blue may
// come first: then the digits of red and blue change places.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V weigh(D d, const std::int16_t* digits, V first, V green, V third) {
  const V from_first = hn::Sub(first, green);
  const V from_third = hn::Sub(third, green);
  const V high =
      hn::Add(hn::Mul(from_first, hn::Set(d, digits[kFirstHigh])), hn::Mul(from_third, hn::Set(d, digits[kThirdHigh])));
  const V low =
      hn::Add(hn::Mul(from_first, hn::Set(d, digits[kFirstLow])), hn::Mul(from_third, hn::Set(d, digits[kThirdLow])));
  const V sum = hn::Add(hn::Add(high, hn::ShiftRight<8>(low)), hn::Set(d, std::int16_t{128}));
  return hn::Add(green, hn::ShiftRight<8>(sum));
}

// Even and odd pixels apart: a 16-bit lane holds both, and no lane has to move.
template <class D8>
HWY_INLINE void gray_vector(D8 d8, const std::int16_t* digits, const std::uint8_t* pixels, std::uint8_t* out) {
  const hn::RepartitionToWide<D8> du16;
  const hn::RebindToSigned<decltype(du16)> d16;
  const auto low_byte = hn::Set(d16, std::int16_t{0xFF});
  hn::Vec<D8> first8, green8, third8;
  hn::LoadInterleaved3(d8, pixels, first8, green8, third8);
  const auto even = [&](hn::Vec<D8> v) HWY_ATTR { return hn::And(hn::BitCast(d16, v), low_byte); };
  const auto odd = [&](hn::Vec<D8> v) HWY_ATTR { return hn::BitCast(d16, hn::ShiftRight<8>(hn::BitCast(du16, v))); };
  const auto gray_even = weigh(d16, digits, even(first8), even(green8), even(third8));
  const auto gray_odd = weigh(d16, digits, odd(first8), odd(green8), odd(third8));
  const auto both = hn::Or(gray_even, hn::ShiftLeft<8>(gray_odd));
  hn::StoreU(hn::BitCast(d8, both), d8, out);
}

void gray_pixels(const std::int16_t* digits, const std::uint8_t* pixels, std::size_t width, std::uint8_t* out) {
  const hn::ScalableTag<std::uint8_t> d8;
  const std::size_t lanes = hn::Lanes(d8);
  if (width < lanes) {
    gray_plain(digits, pixels, width, out);
    return;
  }
  std::size_t x = 0;
  for (; x + lanes <= width; x += lanes) gray_vector(d8, digits, pixels + 3 * x, out + x);
  // The last vector overlaps the one before it: the same pixels get the same values twice.
  if (x < width) gray_vector(d8, digits, pixels + 3 * (width - lanes), out + width - lanes);
}

#endif

}  // namespace HWY_NAMESPACE
}  // namespace mien
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mien {

HWY_EXPORT(gray_pixels);

namespace {
constexpr std::int16_t kRgbDigits[] = {77, -117, 29, 47};
constexpr std::int16_t kBgrDigits[] = {29, 47, 77, -117};
}  // namespace

void gray_row(ImageView in, int y, std::uint8_t* out) {
  const std::size_t width = static_cast<std::size_t>(in.width);
  if (in.channels == 1) {
    std::memcpy(out, in.row(y), width);
  } else {
    HWY_DYNAMIC_DISPATCH(gray_pixels)(in.bgr ? kBgrDigits : kRgbDigits, in.row(y), width, out);
  }
}

void to_gray(ImageView in, Image& out) {
  assert(in.channels == 1 || in.channels == 3);
  out.reset(in.width, in.height, 1);
  for (int y = 0; y < in.height; ++y) gray_row(in, y, out.row(y));
}

}  // namespace mien
#endif
