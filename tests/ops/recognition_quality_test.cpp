#include "ops/recognition_quality.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "image/orientation.h"
#include "ops/align.h"
#include "support/photos.h"
#include "support/pictures.h"

namespace mien {
namespace {

// What bench/recognition_quality.py measures with numpy of the same pixels: hills of integers, with detail in all
// directions.
Image pattern(int factor, int offset) {
  const auto hill = [](int value, int period, int height) {
    const int at = value % period;
    return at * (period - at) * height * 4 / (period * period);
  };
  Image image;
  image.reset(kAlignedSide, kAlignedSide, 1);
  for (int y = 0; y < kAlignedSide; ++y) {
    for (int x = 0; x < kAlignedSide; ++x) {
      const int value = 20 + hill(3 * x + y, 180, 50) + hill(x + 5 * y, 210, 50) + hill(4 * x - 3 * y + 400, 150, 30) +
                        hill(9 * x + 8 * y, 170, 24) + hill(12 * x - 11 * y + 1300, 190, 20) +
                        hill(x * y / 8, 160, 20) + (x * x * 7 + y * y * 13 + x * y * 5) % 3;
      image.row(y)[x] = static_cast<std::uint8_t>(std::min(255, value * factor + offset));
    }
  }
  return image;
}

TEST(RecognitionMeasures, AreNumpys) {
  // Sums are of integers; what is left are the last digits of doubles.
  constexpr double kTolerance = 1e-9;
  // Spectra are sums of floats.
  constexpr double kTolerancePower = 1e-5;
  const RecognitionMeasures plain = measure_recognition(pattern(1, 0), 30);
  EXPECT_NEAR(plain.resolution, 0.11882794339634768, kTolerancePower);
  EXPECT_NEAR(plain.contrast, 18.8496460011644, kTolerance);
  EXPECT_NEAR(plain.relative_contrast, 0.1277669529266584, kTolerance);
  EXPECT_NEAR(plain.noise, 0.00683464971992627, kTolerance);
  EXPECT_NEAR(plain.flatness, 1.0123730636761439, kTolerance);
  EXPECT_EQ(plain.exposed, 1);
  EXPECT_EQ(plain.size, 30);
  const RecognitionMeasures bright = measure_recognition(pattern(2, 20), 30);
  EXPECT_NEAR(bright.resolution, 0.19157427398321186, kTolerancePower);
  EXPECT_NEAR(bright.relative_contrast, 0.04440079488485602, kTolerance);
  EXPECT_NEAR(bright.flatness, 1.0296517073316445, kTolerance);
  EXPECT_NEAR(bright.exposed, 0.12391493055555555, kTolerance);
}

// ---- Faces

constexpr Landmarks kAstronaut = {
    {{203.15F, 101.68F}, {247.01F, 104.51F}, {223.26F, 125.08F}, {203.38F, 142.33F}, {241.33F, 144.42F}}};

RecognitionQuality quality_of(ImageView photo, const Landmarks& landmarks) {
  const std::optional<Similarity> to_template = estimate_alignment(landmarks);
  Image aligned;
  warp_aligned_gray(photo, *to_template, aligned);
  return assess_recognition(
      measure_recognition(aligned, kTemplateEyeDistance / std::hypot(to_template->a, to_template->b)));
}

Image like(const Image& photo) {
  Image result;
  result.reset(photo.width(), photo.height(), photo.channels());
  return result;
}

template <typename Change>
Image changed(const Image& photo, Change change) {
  Image result = like(photo);
  for (int y = 0; y < photo.height(); ++y) {
    const std::uint8_t* const from = photo.row(y);
    std::uint8_t* const to = result.row(y);
    for (int i = 0; i < photo.width() * photo.channels(); ++i) to[i] = change(from[i], i / photo.channels(), y);
  }
  return result;
}

// The mean of (2 x + 1) by (2 y + 1) pixels.
Image blurred(const Image& photo, int x_radius, int y_radius) {
  Image result = like(photo);
  for (int y = 0; y < photo.height(); ++y) {
    for (int x = 0; x < photo.width(); ++x) {
      for (int channel = 0; channel < photo.channels(); ++channel) {
        int sum = 0;
        for (int dy = -y_radius; dy <= y_radius; ++dy) {
          for (int dx = -x_radius; dx <= x_radius; ++dx) {
            const int at = std::clamp(x + dx, 0, photo.width() - 1) * photo.channels() + channel;
            sum += photo.row(std::clamp(y + dy, 0, photo.height() - 1))[at];
          }
        }
        const int count = (2 * x_radius + 1) * (2 * y_radius + 1);
        result.row(y)[x * photo.channels() + channel] = static_cast<std::uint8_t>(sum / count);
      }
    }
  }
  return result;
}

// The mean of (2 radius + 1) pixels of a diagonal.
Image moved_diagonally(const Image& photo, int radius, int sign) {
  Image result = like(photo);
  for (int y = 0; y < photo.height(); ++y) {
    for (int i = 0; i < photo.width() * photo.channels(); ++i) {
      int sum = 0;
      for (int at = -radius; at <= radius; ++at) {
        const int x = std::clamp(i / photo.channels() + sign * at, 0, photo.width() - 1);
        sum += photo.row(std::clamp(y + at, 0, photo.height() - 1))[x * photo.channels() + i % photo.channels()];
      }
      result.row(y)[i] = static_cast<std::uint8_t>(sum / (2 * radius + 1));
    }
  }
  return result;
}

class RecognitionTest : public ::testing::Test {
 protected:
  // Around the face, so that the copies below take little time.
  RecognitionTest() {
    const Image whole = test::load_photo("astronaut.png");
    photo_.reset(kSide, kSide, whole.channels());
    for (int y = 0; y < kSide; ++y) {
      std::copy_n(whole.row(y + kY) + kX * whole.channels(), kSide * whole.channels(), photo_.row(y));
    }
    landmarks_ = kAstronaut;
    for (Point& point : landmarks_) point = {point.x - kX, point.y - kY};
  }
  void expect_poor(const Image& photo, PoorReason reason, const char* what) {
    const RecognitionQuality quality = quality_of(photo, landmarks_);
    EXPECT_LT(quality.value, kRecognitionFloor) << what;
    EXPECT_EQ(poor_reason_name(quality.worst), poor_reason_name(reason)) << what;
  }
  static constexpr int kX = 150;
  static constexpr int kY = 30;
  static constexpr int kSide = 160;
  Image photo_;
  Landmarks landmarks_;
};

TEST_F(RecognitionTest, OfAGoodFaceIsHigh) { EXPECT_GT(quality_of(photo_, landmarks_).value, 0.9F); }

TEST_F(RecognitionTest, FallsBelowTheFloorWhateverIsWrong) {
  expect_poor(blurred(photo_, 4, 4), PoorReason::too_blurred, "out of focus");
  expect_poor(blurred(photo_, 8, 0), PoorReason::too_blurred, "moved across");
  expect_poor(blurred(photo_, 0, 8), PoorReason::too_blurred, "moved down");
  expect_poor(moved_diagonally(photo_, 8, 1), PoorReason::too_blurred, "moved down and to the right");
  expect_poor(moved_diagonally(photo_, 8, -1), PoorReason::too_blurred, "moved down and to the left");
  expect_poor(changed(photo_, [](int value, int, int) { return static_cast<std::uint8_t>(value / 20); }),
              PoorReason::too_dark, "dark");
  expect_poor(changed(photo_,
                      [](int value, int x, int y) {
                        return static_cast<std::uint8_t>(value / 16 + (x * x * 7 + y * 13 + x * y * 5) % 5);
                      }),
              PoorReason::too_dark, "dark, with noise");
  expect_poor(changed(photo_, [](int value, int, int) { return static_cast<std::uint8_t>(200 + value / 20); }),
              PoorReason::low_contrast, "haze");
  expect_poor(changed(photo_, [](int value, int, int) { return static_cast<std::uint8_t>(std::min(255, value * 5)); }),
              PoorReason::low_contrast, "blown out");
}

TEST_F(RecognitionTest, StaysAboveTheFloorWhereLittleIsWrong) {
  const auto expect_good = [this](const Image& photo, const char* what) {
    EXPECT_GT(quality_of(photo, landmarks_).value, kRecognitionFloor) << what;
  };
  // 5 % of the width of the face, which takes nothing of what tells people apart.
  expect_good(blurred(photo_, 1, 1), "a little out of focus");
  expect_good(blurred(photo_, 2, 0), "moved a little across");
  expect_good(blurred(photo_, 0, 2), "moved a little down");
  expect_good(changed(photo_, [](int value, int, int) { return static_cast<std::uint8_t>(value / 3); }), "dim");
  expect_good(changed(photo_, [](int value, int, int) { return static_cast<std::uint8_t>(120 + value / 3); }),
              "a little haze");
}

// Smooth skin beside sharp edges, as in a portrait made in a studio: most neighbours are equal, and yet it is no
// mosaic.
TEST_F(RecognitionTest, TakesSmoothSkinForNoMosaic) {
  const Image smooth =
      changed(photo_, [](int value, int, int) { return static_cast<std::uint8_t>(value < 110 ? value / 2 : 160); });
  EXPECT_GT(quality_of(smooth, landmarks_).value, kRecognitionFloor);
}

TEST_F(RecognitionTest, LooksAtThePixelsThatThereWere) {
  const Image small = test::scale_pixels(photo_, 20, 20);
  Landmarks in_small = landmarks_;
  for (Point& point : in_small) point = {point.x / 8, point.y / 8};
  const RecognitionQuality tiny = quality_of(small, in_small);
  EXPECT_LT(tiny.value, kRecognitionFloor);
  EXPECT_EQ(tiny.worst, PoorReason::too_small);
  expect_poor(test::scale_pixels(small, kSide, kSide), PoorReason::too_small, "mosaic");  // pixels repeated
}

TEST_F(RecognitionTest, IsTheSameHoweverTheFaceLies) {
  const float upright = quality_of(photo_, landmarks_).value;
  Image turned;
  apply_orientation(photo_, 3, turned);  // by half a turn
  Landmarks landmarks = landmarks_;
  for (Point& point : landmarks) point = {kSide - 1 - point.x, kSide - 1 - point.y};
  EXPECT_NEAR(quality_of(turned, landmarks).value, upright, 1e-3);  // the same pixels, rounded elsewhere
}

TEST(RecognitionNorm, HalvesAPerfectFaceAtItsThreshold) {
  const NormScale scale{.half = 2, .slope = 10};
  EXPECT_FLOAT_EQ(add_norm(1, 2, scale), 0.5F);
  EXPECT_NEAR(add_norm(1, 4, scale), 1, 1e-3);
  EXPECT_LT(add_norm(1, 1, scale), 0.01F);
  EXPECT_LT(add_norm(1, 0, scale), 1e-6F);
  EXPECT_LT(add_norm(0, 4, scale), 1e-5F);
  EXPECT_LT(add_norm(0.5F, 4, scale), 0.5F);  // never better than without
}

}  // namespace
}  // namespace mien
