#include "ops/crop.h"

#include <limits>

#include <gtest/gtest.h>

#include "ops/scene.h"

namespace mien {
namespace {

using test::Scene;

void expect_rect(const PixelRect& rect, int x, int y, int width, int height) {
  EXPECT_EQ(rect.x, x);
  EXPECT_EQ(rect.y, y);
  EXPECT_EQ(rect.width, width);
  EXPECT_EQ(rect.height, height);
}

TEST(ClipBox, RoundsOutwards) { expect_rect(clip_box({10.2F, 20.7F, 30.1F, 40.0F}, 0, 100, 100), 10, 20, 21, 20); }

TEST(ClipBox, GrowsByItsOwnSize) {
  // 0.2 of 20 and of 40 on each side, up to the rounding of floats.
  const PixelRect rect = clip_box({40, 50, 60, 90}, 0.25, 1000, 1000);
  expect_rect(rect, 35, 40, 30, 60);
}

TEST(ClipBox, StaysInsideTheImage) {
  expect_rect(clip_box({-10, -20, 30, 40}, 0, 25, 35), 0, 0, 25, 35);
  expect_rect(clip_box({90, 90, 120, 130}, 0.5, 100, 95), 75, 70, 25, 25);
  expect_rect(clip_box({-1e30F, 5, 1e30F, 6}, 0.2, 640, 480), 0, 4, 640, 3);
}

TEST(ClipBox, OfNothingIsEmpty) {
  const float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
  for (const Box box : {Box{-50, 0, -10, 20}, Box{100, 10, 120, 20}, Box{30, 30, 20, 40}, Box{30, 30, 30, 30},
                        Box{nan, 0, 10, 10}, Box{0, 0, 10, nan}, Box{0, 0, infinity, 10}, Box{-infinity, 0, 5, 5}}) {
    expect_rect(clip_box(box, 0, 100, 100), 0, 0, 0, 0);
  }
}

// Sizes and pixels: Pillow's thumbnail without a reducing step; equal, as resampling is.
TEST(Thumbnail, EqualsPillow) {
  const nlohmann::json goldens = test::read_ops_golden("thumbnail.json");
  for (const nlohmann::json& golden : goldens["cases"]) {
    Image out;
    make_thumbnail(test::make_scene(golden), golden["box"][0], golden["box"][1], out);
    EXPECT_EQ(out.width(), golden["out_width"].get<int>()) << golden;
    EXPECT_EQ(out.height(), golden["out_height"].get<int>()) << golden;
    EXPECT_EQ(test::checksum(out), golden["checksum"].get<std::uint32_t>()) << golden;
  }
}

TEST(Thumbnail, FitsAndKeepsTheAspect) {
  for (int width = 1; width < 2000; width = width * 3 + 1) {
    for (int height = 1; height < 2000; height = height * 2 + 1) {
      const PixelSize size = thumbnail_size(width, height, 150, 100);
      EXPECT_TRUE(size.width >= 1 && size.width <= std::min(width, 150)) << width << "x" << height;
      EXPECT_TRUE(size.height >= 1 && size.height <= std::min(height, 100)) << width << "x" << height;
      // A side is within one pixel of what the other one asks for.
      EXPECT_NEAR(size.width, std::max(1.0, static_cast<double>(width) * size.height / height),
                  1 + static_cast<double>(width) / height);
    }
  }
}

TEST(Thumbnail, NeverEnlarges) {
  const Image in = test::make_scene(Scene::noise, 60, 40, 3);
  Image out;
  make_thumbnail(in, 150, 150, out);
  EXPECT_TRUE(test::equal_pixels(in, out));
}

}  // namespace
}  // namespace mien
