// A strip, as wide as a vector, is walked from top to bottom: each row is loaded once (three shifted loads) and what
// the rows below need stays in registers. With l, c, r the left, centre and right pixel of a row:
//   slope = r - l,  smooth = l + 2c + r,  ring = l + r - 4c
//   Sx = slope(above) + 2 slope + slope(below),  Sy = smooth(below) - smooth(above)
//   Laplacian = above + below + ring
// Every other row of a strip brings a vector of the next rows' gray, which is as wide as two strips. That does not save
// work, but their pixels come from memory while there is something to compute.
#include "ops/quality_kernel.h"

#include <cmath>

#include "base/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/quality_kernel.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "image/gray-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mien {
namespace HWY_NAMESPACE {

// Lengths of a column of the band are added as floats from top to bottom, and that sum (below 2^16) becomes a multiple
// of 2^-14. Square roots are correctly rounded everywhere, so all instruction sets get the same integers.
constexpr float kGradientScale = kGradientUnits;

void make_gray(const GrayRows& next, std::size_t stride) {
  for (int i = 0; i < next.count; ++i) {
    gray_plain(gray_weights(next.pixels), next.pixels.row(next.first + i), static_cast<std::size_t>(next.pixels.width),
               next.out + static_cast<std::size_t>(i) * stride);
  }
}

#if MIEN_PLAIN_TARGET

void add_column(const std::uint8_t* row, std::size_t stride, int rows, QualitySums& sums) {
  float lengths = 0;
  for (int y = 0; y < rows; ++y, row += stride) {
    const std::uint8_t* above = row - stride;
    const std::uint8_t* below = row + stride;
    const int sx = above[1] - above[-1] + 2 * (row[1] - row[-1]) + below[1] - below[-1];
    const int sy = below[-1] + 2 * below[0] + below[1] - above[-1] - 2 * above[0] - above[1];
    const int laplacian = above[0] + below[0] + row[-1] + row[1] - 4 * row[0];
    lengths += std::sqrt(static_cast<float>(sx * sx + sy * sy));
    sums.gray += row[0];
    sums.gray_square += static_cast<std::uint64_t>(row[0] * row[0]);
    sums.laplacian += laplacian;
    sums.laplacian_square += static_cast<std::uint64_t>(laplacian * laplacian);
  }
  sums.gradient += static_cast<std::uint64_t>(std::lrint(lengths * kGradientScale));
}

void add_sums(const std::uint8_t* gray, std::size_t stride, std::size_t width, int rows, const GrayRows& next,
              QualitySums& sums) {
  for (std::size_t x = 0; x < width; ++x) add_column(gray + x, stride, rows, sums);
  make_gray(next, stride);
}

#else

using D16 = hn::ScalableTag<std::int16_t>;
using D32 = hn::ScalableTag<std::int32_t>;
using D8 = hn::Half<hn::ScalableTag<std::uint8_t>>;
using DF = hn::ScalableTag<float>;
using V16 = hn::Vec<D16>;
using V32 = hn::Vec<D32>;
using VF = hn::Vec<DF>;

HWY_INLINE V16 load_pixels(const std::uint8_t* from) { return hn::PromoteTo(D16(), hn::LoadU(D8(), from)); }

HWY_INLINE V32 add_products(V32 sum, V16 a, V16 b) {
  // Which products share a lane does not matter to a sum.
  V32 rest = hn::Zero(D32());
  sum = hn::ReorderWidenMulAccumulate(D32(), a, b, sum, rest);
  return hn::Add(sum, rest);
}

struct StripSums {
  V16 gray;       // at most 32 * 255
  V16 laplacian;  // at most 32 * 1020
  V32 gray_square;
  V32 laplacian_square;
  VF lengths_low;  // of the pixels that InterleaveLower takes, and of the others
  VF lengths_high;
};

// The values of a row that the rows below it need.
struct Row {
  V16 centre;
  V16 slope;
  V16 smooth;
  V16 ring;
};

HWY_INLINE Row load_row(const std::uint8_t* from) {
  const V16 left = load_pixels(from - 1);
  const V16 centre = load_pixels(from);
  const V16 right = load_pixels(from + 1);
  const V16 sides = hn::Add(left, right);
  const V16 twice = hn::Add(centre, centre);
  return {centre, hn::Sub(right, left), hn::Add(sides, twice), hn::Sub(sides, hn::Add(twice, twice))};
}

HWY_INLINE VF length(V16 pairs) {
  V32 rest = hn::Zero(D32());
  const V32 sum = hn::ReorderWidenMulAccumulate(D32(), pairs, pairs, hn::Zero(D32()), rest);
  return hn::Sqrt(hn::ConvertTo(DF(), hn::RearrangeToOddPlusEven(sum, rest)));
}

template <bool kPartial>
HWY_INLINE void add_row(const Row& above, const Row& row, const Row& below, hn::Mask<D16> inside, StripSums& sums) {
  const D16 d16;
  V16 sx = hn::Add(hn::Add(above.slope, row.slope), hn::Add(row.slope, below.slope));
  V16 sy = hn::Sub(below.smooth, above.smooth);
  V16 laplacian = hn::Add(hn::Add(above.centre, below.centre), row.ring);
  V16 gray = row.centre;
  if (kPartial) {
    sx = hn::IfThenElseZero(inside, sx);
    sy = hn::IfThenElseZero(inside, sy);
    laplacian = hn::IfThenElseZero(inside, laplacian);
    gray = hn::IfThenElseZero(inside, gray);
  }
  sums.gray = hn::Add(sums.gray, gray);
  sums.gray_square = add_products(sums.gray_square, gray, gray);
  sums.laplacian = hn::Add(sums.laplacian, laplacian);
  sums.laplacian_square = add_products(sums.laplacian_square, laplacian, laplacian);
  sums.lengths_low = hn::Add(sums.lengths_low, length(hn::InterleaveLower(d16, sx, sy)));
  sums.lengths_high = hn::Add(sums.lengths_high, length(hn::InterleaveUpper(d16, sx, sy)));
}

using D64 = hn::ScalableTag<std::int64_t>;
using V64 = hn::Vec<D64>;

// Sums of all strips of a band, lane by lane.
struct BandSums {
  V64 gray;
  V64 gray_square;
  V64 laplacian;
  V64 laplacian_square;
  V64 gradient;
};

HWY_INLINE V64 widen(V32 lanes) {
  const hn::Half<D32> half;
  return hn::Add(hn::PromoteTo(D64(), hn::LowerHalf(half, lanes)), hn::PromoteTo(D64(), hn::UpperHalf(half, lanes)));
}

HWY_INLINE V64 widen(V16 lanes) { return widen(add_products(hn::Zero(D32()), lanes, hn::Set(D16(), std::int16_t{1}))); }

HWY_INLINE V64 widen(VF lengths) { return widen(hn::NearestInt(hn::Mul(lengths, hn::Set(DF(), kGradientScale)))); }

HWY_INLINE std::int64_t total(V64 lanes) { return hn::GetLane(hn::SumOfLanes(D64(), lanes)); }

// Makes rows gray, a vector of pixels at each step.
class GrayBeside {
 public:
  GrayBeside(const GrayRows& next, std::size_t stride)
      : next_(next), stride_(stride), vector_(gray_weights(next.pixels)), out_(next.out) {
    const std::size_t width = static_cast<std::size_t>(next.pixels.width);
    if (next.count == 0 || width < kStep) return;
    last_ = width - kStep;
    row_ = next.pixels.row(next.first);
    left_ = next.count;
  }

  // Vectors of 16 bytes come with too few registers for both works at once: there all is left to `finish`.
  HWY_INLINE void step_beside() {
    if (HWY_MAX_BYTES > 16 && left_ > 0) step();
  }

  void finish() {
    while (left_ > 0) step();
    if (row_ == nullptr) make_gray(next_, stride_);
  }

 private:
  HWY_INLINE void step() {
    vector_(row_ + 3 * x_, out_ + x_);
    if (x_ != last_) {
      // The last vector of a row overlaps the one before it: the same pixels get the same values twice.
      x_ = std::min(x_ + kStep, last_);
      return;
    }
    x_ = 0;
    row_ += next_.pixels.stride;
    out_ += stride_;
    --left_;
  }

  static constexpr std::size_t kStep = GrayVector::kPixels;
  const GrayRows& next_;
  std::size_t stride_;
  GrayVector vector_;
  const std::uint8_t* row_ = nullptr;
  std::uint8_t* out_;
  std::size_t x_ = 0;
  std::size_t last_ = 0;
  int left_ = 0;
};

template <bool kPartial>
HWY_INLINE void add_strip(const std::uint8_t* gray, std::size_t stride, int rows, std::size_t columns,
                          GrayBeside& beside, BandSums& sums) {
  const hn::Mask<D16> inside = hn::FirstN(D16(), columns);
  const V16 zero16 = hn::Zero(D16());
  const V32 zero32 = hn::Zero(D32());
  StripSums strip{zero16, zero16, zero32, zero32, hn::Zero(DF()), hn::Zero(DF())};
  Row above = load_row(gray - stride);
  Row row = load_row(gray);
  for (int y = 0; y < rows; ++y) {
    gray += stride;
    const Row below = load_row(gray);
    add_row<kPartial>(above, row, below, inside, strip);
    if (y % 2 == 1) beside.step_beside();
    above = row;
    row = below;
  }
  sums.gray = hn::Add(sums.gray, widen(strip.gray));
  sums.gray_square = hn::Add(sums.gray_square, widen(strip.gray_square));
  sums.laplacian = hn::Add(sums.laplacian, widen(strip.laplacian));
  sums.laplacian_square = hn::Add(sums.laplacian_square, widen(strip.laplacian_square));
  sums.gradient = hn::Add(sums.gradient, hn::Add(widen(strip.lengths_low), widen(strip.lengths_high)));
}

void add_sums(const std::uint8_t* gray, std::size_t stride, std::size_t width, int rows, const GrayRows& next,
              QualitySums& sums) {
  const std::size_t lanes = hn::Lanes(D16());
  const V64 zero = hn::Zero(D64());
  BandSums band{zero, zero, zero, zero, zero};
  GrayBeside beside(next, stride);
  std::size_t x = 0;
  for (; x + lanes <= width; x += lanes) add_strip<false>(gray + x, stride, rows, lanes, beside, band);
  if (x < width) add_strip<true>(gray + x, stride, rows, width - x, beside, band);
  beside.finish();
  sums.gray += static_cast<std::uint64_t>(total(band.gray));
  sums.gray_square += static_cast<std::uint64_t>(total(band.gray_square));
  sums.laplacian += total(band.laplacian);
  sums.laplacian_square += static_cast<std::uint64_t>(total(band.laplacian_square));
  sums.gradient += static_cast<std::uint64_t>(total(band.gradient));
}

#endif

}  // namespace HWY_NAMESPACE
}  // namespace mien
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mien {

HWY_EXPORT(add_sums);

void add_quality_sums(const std::uint8_t* gray, std::size_t stride, int width, int rows, const GrayRows& next,
                      QualitySums& sums) {
  HWY_DYNAMIC_DISPATCH(add_sums)(gray, stride, static_cast<std::size_t>(width), rows, next, sums);
}

}  // namespace mien
#endif
