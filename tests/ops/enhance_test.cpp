#include "ops/enhance.h"

#include <gtest/gtest.h>

#include "ops/enhance_kernel.h"
#include "ops/scene.h"
#include "support/targets.h"

namespace mien {
namespace {

using test::Scene;

// One level is allowed; the formulas are exact, so equality is what the goldens hold.
TEST(Enhance, EqualsPillow) {
  const nlohmann::json goldens = test::read_ops_golden("enhance.json");
  for (const nlohmann::json& golden : goldens["cases"]) {
    Image out;
    EXPECT_EQ(enhance_pixels(test::make_scene(golden), out), golden["scale"].get<double>()) << golden;
    EXPECT_EQ(test::checksum(out), golden["checksum"].get<std::uint32_t>()) << golden;
  }
}

TEST(Enhance, EveryInstructionSetGivesTheSame) {
  const Image in = test::make_scene(Scene::noise, 83, 47, 3);
  Image expected;
  enhance_pixels(in, expected);
  test::for_each_target([&](const char* target) {
    Image out;
    enhance_pixels(in, out);
    EXPECT_TRUE(test::equal_pixels(out, expected)) << target;
  });
}

TEST(Enhance, ReadsThroughAStride) {
  const Image in = test::make_scene(Scene::edges, 40, 31, 3);
  const test::PaddedCopy padded(in, 7);
  Image expected, out;
  enhance_pixels(in, expected);
  enhance_pixels(padded.view(), out);
  EXPECT_TRUE(test::equal_pixels(out, expected));
}

TEST(Enhance, OfOneGrayKeepsIt) {
  // The mean of equal values is the value, and neither filter has anything to sharpen.
  Image in(30, 20, 1), out;
  std::fill_n(in.data(), in.size_bytes(), std::uint8_t{90});
  enhance_pixels(in, out);
  for (std::size_t i = 0; i < out.size_bytes(); ++i) ASSERT_EQ(out.data()[i], 90);
}

TEST(Enhance, IsNeededBelowFiveHundredByFourHundred) {
  EXPECT_TRUE(needs_enhancement(499, 2000));
  EXPECT_TRUE(needs_enhancement(2000, 399));
  EXPECT_FALSE(needs_enhancement(500, 400));
}

TEST(Enhance, ScaleFollowsTheShorterSide) {
  EXPECT_EQ(enhancement_scale(150, 200), 4);
  EXPECT_EQ(enhancement_scale(200, 151), 3);
  EXPECT_EQ(enhancement_scale(250, 400), 3);
  EXPECT_EQ(enhancement_scale(251, 400), 2);
  EXPECT_EQ(enhancement_scale(1920, 1080), 2);
}

TEST(Enhance, ScaleKeepsSidesWithinFourThousand) {
  EXPECT_EQ(enhancement_scale(300, 2000), 2);
  EXPECT_EQ(enhancement_scale(300, 2500), 1.6);
  EXPECT_EQ(enhancement_scale(100, 4000), 1);
  EXPECT_EQ(enhancement_scale(9000, 300), 1);
  Image out;
  const double scale = enhance_pixels(test::make_scene(Scene::smooth, 7, 1500, 1), out);
  EXPECT_EQ(out.height(), 4000);
  EXPECT_EQ(out.width(), 19);  // 7 * 2.667
  EXPECT_EQ(scale, 4000.0 / 1500);
}

// Outputs of the inner loops for single pixels, by Pillow's definitions.
TEST(Enhance, UnsharpIgnoresSmallDifferences) {
  const std::uint8_t row[] = {100, 100, 100, 100, 100, 250, 5};
  const std::uint8_t blurred[] = {97, 96, 103, 104, 95, 200, 60};
  const std::uint8_t expected[] = {100, 104, 100, 96, 106, 255, 0};
  std::uint8_t out[7];
  unsharp_row(row, blurred, 7, out);
  for (std::size_t i = 0; i < 7; ++i) EXPECT_EQ(out[i], expected[i]) << i;
}

}  // namespace
}  // namespace mien
