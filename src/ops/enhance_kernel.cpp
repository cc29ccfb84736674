// Pillow computes these steps in floats or in 24-bit fixed point. Each is written here as a formula of small whole
// numbers that gives the same 8 bits for every input (tests/oracle/enhance_oracle.py tries them all). Divisions by a
// constant are multiplications by its inverse, exact for the numbers that occur.
#include "ops/enhance_kernel.h"

#include "base/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/enhance_kernel.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace mien {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The kernels take a tag: whole vectors first, then a tag of one lane for what is left of a row.
template <class D>
HWY_INLINE hn::Vec<D> load(D d, const std::uint8_t* from) {
  return hn::PromoteTo(d, hn::LoadU(hn::Rebind<std::uint8_t, D>(), from));
}

// Clips to 0..255.
template <class D>
HWY_INLINE void store(D, hn::Vec<D> value, std::uint8_t* to) {
  const hn::Rebind<std::uint8_t, D> d8;
  hn::StoreU(hn::DemoteTo(d8, value), d8, to);
}

// value * inverse / 65536, rounded down.
template <class D>
HWY_INLINE hn::Vec<D> scale_down(D d, hn::Vec<D> value, std::int16_t inverse) {
  return hn::MulHigh(value, hn::Set(d, inverse));
}

template <class D>
HWY_INLINE void sharpen_vector(D d, const RowTriple& rows, std::size_t step, std::size_t i, std::uint8_t* out) {
  const auto across = [&](const std::uint8_t* row) HWY_ATTR {
    return hn::Add(hn::Add(load(d, row + i - step), load(d, row + i + step)), load(d, row + i));
  };
  const hn::Vec<D> value = load(d, rows.centre + i);
  const hn::Vec<D> square = hn::Add(hn::Add(across(rows.before), across(rows.after)), across(rows.centre));
  const hn::Vec<D> sum = hn::Add(square, hn::ShiftLeft<2>(value));
  // Smoothed: sum / 13 rounded, which is (2 sum + 13) / 26; 20165 / 2^19 is 1 / 26 up to 3315 * 2 + 13.
  const hn::Vec<D> odd = hn::Add(hn::Add(sum, sum), hn::Set(d, std::int16_t{13}));
  const hn::Vec<D> smooth = hn::ShiftRight<3>(scale_down(d, odd, 20165));
  // smooth + 1.1 (value - smooth), cut off: (11 value - smooth) / 10; 6554 / 2^16 is 1 / 10 up to 11 * 255.
  const hn::Vec<D> tenfold = hn::Sub(hn::Mul(value, hn::Set(d, std::int16_t{11})), smooth);
  store(d, scale_down(d, hn::Max(tenfold, hn::Zero(d)), 6554), out + i);
}

template <class D>
HWY_INLINE void blur_vector(D d, const RowTriple& rows, std::size_t i, std::uint8_t* out) {
  const hn::Vec<D> centre = load(d, rows.centre + i);
  const hn::Vec<D> sides = hn::Add(load(d, rows.before + i), load(d, rows.after + i));
  // Pillow's weights are 2/3 and 1/6 of 2^24 rounded to 11184811 and 2796202: rounded sixths, except that what lies
  // half way goes down where the error of the weights, centre - 2 sides in thirds, is below zero.
  const hn::Vec<D> sum = hn::Add(hn::Add(hn::ShiftLeft<2>(centre), sides), hn::Set(d, std::int16_t{3}));
  const auto down = hn::VecFromMask(d, hn::Lt(centre, hn::Add(sides, sides)));  // -1 where true
  store(d, scale_down(d, hn::Add(sum, down), 10923), out + i);
}

template <class D>
HWY_INLINE void unsharp_vector(D d, const std::uint8_t* row, const std::uint8_t* blurred, std::size_t i,
                               std::uint8_t* out) {
  const hn::Vec<D> value = load(d, row + i);
  const hn::Vec<D> difference = hn::Sub(value, load(d, blurred + i));
  const hn::Vec<D> size = hn::Abs(difference);
  // 120 % of the difference, cut off towards zero; 13108 / 2^16 is 1 / 5 up to 6 * 255.
  const hn::Vec<D> change = scale_down(d, hn::Mul(size, hn::Set(d, std::int16_t{6})), 13108);
  const auto negative = hn::Lt(difference, hn::Zero(d));
  const hn::Vec<D> moved = hn::Add(value, hn::IfThenElse(negative, hn::Neg(change), change));
  const auto above_threshold = hn::Gt(size, hn::Set(d, std::int16_t{3}));
  store(d, hn::IfThenElse(above_threshold, moved, value), out + i);
}

template <class Step>
HWY_INLINE void for_row(std::size_t bytes, Step step) {
  const hn::ScalableTag<std::int16_t> d;
  const hn::CappedTag<std::int16_t, 1> d1;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + lanes <= bytes; i += lanes) step(d, i);
  for (; i < bytes; ++i) step(d1, i);
}

void sharpen(const RowTriple& rows, std::size_t step, std::size_t bytes, std::uint8_t* out) {
  for_row(bytes, [&](auto d, std::size_t i) HWY_ATTR { sharpen_vector(d, rows, step, i, out); });
}

void blur(const RowTriple& rows, std::size_t bytes, std::uint8_t* out) {
  for_row(bytes, [&](auto d, std::size_t i) HWY_ATTR { blur_vector(d, rows, i, out); });
}

void unsharp(const std::uint8_t* row, const std::uint8_t* blurred, std::size_t bytes, std::uint8_t* out) {
  for_row(bytes, [&](auto d, std::size_t i) HWY_ATTR { unsharp_vector(d, row, blurred, i, out); });
}

}  // namespace HWY_NAMESPACE
}  // namespace mien
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mien {

HWY_EXPORT(sharpen);
HWY_EXPORT(blur);
HWY_EXPORT(unsharp);

void sharpen_row(const RowTriple& rows, std::size_t step, std::size_t bytes, std::uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(sharpen)(rows, step, bytes, out);
}

void blur_row(const RowTriple& rows, std::size_t bytes, std::uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(blur)(rows, bytes, out);
}

void unsharp_row(const std::uint8_t* row, const std::uint8_t* blurred, std::size_t bytes, std::uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(unsharp)(row, blurred, bytes, out);
}

}  // namespace mien
#endif
