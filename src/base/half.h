// Half floats of IEEE 754 (binary16).
#pragma once

#include <bit>
#include <cstdint>

namespace mien {

// The nearest half float, ties to the even one; too large becomes infinite.
inline std::uint16_t to_half(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000U);
  const std::uint32_t magnitude = bits & 0x7fffffffU;
  if (magnitude > 0x7f800000U) return static_cast<std::uint16_t>(sign | 0x7e00U);   // not a number
  if (magnitude >= 0x477ff000U) return static_cast<std::uint16_t>(sign | 0x7c00U);  // 65520 rounds to infinity
  const int exponent = static_cast<int>(magnitude >> 23);
  // Below 2^-14 halves are multiples of 2^-24; above, three bits of the exponent and 13 of the fraction go.
  std::uint32_t kept = 0;
  std::uint32_t fraction = (magnitude & 0x7fffffU) | 0x800000U;
  int dropped = 13;
  if (exponent < 113) {
    dropped += 113 - exponent;
    if (dropped > 24) return sign;
    kept = fraction >> dropped;
  } else {
    kept = (magnitude - (112U << 23)) >> 13;
    fraction = magnitude;
  }
  const std::uint32_t rest = fraction & ((1U << dropped) - 1);
  const std::uint32_t middle = 1U << (dropped - 1);
  if (rest > middle || (rest == middle && (kept & 1U) != 0)) ++kept;  // a carry reaches the exponent, as it should
  return static_cast<std::uint16_t>(sign | kept);
}

inline float from_half(std::uint16_t half) {
  const std::uint32_t sign = (half & 0x8000U) << 16;
  const std::uint32_t exponent = (half >> 10) & 0x1fU;
  const std::uint32_t fraction = half & 0x3ffU;
  if (exponent == 0) {
    const float small = static_cast<float>(fraction) * 0x1p-24F;
    return sign != 0 ? -small : small;
  }
  const std::uint32_t wide = exponent == 31 ? 0x7f800000U : (exponent + 112) << 23;
  return std::bit_cast<float>(sign | wide | (fraction << 13));
}

}  // namespace mien
