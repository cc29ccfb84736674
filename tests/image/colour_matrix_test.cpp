// The tables against the arithmetic that they stand for, in double precision.
#include "image/colour_matrix.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <vector>

namespace mien {
namespace {

double decode(double value) { return value <= 0.04045 ? value / 12.92 : std::pow((value + 0.055) / 1.055, 2.4); }
double encode(double light) { return light <= 0.0031308 ? light * 12.92 : 1.055 * std::pow(light, 1 / 2.4) - 0.055; }

// Display P3 to sRGB as W3C's CSS Color 4 gives it, both with D65.
MatrixProfile display_p3() {
  MatrixProfile profile{};
  for (std::size_t channel = 0; channel < 3; ++channel) {
    for (std::size_t value = 0; value < 256; ++value) {
      profile.light[channel][value] = decode(static_cast<double>(value) / 255);
    }
  }
  profile.matrix = {{{1.2249401762805598, -0.22494017628055996, 0},
                     {-0.042056954709688163, 1.0420569547096881, 0},
                     {-0.019637554590334432, -0.078636045550631889, 1.0982736001409663}}};
  return profile;
}

std::vector<std::uint8_t> cube(int step) {
  std::vector<std::uint8_t> colours;
  for (int r = 0; r < 256; r += step) {
    for (int g = 0; g < 256; g += step) {
      for (int b = 0; b < 256; b += step) {
        for (const int value : {r, g, b}) colours.push_back(static_cast<std::uint8_t>(value));
      }
    }
  }
  return colours;
}

TEST(MatrixColours, EveryColourIsWithinALevelOfTheArithmetic) {
  const MatrixProfile profile = display_p3();
  const std::optional<MatrixColours> colours = MatrixColours::make(profile);
  ASSERT_TRUE(colours);
  const std::vector<std::uint8_t> from = cube(3);
  std::vector<std::uint8_t> to(from.size());
  colours->convert(from.data(), to.data(), from.size() / 3);
  double worst = 0;
  for (std::size_t i = 0; i < from.size(); i += 3) {
    for (std::size_t row = 0; row < 3; ++row) {
      double light = 0;
      for (std::size_t c = 0; c < 3; ++c) light += profile.matrix[row][c] * decode(from[i + c] / 255.0);
      const double exact = 255 * encode(std::clamp(light, 0.0, 1.0));
      worst = std::max(worst, std::abs(exact - to[i + row]));
    }
  }
  EXPECT_LE(worst, 1);
}

TEST(MatrixColours, GraysStayGraysAndInPlaceIsTheSame) {
  const std::optional<MatrixColours> colours = MatrixColours::make(display_p3());
  ASSERT_TRUE(colours);
  for (int gray = 0; gray < 256; ++gray) {
    std::uint8_t pixel[3] = {};
    std::fill_n(pixel, 3, static_cast<std::uint8_t>(gray));
    colours->convert(pixel, pixel, 1);
    for (const std::uint8_t value : pixel) EXPECT_EQ(value, gray);
  }
}

TEST(MatrixColours, ColoursThatTheTablesCannotHoldAreLeftToOthers) {
  MatrixProfile wide = display_p3();
  wide.matrix[0] = {2.5, -1.25, -0.25};
  EXPECT_FALSE(MatrixColours::make(wide));
  MatrixProfile broken = display_p3();
  broken.matrix[1][1] = std::numeric_limits<double>::quiet_NaN();
  EXPECT_FALSE(MatrixColours::make(broken));
}

// ProPhoto RGB is the widest that photos have: its red holds 1.03 of white's light below nothing.
TEST(MatrixColours, WhatLiesOutsideIsCutOff) {
  MatrixProfile wide = display_p3();
  wide.matrix = {{{2.034, -0.727, -0.307}, {-0.229, 1.232, -0.003}, {-0.009, -0.153, 1.162}}};
  const std::optional<MatrixColours> colours = MatrixColours::make(wide);
  ASSERT_TRUE(colours);
  std::uint8_t pixels[] = {255, 0, 0, 0, 255, 255, 255, 255, 255, 0, 0, 0};
  colours->convert(pixels, pixels, 4);
  const std::vector<std::uint8_t> expected = {255, 0, 0, 0, 255, 255, 255, 255, 255, 0, 0, 0};
  EXPECT_EQ(std::vector<std::uint8_t>(std::begin(pixels), std::end(pixels)), expected);
}

}  // namespace
}  // namespace mien
