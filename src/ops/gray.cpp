#include "ops/gray.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "ops/gray_weights.h"
#include "ops/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/gray.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace mien {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void gray_plain(const GrayWeights& weights, const std::uint8_t* pixels, std::size_t width, std::uint8_t* out) {
  const int second = 65536 - weights.first - weights.third;
  for (std::size_t x = 0; x < width; ++x) {
    const int sum = weights.first * pixels[3 * x] + second * pixels[3 * x + 1] + weights.third * pixels[3 * x + 2];
    out[x] = static_cast<std::uint8_t>((sum + 32768) >> 16);
  }
}

#if MIEN_PLAIN_TARGET

void gray_pixels(const GrayWeights& weights, const std::uint8_t* pixels, std::size_t width, std::uint8_t* out) {
  gray_plain(weights, pixels, width, out);
}

#elif HWY_ARCH_X86

constexpr std::size_t kLanes = HWY_MAX_BYTES / 4;
constexpr std::size_t kBlocks = HWY_MAX_BYTES / 16;

struct Lanes {
  std::int32_t index[kLanes];
};

// Into each block the twelve bytes of its pixels, from this lane on.
constexpr Lanes pixel_lanes(std::size_t first) {
  Lanes lanes{};
  for (std::size_t i = 0; i < kLanes; ++i) {
    lanes.index[i] = static_cast<std::int32_t>(std::min(first + 3 * (i / 4) + i % 4, kLanes - 1));
  }
  return lanes;
}

// Block after block holds four pixels of each of the four sums.
constexpr Lanes order_lanes() {
  Lanes lanes{};
  for (std::size_t i = 0; i < kLanes; ++i) lanes.index[i] = static_cast<std::int32_t>(4 * (i % kBlocks) + i / kBlocks);
  return lanes;
}

// Four pixels a block of 16 bytes become words of (first, third) and of (second, second), whose products with the
// weights one instruction adds up. The second weight does not fit 16 bits: each of its words gets half of it.
class GrayVector {
 public:
  static constexpr std::size_t kPixels = HWY_MAX_BYTES;

  explicit GrayVector(const GrayWeights& weights)
      : ends_(hn::BitCast(D16(), hn::Set(D32(), weights.third << 16 | weights.first))),
        middle_(hn::Set(D16(), static_cast<std::int16_t>((65536 - weights.first - weights.third) / 2))) {}

  HWY_INLINE void operator()(const std::uint8_t* pixels, std::uint8_t* out) const {
    const V16 a = weigh(pixels, kFromStart);
    const V16 b = weigh(pixels + kQuarter, kFromStart);
    const V16 c = weigh(pixels + 2 * kQuarter, kFromStart);
    const V16 d = weigh(pixels + 4 * kQuarter - kPixels, kFromEnd);  // reads no byte behind the last pixel
    const V16 ac = hn::OddEven(c, upper(a));
    const V16 bd = hn::OddEven(d, upper(b));
    const V8 mixed = hn::BitCast(D8(), hn::Or(ac, hn::ShiftLeft<8>(bd)));
    const V8 blocks = hn::TableLookupBytes(mixed, hn::LoadDup128(D8(), kUnmix));
    hn::StoreU(hn::BitCast(D8(), lanes_of(blocks, kInOrder)), D8(), out);
  }

 private:
  using D8 = hn::ScalableTag<std::uint8_t>;
  using D16 = hn::ScalableTag<std::int16_t>;
  using D32 = hn::ScalableTag<std::int32_t>;
  using V8 = hn::Vec<D8>;
  using V16 = hn::Vec<D16>;
  using V32 = hn::Vec<D32>;
  static constexpr std::size_t kQuarter = 3 * kLanes;  // bytes that make one vector of sums

  static constexpr Lanes kFromStart = pixel_lanes(0);
  static constexpr Lanes kFromEnd = pixel_lanes(kLanes / 4);
  static constexpr Lanes kInOrder = order_lanes();
  alignas(16) static constexpr std::uint8_t kEnds[16] = {0, 255, 2, 255, 3, 255, 5,  255,
                                                         6, 255, 8, 255, 9, 255, 11, 255};
  alignas(16) static constexpr std::uint8_t kMiddle[16] = {1, 255, 1, 255, 4,  255, 4,  255,
                                                           7, 255, 7, 255, 10, 255, 10, 255};
  alignas(16) static constexpr std::uint8_t kUnmix[16] = {0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15};

  static HWY_INLINE V32 lanes_of(V8 bytes, const Lanes& lanes) {
    return hn::TableLookupLanes(hn::BitCast(D32(), bytes), hn::SetTableIndices(D32(), lanes.index));
  }

  // The gray of a pixel in the upper half of 32 bits.
  HWY_INLINE V16 weigh(const std::uint8_t* pixels, const Lanes& lanes) const {
    const V8 blocks = hn::BitCast(D8(), lanes_of(hn::LoadU(D8(), pixels), lanes));
    const V16 ends = hn::BitCast(D16(), hn::TableLookupBytesOr0(blocks, hn::LoadDup128(D8(), kEnds)));
    const V16 middle = hn::BitCast(D16(), hn::TableLookupBytesOr0(blocks, hn::LoadDup128(D8(), kMiddle)));
    V32 rest = hn::Zero(D32());
    V32 sum = hn::ReorderWidenMulAccumulate(D32(), ends, ends_, hn::Set(D32(), 32768), rest);
    sum = hn::ReorderWidenMulAccumulate(D32(), middle, middle_, sum, rest);
    return hn::BitCast(D16(), hn::RearrangeToOddPlusEven(sum, rest));
  }

  static HWY_INLINE V16 upper(V16 sums) { return hn::BitCast(D16(), hn::ShiftRight<16>(hn::BitCast(D32(), sums))); }

  V16 ends_;
  V16 middle_;
};

void gray_pixels(const GrayWeights& weights, const std::uint8_t* pixels, std::size_t width, std::uint8_t* out) {
  constexpr std::size_t kStep = GrayVector::kPixels;
  if (width < kStep) {
    gray_plain(weights, pixels, width, out);
    return;
  }
  const GrayVector gray_vector(weights);
  std::size_t x = 0;
  for (; x + kStep <= width; x += kStep) gray_vector(pixels + 3 * x, out + x);
  // The last vector overlaps the one before it: the same pixels get the same values twice.
  if (x < width) gray_vector(pixels + 3 * (width - kStep), out + width - kStep);
}

#else

// The digits of the first and the last weight.
enum Digit { kFirstHigh, kFirstLow, kThirdHigh, kThirdLow };

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

void gray_pixels(const GrayWeights& weights, const std::uint8_t* pixels, std::size_t width, std::uint8_t* out) {
  const std::int16_t* digits = weights.digits;
  const hn::ScalableTag<std::uint8_t> d8;
  const std::size_t lanes = hn::Lanes(d8);
  if (width < lanes) {
    gray_plain(weights, pixels, width, out);
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
constexpr GrayWeights kRgbWeights = {19595, 7471, {77, -117, 29, 47}};
constexpr GrayWeights kBgrWeights = {7471, 19595, {29, 47, 77, -117}};
}  // namespace

void gray_row(ImageView in, int y, std::uint8_t* out) {
  const std::size_t width = static_cast<std::size_t>(in.width);
  if (in.channels == 1) {
    std::memcpy(out, in.row(y), width);
  } else {
    HWY_DYNAMIC_DISPATCH(gray_pixels)(in.bgr ? kBgrWeights : kRgbWeights, in.row(y), width, out);
  }
}

void to_gray(ImageView in, Image& out) {
  assert(in.channels == 1 || in.channels == 3);
  out.reset(in.width, in.height, 1);
  for (int y = 0; y < in.height; ++y) gray_row(in, y, out.row(y));
}

}  // namespace mien
#endif
