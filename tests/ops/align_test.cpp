#include "ops/align.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <limits>
#include <utility>

#include "image/gray.h"
#include "support/pictures.h"
#include "support/targets.h"

namespace mien {
namespace {

constexpr Feed kLevels = {.mean = 0.0F, .scale = 1.0F, .bgr = false};
constexpr std::size_t kPlane = std::size_t{112} * 112;
constexpr Landmarks kArcFace = {
    {{38.2946F, 51.6963F}, {73.5318F, 51.5014F}, {56.0252F, 71.7366F}, {41.5493F, 92.3655F}, {70.7299F, 92.2041F}}};

std::vector<float> warp(ImageView image, const Similarity& similarity, const Feed& feed) {
  std::vector<float> planes(3 * kPlane, -1.0F);
  warp_aligned_into(image, similarity, feed, planes.data());
  return planes;
}

Landmarks scale_points(float factor, float shift) {
  Landmarks points = kArcFace;
  for (Point& point : points) point = {point.x * factor + shift, point.y * factor + shift};
  return points;
}

Landmarks read_landmarks(const nlohmann::json& rows) {
  Landmarks points;
  for (std::size_t i = 0; i < points.size(); ++i) points[i] = {rows.at(i).at(0), rows.at(i).at(1)};
  return points;
}

TEST(WarpSquare, IsWhatModelsAreFed) {
  const Image photo = test::make_noise(450, 470, 3, 11);
  const Similarity similarity = *estimate_alignment(scale_points(3.0F, 60.0F));
  const std::vector<float> planes = warp(photo, similarity, kLevels);
  Image face;
  warp_square(photo, similarity, 112, face);
  ASSERT_EQ(face.size_bytes(), 3 * kPlane);
  for (std::size_t i = 0; i < kPlane; ++i) {
    ASSERT_EQ(static_cast<float>(face.data()[3 * i]), planes[i]);
    ASSERT_EQ(static_cast<float>(face.data()[3 * i + 2]), planes[2 * kPlane + i]);
  }
}

TEST(WarpAlignedGray, IsTheGrayOfTheSquare) {
  const Similarity similarity = *estimate_alignment(scale_points(3.0F, 60.0F));
  for (const int channels : {1, 3}) {
    const Image photo = test::make_noise(450, 470, channels, 11);
    for (const bool bgr : {false, true}) {
      ImageView view = photo;
      view.bgr = bgr;
      Image face, expected, gray;
      warp_square(view, similarity, 112, face);
      to_gray(face, expected);
      warp_aligned_gray(view, similarity, gray);
      ASSERT_EQ(gray.size_bytes(), expected.size_bytes());
      EXPECT_TRUE(std::equal(gray.row(0), gray.row(0) + kPlane, expected.row(0))) << channels << bgr;
    }
  }
}

TEST(WarpSquare, OfOtherSidesKeepsTheTemplatesPlace) {
  const Similarity twice = alignment_for_side({}, 224);
  EXPECT_DOUBLE_EQ(twice.a, 2);
  EXPECT_DOUBLE_EQ(twice.tx, 0);
  // InsightFace puts the template of 112 into the middle of 128 columns, and enlarges that.
  const Similarity wide = alignment_for_side({}, 256);
  EXPECT_DOUBLE_EQ(wide.a, 2);
  EXPECT_DOUBLE_EQ(wide.tx, 16);
  EXPECT_DOUBLE_EQ(wide.ty, 0);
}

TEST(Alignment, OfTheTemplateIsTheIdentity) {
  const std::optional<Similarity> found = estimate_alignment(kArcFace);
  ASSERT_TRUE(found);
  // The template's own digits are floats here: 1e-6 of 100 pixels.
  EXPECT_NEAR(found->a, 1, 1e-6);
  EXPECT_NEAR(found->b, 0, 1e-6);
  EXPECT_NEAR(found->tx, 0, 1e-4);
  EXPECT_NEAR(found->ty, 0, 1e-4);
  const Image face = test::make_noise(112, 112, 3, 1);
  const std::vector<float> planes = warp(face, {1, 0, 0, 0}, kLevels);
  for (std::size_t i = 0; i < 3 * kPlane; ++i) {
    ASSERT_EQ(planes[i], face.data()[3 * (i % kPlane) + i / kPlane]) << "value " << i;
  }
}

TEST(Alignment, ErrorSaysHowMuchPointsLookLikeAFace) {
  const auto error = [](const Landmarks& points) { return alignment_error(points, *estimate_alignment(points)); };
  EXPECT_NEAR(error(scale_points(3, 40)), 0, 1e-5);
  // The nose's 10 pixels are spread over all points: the centre follows it by 2, so 10^2 - 5 * 2^2 = 80 remain.
  Landmarks points = kArcFace;
  points[2].x += 10;
  EXPECT_NEAR(error(points), std::sqrt(80.0 / 5) / kTemplateEyeDistance, 0.01);
  std::swap(points[0], points[3]);
  std::swap(points[1], points[4]);
  EXPECT_GT(error(points), 0.1) << "eyes below the mouth";
}

// Both sides solve the same least squares in double, once in closed form and once by numpy's solver.
TEST(Alignment, EqualsTheOracle) {
  const nlohmann::json golden = test::read_golden("align.json");
  for (const nlohmann::json& item : golden.at("cases")) {
    const std::optional<Similarity> found = estimate_alignment(read_landmarks(item.at("landmarks")));
    ASSERT_TRUE(found) << "seed " << item.at("seed");
    EXPECT_NEAR(found->a, item.at("a").get<double>(), 1e-9);
    EXPECT_NEAR(found->b, item.at("b").get<double>(), 1e-9);
    EXPECT_NEAR(found->tx, item.at("tx").get<double>(), 1e-7);
    EXPECT_NEAR(found->ty, item.at("ty").get<double>(), 1e-7);
  }
}

// The oracle interpolates in double and mien in float: where a value lies next to a half, it may round to the other
// side. On noise, the worst there is, that is less than one value in a hundred.
TEST(Alignment, WarpsLikeTheOracle) {
  const nlohmann::json golden = test::read_golden("align.json");
  for (const nlohmann::json& item : golden.at("cases")) {
    const Image image = test::make_noise(item.at("width"), item.at("height"), item.at("channels"), item.at("seed"));
    const std::vector<float> planes = warp(image, *estimate_alignment(read_landmarks(item.at("landmarks"))), kLevels);
    const test::ByteVector pixels = test::decode_base64(item.at("pixels"));
    ASSERT_EQ(pixels.size(), std::size_t{28 * 28 * 3});
    int different = 0;
    for (std::size_t i = 0; i < pixels.size(); ++i) {
      const std::size_t x = i / 3 % 28 * 4;
      const std::size_t y = i / 3 / 28 * 4;
      const int value = static_cast<int>(planes[i % 3 * kPlane + y * 112 + x]);
      ASSERT_LE(std::abs(value - pixels[i]), 1) << "x " << x << ", y " << y << ", seed " << item.at("seed");
      different += value != pixels[i] ? 1 : 0;
    }
    EXPECT_LE(different, 24) << "seed " << item.at("seed");
  }
}

TEST(Alignment, FindsTheSimilarityThatMadeThePoints) {
  for (int turn = 0; turn < 8; ++turn) {
    const double angle = turn * 0.785;
    const double size = 0.3 + turn;
    Landmarks points;
    for (std::size_t i = 0; i < points.size(); ++i) {
      const double x = kArcFace[i].x;
      const double y = kArcFace[i].y;
      points[i] = {static_cast<float>(size * (std::cos(angle) * x - std::sin(angle) * y) + 250),
                   static_cast<float>(size * (std::sin(angle) * x + std::cos(angle) * y) + 130)};
    }
    const std::optional<Similarity> found = estimate_alignment(points);
    ASSERT_TRUE(found);
    EXPECT_NEAR(found->a, std::cos(angle) / size, 1e-5);
    EXPECT_NEAR(found->b, -std::sin(angle) / size, 1e-5);
  }
}

TEST(Alignment, RefusesPointsThatShowNoFace) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  constexpr float kInfinite = std::numeric_limits<float>::infinity();
  Landmarks same;
  same.fill({17.5F, 33.25F});
  EXPECT_FALSE(estimate_alignment(same));
  EXPECT_FALSE(estimate_alignment(scale_points(kNan, 0)));
  EXPECT_FALSE(estimate_alignment(scale_points(kInfinite, 0)));
  EXPECT_FALSE(estimate_alignment(scale_points(1e30F, 0)));
  Landmarks one_bad = kArcFace;
  one_bad[3].y = kNan;
  EXPECT_FALSE(estimate_alignment(one_bad));
}

TEST(Alignment, IsBlackOutsideTheImage) {
  const Feed feed = {.mean = 127.5F, .scale = 1.0F / 128.0F, .bgr = false};
  const Image white = test::make_flat(50, 50, 3, 255);
  const std::vector<float> away = warp(white, {1, 0, 500, 500}, feed);
  for (const float value : away) ASSERT_EQ(value, -127.5F / 128.0F);
  // The image covers the columns and rows 10..59; half a pixel further it fades by half.
  const std::vector<float> part = warp(white, {1, 0, 10.5, 10}, kLevels);
  EXPECT_EQ(part[30 * 112 + 9], 0.0F);
  EXPECT_EQ(part[30 * 112 + 10], 128.0F);
  EXPECT_EQ(part[30 * 112 + 11], 255.0F);
  EXPECT_EQ(part[30 * 112 + 59], 255.0F);
  EXPECT_EQ(part[30 * 112 + 60], 128.0F);
  EXPECT_EQ(part[30 * 112 + 61], 0.0F);
  EXPECT_EQ(part[9 * 112 + 30], 0.0F);
  EXPECT_EQ(part[60 * 112 + 30], 0.0F);
}

TEST(Alignment, IsSafeWithHugeCoordinates) {
  const Image image = test::make_flat(40, 30, 3, 200);
  for (const float shift : {3e5F, -3e5F, 2e9F, -2e9F, 1e20F}) {
    for (const float factor : {0.01F, 1.0F, 1e4F}) {
      const std::optional<Similarity> found = estimate_alignment(scale_points(factor, shift));
      if (!found) continue;
      for (const float value : warp(image, *found, kLevels)) ASSERT_TRUE(value >= 0 && value <= 255);
    }
  }
  for (const float value : warp(image, {1e-5, 0, -1e12, 1e12}, kLevels)) ASSERT_EQ(value, 0.0F);
}

TEST(Alignment, FeedsPlanesAsTheModelWants) {
  const Image image = test::make_noise(80, 80, 3, 3);
  const Similarity similarity = {1.3, 0.2, 4, -7};
  const std::vector<float> rgb = warp(image, similarity, kLevels);
  const std::vector<float> bgr = warp(image, similarity, {.mean = 0, .scale = 1, .bgr = true});
  const std::vector<float> fed = warp(image, similarity, {.mean = 127.5F, .scale = 0.25F, .bgr = false});
  for (std::size_t i = 0; i < kPlane; ++i) {
    ASSERT_EQ(bgr[i], rgb[2 * kPlane + i]);
    ASSERT_EQ(bgr[kPlane + i], rgb[kPlane + i]);
    ASSERT_EQ(bgr[2 * kPlane + i], rgb[i]);
    ASSERT_EQ(fed[i], (rgb[i] - 127.5F) * 0.25F);
  }
}

// Each operation is rounded by itself, so there is no tolerance; the plain version reads pixel by pixel.
TEST(Alignment, EveryInstructionSetGivesTheSame) {
  const Similarity similarities[] = {{0.4, 0.1, -20, 3}, {1.7, -0.9, 15, 60}, {0.9, 2.1, -90, -60}, {3, 0, -400, -200}};
  for (const int channels : {1, 3}) {
    const Image whole = test::make_noise(143, 111, channels, 8);
    const ImageView part = whole.view().crop(3, 2, 140, 109);
    for (const Similarity& similarity : similarities) {
      std::vector<float> expected;
      test::for_each_target([&](const char* target) {
        std::vector<float> planes = warp(part, similarity, {.mean = 127.5F, .scale = 0.0078125F, .bgr = false});
        if (expected.empty())
          expected = std::move(planes);
        else
          EXPECT_EQ(planes, expected) << target << ", " << channels << " channels, " << similarity.a;
      });
    }
  }
}

TEST(Alignment, GrayEqualsThreeTimesTheSame) {
  const Image gray = test::make_noise(90, 70, 1, 4);
  const Similarity similarity = {0.9, -0.3, 12, 25};
  EXPECT_EQ(warp(gray, similarity, kLevels), warp(test::replicate_gray(gray), similarity, kLevels));
}

}  // namespace
}  // namespace mien
