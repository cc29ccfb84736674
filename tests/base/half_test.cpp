#include "base/half.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>

namespace mien {
namespace {

constexpr std::uint16_t kLargest = 0x7bff;
constexpr std::uint16_t kInfinity = 0x7c00;

TEST(Half, EveryHalfComesBack) {
  for (std::uint32_t bits = 0; bits <= 0xffff; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float value = from_half(half);
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(from_half(to_half(value)))) << bits;
    } else {
      EXPECT_EQ(to_half(value), half) << bits;
    }
  }
  EXPECT_EQ(from_half(0x3c00), 1.0F);
  EXPECT_EQ(from_half(0xc000), -2.0F);
  EXPECT_EQ(from_half(0x0001), 0x1p-24F);
  EXPECT_EQ(from_half(kLargest), 65504.0F);
}

// Between two neighbours everything goes to the nearer one, and the middle to the even one.
TEST(Half, RoundsToTheNearest) {
  for (std::uint16_t half = 0; half < kLargest; ++half) {
    const auto next = static_cast<std::uint16_t>(half + 1);
    const float middle = (from_half(half) + from_half(next)) / 2;
    const std::uint16_t even = half % 2 == 0 ? half : next;
    ASSERT_EQ(to_half(middle), even) << half;
    ASSERT_EQ(to_half(-middle), even | 0x8000) << half;
    ASSERT_EQ(to_half(std::nextafter(middle, 0.0F)), half) << half;
    ASSERT_EQ(to_half(std::nextafter(middle, 1e6F)), next) << half;
  }
  EXPECT_EQ(to_half(65519.99F), kLargest);
  EXPECT_EQ(to_half(65520.0F), kInfinity);
  EXPECT_EQ(to_half(1e30F), kInfinity);
  EXPECT_EQ(to_half(1e-30F), 0);
}

}  // namespace
}  // namespace mien
