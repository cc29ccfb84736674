// Colours to gray, a vector of pixels at a time, for kernels: each instruction set compiles it again, which is what the
// guard, Highway's own, allows.
#if defined(MIEN_OPS_GRAY_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MIEN_OPS_GRAY_INL_H
#undef MIEN_OPS_GRAY_INL_H
#else
#define MIEN_OPS_GRAY_INL_H
#endif

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/simd_targets.h"
#include "image/gray_weights.h"

HWY_BEFORE_NAMESPACE();
namespace mien {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

HWY_INLINE void gray_plain(const GrayWeights& weights, const std::uint8_t* pixels, std::size_t width,
                           std::uint8_t* out) {
  const int second = 65536 - weights.first - weights.third;
  for (std::size_t x = 0; x < width; ++x) {
    const int sum = weights.first * pixels[3 * x] + second * pixels[3 * x + 1] + weights.third * pixels[3 * x + 2];
    out[x] = static_cast<std::uint8_t>((sum + 32768) >> 16);
  }
}

#if !MIEN_PLAIN_TARGET

// Pixels so far ahead are asked for: the CPU by itself asks for no other page, and waits at each.
constexpr std::size_t kBytesAhead = 8192;
constexpr std::size_t kCacheLine = 64;

template <std::size_t kBytes>
HWY_INLINE void ask_for(const std::uint8_t* pixels) {
  for (std::size_t i = 0; i < kBytes; i += kCacheLine) hwy::Prefetch(pixels + kBytesAhead + i);
}

#if HWY_ARCH_X86

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
    ask_for<3 * kPixels>(pixels);
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
class GrayVector {
 public:
  static constexpr std::size_t kPixels = HWY_MAX_BYTES;

  explicit GrayVector(const GrayWeights& weights) : digits_(weights.digits) {}

  HWY_INLINE void operator()(const std::uint8_t* pixels, std::uint8_t* out) const {
    ask_for<3 * kPixels>(pixels);
    const D8 d8;
    const D16 d16;
    const V16 low_byte = hn::Set(d16, 0xFF);
    V8 first8, green8, third8;
    hn::LoadInterleaved3(d8, pixels, first8, green8, third8);
    const auto even = [&](V8 v) HWY_ATTR { return hn::And(hn::BitCast(d16, v), low_byte); };
    const auto odd = [&](V8 v) HWY_ATTR { return hn::BitCast(d16, hn::ShiftRight<8>(hn::BitCast(DU16(), v))); };
    const V16 gray_even = weigh(d16, digits_, even(first8), even(green8), even(third8));
    const V16 gray_odd = weigh(d16, digits_, odd(first8), odd(green8), odd(third8));
    hn::StoreU(hn::BitCast(d8, hn::Or(gray_even, hn::ShiftLeft<8>(gray_odd))), d8, out);
  }

 private:
  using D8 = hn::ScalableTag<std::uint8_t>;
  using D16 = hn::ScalableTag<std::int16_t>;
  using DU16 = hn::ScalableTag<std::uint16_t>;
  using V8 = hn::Vec<D8>;
  using V16 = hn::Vec<D16>;

  const std::int16_t* digits_;
};

#endif
#endif

}  // namespace HWY_NAMESPACE
}  // namespace mien
HWY_AFTER_NAMESPACE();

#endif
