#include "image/resample.h"

#include <gtest/gtest.h>

#include "image/gray.h"
#include "ops/scene.h"
#include "support/targets.h"

namespace mien {
namespace {

using test::Scene;

ResampleFilter filter_of(const nlohmann::json& golden) {
  return golden["filter"] == "lanczos" ? ResampleFilter::lanczos : ResampleFilter::bilinear;
}

// No tolerance: the arithmetic is whole numbers and must be Pillow's.
TEST(Resample, EqualsPillow) {
  const nlohmann::json goldens = test::read_ops_golden("resample.json");
  for (const nlohmann::json& golden : goldens["cases"]) {
    Image out;
    resample(test::make_scene(golden), golden["out_width"], golden["out_height"], filter_of(golden), out);
    EXPECT_EQ(test::checksum(out), golden["checksum"].get<std::uint32_t>()) << golden;
  }
}

TEST(Resample, EveryInstructionSetGivesTheSame) {
  const Image in = test::make_scene(Scene::noise, 203, 167, 3);
  Image expected;
  resample(in, 61, 40, ResampleFilter::lanczos, expected);
  test::for_each_target([&](const char* target) {
    Image out;
    resample(in, 61, 40, ResampleFilter::lanczos, out);
    EXPECT_TRUE(test::equal_pixels(out, expected)) << target;
  });
}

TEST(Resample, ReadsThroughAStride) {
  const Image in = test::make_scene(Scene::noise, 50, 37, 3);
  const test::PaddedCopy padded(in, 13);
  Image expected, out;
  for (const int height : {37, 20}) {
    resample(in, 29, height, ResampleFilter::lanczos, expected);
    resample(padded.view(), 29, height, ResampleFilter::lanczos, out);
    EXPECT_TRUE(test::equal_pixels(out, expected)) << height;
  }
}

TEST(Resample, OfOneColourKeepsIt) {
  for (const int value : {0, 1, 127, 255}) {
    Image in(45, 33, 3), out;
    std::fill_n(in.data(), in.size_bytes(), static_cast<std::uint8_t>(value));
    for (const auto& [width, height] : {std::pair(7, 5), std::pair(90, 99)}) {
      resample(in, width, height, ResampleFilter::lanczos, out);
      for (std::size_t i = 0; i < out.size_bytes(); ++i) ASSERT_EQ(out.data()[i], value);
    }
  }
}

TEST(Resample, OfTheSameSizeIsACopy) {
  const Image in = test::make_scene(Scene::noise, 19, 23, 1);
  Image out;
  resample(in, 19, 23, ResampleFilter::lanczos, out);
  EXPECT_TRUE(test::equal_pixels(in, out));
}

// Channels do not mix: an RGB picture of three equal channels is resampled as the gray one.
TEST(Resample, OfEqualChannelsIsTheGrayResult) {
  const Image gray = test::make_scene(Scene::noise, 70, 44, 1);
  Image rgb(70, 44, 3), out_gray, out_rgb;
  for (std::size_t i = 0; i < rgb.size_bytes(); ++i) rgb.data()[i] = gray.data()[i / 3];
  resample(gray, 33, 21, ResampleFilter::bilinear, out_gray);
  resample(rgb, 33, 21, ResampleFilter::bilinear, out_rgb);
  for (std::size_t i = 0; i < out_rgb.size_bytes(); ++i) ASSERT_EQ(out_rgb.data()[i], out_gray.data()[i / 3]);
}

TEST(Resample, GrayIsTheGrayPictureResampled) {
  // Width first, height first, only the height, only the width.
  for (const auto& [width, height] : {std::pair(32, 32), std::pair(80, 10), std::pair(90, 20), std::pair(40, 120)}) {
    const Image in = test::make_scene(Scene::smooth, 90, 120, 3);
    Image gray, expected, out;
    to_gray(in, gray);
    resample(gray, width, height, ResampleFilter::lanczos, expected);
    resample_gray(in, width, height, ResampleFilter::lanczos, out);
    EXPECT_TRUE(test::equal_pixels(out, expected)) << width << "x" << height;
  }
}

}  // namespace
}  // namespace mien
