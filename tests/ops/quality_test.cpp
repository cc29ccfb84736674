#include "ops/quality.h"

#include <cmath>

#include <gtest/gtest.h>

#include "image/gray.h"
#include "ops/scene.h"
#include "support/targets.h"

namespace mien {
namespace {

using test::Scene;

// Sums are exact and the gradient's length is rounded to 2^-14 of a level a column: 1e-6 relative leaves room for
// the oracle's own rounding; the absolute part is for pictures whose true value is near zero.
constexpr double kRelative = 1e-6;
constexpr double kAbsolute = 1e-4;

void expect_near(double value, const nlohmann::json& expected, const char* name, const nlohmann::json& golden) {
  const double target = expected.get<double>();
  EXPECT_NEAR(value, target, kRelative * std::abs(target) + kAbsolute) << name << " of " << golden;
}

bool equal_measures(const Quality& a, const Quality& b) {
  return a.blur_score == b.blur_score && a.brightness == b.brightness && a.contrast == b.contrast &&
         a.sharpness == b.sharpness;
}

TEST(Quality, EqualsOpenCv) {
  const nlohmann::json goldens = test::read_ops_golden("quality.json");
  for (const nlohmann::json& golden : goldens["cases"]) {
    const Quality quality = measure_quality(test::make_scene(golden));
    expect_near(quality.blur_score, golden["blur_score"], "blur_score", golden);
    expect_near(quality.brightness, golden["brightness"], "brightness", golden);
    expect_near(quality.contrast, golden["contrast"], "contrast", golden);
    expect_near(quality.sharpness, golden["sharpness"], "sharpness", golden);
  }
}

// Sums are integers and square roots are correctly rounded, so there is no tolerance.
TEST(Quality, EveryInstructionSetGivesTheSame) {
  for (const int channels : {1, 3}) {
    const Image in = test::make_scene(Scene::noise, 203, 101, channels);
    const Quality expected = measure_quality(in);
    test::for_each_target([&](const char* target) {
      EXPECT_TRUE(equal_measures(measure_quality(in), expected)) << target << ", " << channels << " channels";
    });
  }
}

TEST(Quality, OfAViewIsThatOfItsCopy) {
  const Image whole = test::make_scene(Scene::noise, 160, 120, 3);
  const ImageView part = whole.view().crop(31, 17, 75, 64);
  Image copy(75, 64, 3);
  for (int y = 0; y < 64; ++y) std::memcpy(copy.row(y), part.row(y), copy.stride());
  EXPECT_TRUE(equal_measures(measure_quality(part), measure_quality(copy)));
}

// Colours become gray while the band before is summed: widths around those of vectors, heights around those of bands.
TEST(Quality, OfRgbIsThatOfItsGray) {
  test::for_each_target([](const char* target) {
    for (const int width : {1, 7, 31, 33, 64, 65, 133}) {
      for (const int height : {1, 2, 31, 32, 33, 34, 64, 65, 66, 97}) {
        const Image rgb = test::make_scene(Scene::noise, width, height, 3);
        Image gray;
        to_gray(rgb, gray);
        EXPECT_TRUE(equal_measures(measure_quality(rgb), measure_quality(gray)))
            << target << ", " << width << "x" << height;
      }
    }
  });
}

TEST(Quality, OfOneColourHasNoEdges) {
  Image image(67, 41, 1);
  std::fill_n(image.data(), image.size_bytes(), std::uint8_t{200});
  const Quality quality = measure_quality(image);
  EXPECT_EQ(quality.blur_score, 0);
  EXPECT_EQ(quality.contrast, 0);
  EXPECT_EQ(quality.sharpness, 0);
  EXPECT_EQ(quality.brightness, 200);
}

// The largest values that occur must not overflow an accumulator, over more rows than a band has.
TEST(Quality, HoldsTheStrongestEdges) {
  Image image(256, 100, 1);
  for (int y = 0; y < 100; ++y) {
    for (int x = 0; x < 256; ++x) image.row(y)[x] = (x + y) % 2 == 0 ? 0 : 255;
  }
  // Every Laplacian is +-1020 in equal number, and every gradient is zero.
  const Quality quality = measure_quality(image);
  EXPECT_DOUBLE_EQ(quality.blur_score, 1020.0 * 1020.0);
  EXPECT_EQ(quality.sharpness, 0);
  EXPECT_DOUBLE_EQ(quality.contrast, 127.5);
  // A step down the middle: two columns with a gradient of 4 * 255, whatever the height.
  for (int y = 0; y < 100; ++y) std::fill_n(image.row(y), 256, std::uint8_t{0});
  for (int y = 0; y < 100; ++y) std::fill_n(image.row(y) + 128, 128, std::uint8_t{255});
  EXPECT_DOUBLE_EQ(measure_quality(image).sharpness, 1020.0 * 2 / 256);
}

TEST(Quality, GrayIsPillows) {
  // 19595 R + 38470 G + 7471 B + 32768, cut off at 16 bits: all corners and a diagonal walk of the colour cube.
  Image in(4096, 1, 3), out;
  for (int i = 0; i < 4096; ++i) {
    for (int c = 0; c < 3; ++c) in.data()[3 * i + c] = static_cast<std::uint8_t>((i >> (4 * c) & 15) * 17);
  }
  test::for_each_target([&](const char* target) {
    to_gray(in, out);
    for (int i = 0; i < 4096; ++i) {
      const std::uint8_t* p = in.data() + 3 * i;
      const unsigned expected = (19595U * p[0] + 38470U * p[1] + 7471U * p[2] + 32768U) >> 16;
      ASSERT_EQ(out.data()[i], expected) << target << " pixel " << i;
    }
  });
}

TEST(OverallScore, WeighsTheMeasures) {
  Quality quality;
  quality.blur_score = 500;  // half of the 0.25
  quality.brightness = 64;   // half of the 0.20
  quality.contrast = 30;     // six tenths of the 0.20
  quality.sharpness = 25;    // a quarter of the 0.25
  quality.occlusion_score = 0.5;
  const double measured = 0.125 + 0.1 + 0.12 + 0.0625;
  EXPECT_DOUBLE_EQ(overall_score(quality), measured + 0.05);
  quality.occlusion_score.reset();
  EXPECT_DOUBLE_EQ(overall_score(quality), measured / 0.9);
}

TEST(OverallScore, IsBetweenZeroAndOne) {
  Quality best;
  best.blur_score = 1e9;
  best.brightness = 128;
  best.contrast = 120;
  best.sharpness = 1000;
  EXPECT_DOUBLE_EQ(overall_score(best), 1);
  Quality worst;
  EXPECT_DOUBLE_EQ(overall_score(worst), 0);
  worst.occlusion_score = 1;
  EXPECT_DOUBLE_EQ(overall_score(worst), 0);
}

}  // namespace
}  // namespace mien
