// The same picture in every layout gives the same analysis.
#include <gtest/gtest.h>

#include <algorithm>

#include "mien/engine.h"
#include "ops/compare.h"
#include "support/photos.h"

namespace mien {
namespace {

using test::ByteVector;

constexpr int kGap = 13;  // bytes behind each row

struct Layout {
  PixelFormat format;
  int bytes;  // of a pixel
  int first;  // which of red, green and blue comes first and last
  int third;
};

// The picture in another layout, with a gap behind each row, and nothing behind the last one.
struct Stored {
  ByteVector bytes;
  PixelView view;
};

Stored store(const Image& rgb, const Layout& layout) {
  Stored stored;
  const std::size_t row_bytes = static_cast<std::size_t>(rgb.width() * layout.bytes);
  const std::size_t stride = row_bytes + kGap;
  stored.bytes.resize(stride * static_cast<std::size_t>(rgb.height()) - kGap, 0xA5);
  for (int y = 0; y < rgb.height(); ++y) {
    std::uint8_t* to = stored.bytes.data() + stride * static_cast<std::size_t>(y);
    for (int x = 0; x < rgb.width(); ++x, to += layout.bytes) {
      const std::uint8_t* const pixel = rgb.row(y) + 3 * x;
      to[0] = pixel[layout.first];
      if (layout.bytes == 1) continue;
      to[1] = pixel[1];
      to[2] = pixel[layout.third];
    }
  }
  stored.view = {.data = stored.bytes.data(),
                 .width = rgb.width(),
                 .height = rgb.height(),
                 .format = layout.format,
                 .stride = static_cast<std::ptrdiff_t>(stride)};
  return stored;
}

void expect_same_bits(const Analysis& a, const Analysis& b) {
  EXPECT_EQ(a.width, b.width);
  EXPECT_EQ(a.height, b.height);
  EXPECT_EQ(a.phash, b.phash);
  ASSERT_TRUE(a.quality && b.quality);
  EXPECT_EQ(a.quality->brightness, b.quality->brightness);
  EXPECT_EQ(a.quality->sharpness, b.quality->sharpness);
  ASSERT_EQ(a.faces.size(), b.faces.size());
  for (std::size_t i = 0; i < a.faces.size(); ++i) {
    const Face& one = a.faces[i];
    const Face& other = b.faces[i];
    EXPECT_EQ(one.det_score, other.det_score);
    EXPECT_EQ(one.bbox.x1, other.bbox.x1);
    EXPECT_EQ(one.bbox.y2, other.bbox.y2);
    EXPECT_EQ(one.enhancement_scale, other.enhancement_scale);
    EXPECT_EQ(one.quality->overall_score, other.quality->overall_score);
    EXPECT_EQ(one.embedding, other.embedding);
  }
}

class PixelsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    EngineOptions options;
    options.settings = test::plain_settings();
    engine = std::make_unique<Engine>(options);
  }
  static void TearDownTestSuite() { engine.reset(); }
  static Analysis analyze(const PixelView& pixels, AnalyzeOptions options = {}) {
    options.image_quality = true;
    options.phash = true;
    return engine->analyze_pixels(pixels, options).take();
  }
  static inline std::unique_ptr<Engine> engine;
};

constexpr Layout kRgb = {PixelFormat::rgb, 3, 0, 2};
constexpr Layout kBgr = {PixelFormat::bgr, 3, 2, 0};
constexpr Layout kRgba = {PixelFormat::rgba, 4, 0, 2};
constexpr Layout kBgra = {PixelFormat::bgra, 4, 2, 0};

TEST_F(PixelsTest, EveryOrderOfChannelsGivesTheSameBits) {
  const Image photo = test::load_photo("astronaut.png");
  const Analysis expected = analyze(to_pixels(photo));
  ASSERT_EQ(expected.faces.size(), 1U);
  ASSERT_EQ(expected.faces[0].embedding.size(), 512U);
  for (const Layout& layout : {kRgb, kBgr, kRgba, kBgra}) {
    SCOPED_TRACE(static_cast<int>(layout.format));
    expect_same_bits(analyze(store(photo, layout).view), expected);
  }
}

TEST_F(PixelsTest, BgrMayBeSmallTurnedAndEnhanced) {
  const Image small = test::scale_pixels(test::load_photo("obama2.jpg"), 200, 383);
  const AnalyzeOptions options{.enhance = true, .rotations = true};
  const Analysis expected = analyze(to_pixels(small), options);
  ASSERT_EQ(expected.faces.size(), 1U);
  ASSERT_GT(expected.faces[0].enhancement_scale, 1.0F);
  expect_same_bits(analyze(store(small, kBgr).view, options), expected);
}

TEST_F(PixelsTest, StandsUprightByItsOrientation) {
  const Image photo = test::load_photo("astronaut.png");
  Analysis expected = analyze(to_pixels(photo));
  for (const int orientation : {3, 6}) {
    SCOPED_TRACE(orientation);
    const Image turned = test::turn_as_stored(photo, orientation);
    Stored stored = store(turned, kBgr);
    stored.view.orientation = orientation;
    const Analysis found = analyze(stored.view);
    expected.phash = found.phash;  // the hash is of the pixels as stored
    expect_same_bits(found, expected);
  }
}

TEST_F(PixelsTest, GrayIsThreeEqualChannels) {
  const Image gray = test::to_gray(test::load_photo("astronaut.png"));
  const Analysis expected = analyze(to_pixels(test::replicate_gray(gray)));
  ASSERT_EQ(expected.faces.size(), 1U);
  expect_same_bits(analyze(store(test::replicate_gray(gray), {PixelFormat::gray, 1, 0, 0}).view), expected);
}

// A camera's buffer: luma and chroma of the photo by the formulas of BT.601. Chroma has a quarter of the pixels, so
// numbers move; the face stays where it is and who it is.
TEST_F(PixelsTest, FindsTheFaceInNv12) {
  const Image photo = test::load_photo("astronaut.png");
  const std::size_t width = static_cast<std::size_t>(photo.width());
  const std::size_t height = static_cast<std::size_t>(photo.height());
  ByteVector planes(width * height * 3 / 2);
  for (std::size_t y = 0; y < height; ++y) {
    for (std::size_t x = 0; x < width; ++x) {
      const std::uint8_t* const p = photo.row(static_cast<int>(y)) + 3 * x;
      planes[y * width + x] = static_cast<std::uint8_t>(16.5 + 0.256788 * p[0] + 0.504129 * p[1] + 0.097906 * p[2]);
      std::uint8_t* const chroma = planes.data() + width * height + y / 2 * width + x / 2 * 2;
      chroma[0] = static_cast<std::uint8_t>(128.5 - 0.148223 * p[0] - 0.290993 * p[1] + 0.439216 * p[2]);
      chroma[1] = static_cast<std::uint8_t>(128.5 + 0.439216 * p[0] - 0.367788 * p[1] - 0.071427 * p[2]);
    }
  }
  const Analysis found =
      analyze({.data = planes.data(), .width = photo.width(), .height = photo.height(), .format = PixelFormat::nv12});
  const Analysis expected = analyze(to_pixels(photo));
  ASSERT_EQ(found.faces.size(), 1U);
  EXPECT_NEAR(found.faces[0].bbox.x1, expected.faces[0].bbox.x1, 3);
  EXPECT_NEAR(found.faces[0].bbox.y2, expected.faces[0].bbox.y2, 3);
  EXPECT_GE(cosine_similarity(found.faces[0].embedding, expected.faces[0].embedding), 0.95F);
}

TEST_F(PixelsTest, RefusalsAreResults) {
  const Result<Analysis> refused = engine->analyze_pixels(PixelView{});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
  const Result<ImageQuality> quality = assess_quality(PixelView{});
  ASSERT_FALSE(quality);
  EXPECT_EQ(quality.error().code, ErrorCode::invalid_argument);
}

TEST_F(PixelsTest, QualityOfABoxIsThatOfTheFace) {
  const Image photo = test::load_photo("astronaut.png");
  const Analysis expected = analyze(to_pixels(photo));
  ASSERT_EQ(expected.faces.size(), 1U);
  const Face& face = expected.faces[0];
  const Stored stored = store(photo, kBgr);
  const ImageQuality measured = assess_quality(stored.view, &face.bbox, &*face.landmarks).take();
  EXPECT_EQ(measured.quality.overall_score, face.quality->overall_score);
  EXPECT_EQ(measured.quality.pose_angles->yaw, face.quality->pose_angles->yaw);
  const Box half_outside{-50, 10, 30, 60};
  const ImageQuality clipped = assess_quality(stored.view, &half_outside).take();
  EXPECT_EQ(clipped.width, 30);
  EXPECT_EQ(clipped.height, 50);
}

TEST_F(PixelsTest, ABatchTellsHowFarItIs) {
  const ByteVector photo = test::read_photo("chelsea.png");
  const std::vector<Bytes> images(3, photo);
  std::vector<std::size_t> seen;
  Workspace workspace;
  const auto results = engine->analyze_batch(images, {}, workspace, [&](std::size_t done, std::size_t total) {
    EXPECT_EQ(total, 3U);
    seen.push_back(done);
  });
  EXPECT_EQ(results.size(), 3U);
  EXPECT_EQ(seen, (std::vector<std::size_t>{1, 2, 3}));
}

}  // namespace
}  // namespace mien
