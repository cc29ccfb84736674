#include "people/half.h"

#include <array>
#include <cstddef>

#include "base/half.h"
#include "base/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "people/half.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace mien {
namespace HWY_NAMESPACE {

constexpr std::size_t kSums = 8;  // which of them a product is added to is up to its place alone
using Sums = std::array<double, kSums>;

// Products from number `from` on, and the sum of all in one order.
template <typename A, typename B>
HWY_INLINE double finish_dot(Sums& sums, std::size_t from, std::size_t size, const A& a, const B& b) {
  std::size_t i = from;
  for (; i + kSums <= size; i += kSums) {
    for (std::size_t lane = 0; lane < kSums; ++lane) sums[lane] += a(i + lane) * b(i + lane);
  }
  for (; i < size; ++i) sums[0] += a(i) * b(i);
  return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

#if MIEN_PLAIN_TARGET

void add(double* values, const std::uint16_t* halves, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) values[i] += static_cast<double>(from_half(halves[i]));
}

double dot_mixed(const double* a, const std::uint16_t* b, std::size_t size) {
  Sums sums{};
  return finish_dot(
      sums, 0, size, [&](std::size_t i) { return a[i]; },
      [&](std::size_t i) { return static_cast<double>(from_half(b[i])); });
}

float dot_floats(const float* a, const float* b, std::size_t size) {
  Sums sums{};
  return static_cast<float>(finish_dot(
      sums, 0, size, [&](std::size_t i) { return static_cast<double>(a[i]); },
      [&](std::size_t i) { return static_cast<double>(b[i]); }));
}

double dot_doubles(const double* a, const double* b, std::size_t size) {
  Sums sums{};
  return finish_dot(
      sums, 0, size, [&](std::size_t i) { return a[i]; }, [&](std::size_t i) { return b[i]; });
}

#else

namespace hn = hwy::HWY_NAMESPACE;

using D64 = hn::CappedTag<double, kSums>;
using V64 = hn::Vec<D64>;

HWY_INLINE V64 load(const double* from) { return hn::LoadU(D64(), from); }

HWY_INLINE V64 load(const std::uint16_t* from) {
  const hn::Rebind<std::uint16_t, D64> bits;
  const hn::Rebind<hwy::float16_t, D64> halves;
  const hn::Rebind<float, D64> floats;
  return hn::PromoteTo(D64(), hn::PromoteTo(floats, hn::BitCast(halves, hn::LoadU(bits, from))));
}

HWY_INLINE double number(double value) { return value; }
HWY_INLINE double number(std::uint16_t half) { return static_cast<double>(from_half(half)); }

void add(double* values, const std::uint16_t* halves, std::size_t size) {
  const std::size_t lanes = hn::Lanes(D64());
  std::size_t i = 0;
  for (; i + lanes <= size; i += lanes) hn::StoreU(hn::Add(load(values + i), load(halves + i)), D64(), values + i);
  for (; i < size; ++i) values[i] += number(halves[i]);
}

template <typename B>
HWY_INLINE double dot(const double* a, const B* b, std::size_t size) {
  constexpr std::size_t kLanes = hn::MaxLanes(D64());
  constexpr std::size_t kVectors = kSums / kLanes;
  std::array<V64, kVectors> totals;
  totals.fill(hn::Zero(D64()));
  std::size_t i = 0;
  for (; i + kSums <= size; i += kSums) {
    for (std::size_t v = 0; v < kVectors; ++v) {
      totals[v] = hn::Add(totals[v], hn::Mul(load(a + i + v * kLanes), load(b + i + v * kLanes)));
    }
  }
  Sums sums{};
  for (std::size_t v = 0; v < kVectors; ++v) hn::StoreU(totals[v], D64(), sums.data() + v * kLanes);
  return finish_dot(
      sums, i, size, [&](std::size_t n) { return a[n]; }, [&](std::size_t n) { return number(b[n]); });
}

double dot_mixed(const double* a, const std::uint16_t* b, std::size_t size) { return dot(a, b, size); }
double dot_doubles(const double* a, const double* b, std::size_t size) { return dot(a, b, size); }

float dot_floats(const float* a, const float* b, std::size_t size) {
  const hn::ScalableTag<float> tag;
  const std::size_t lanes = hn::Lanes(tag);
  auto even = hn::Zero(tag);
  auto odd = hn::Zero(tag);  // sums that do not wait for one another
  std::size_t i = 0;
  for (; i + 2 * lanes <= size; i += 2 * lanes) {
    even = hn::MulAdd(hn::LoadU(tag, a + i), hn::LoadU(tag, b + i), even);
    odd = hn::MulAdd(hn::LoadU(tag, a + i + lanes), hn::LoadU(tag, b + i + lanes), odd);
  }
  float sum = hn::GetLane(hn::SumOfLanes(tag, hn::Add(even, odd)));
  for (; i < size; ++i) sum += a[i] * b[i];
  return sum;
}

#endif

}  // namespace HWY_NAMESPACE
}  // namespace mien
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mien {

HWY_EXPORT(add);
HWY_EXPORT(dot_mixed);
HWY_EXPORT(dot_doubles);
HWY_EXPORT(dot_floats);

double half_value(std::uint16_t half) { return static_cast<double>(from_half(half)); }

void add_halves(std::span<double> values, std::span<const std::uint16_t> halves) {
  HWY_DYNAMIC_DISPATCH(add)(values.data(), halves.data(), values.size());
}

double dot(std::span<const double> a, std::span<const double> b) {
  return HWY_DYNAMIC_DISPATCH(dot_doubles)(a.data(), b.data(), a.size());
}

double dot(std::span<const double> a, std::span<const std::uint16_t> b) {
  return HWY_DYNAMIC_DISPATCH(dot_mixed)(a.data(), b.data(), a.size());
}

float dot_about(const float* a, const float* b, std::size_t size) {
  return HWY_DYNAMIC_DISPATCH(dot_floats)(a, b, size);
}

}  // namespace mien
#endif
