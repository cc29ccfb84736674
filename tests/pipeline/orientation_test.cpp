// A photo is the same photo however the camera was held.
#include <gtest/gtest.h>

#include "image/decode.h"
#include "image/encode.h"
#include "mien/engine.h"
#include "ops/compare.h"
#include "ops/detect.h"
#include "support/photos.h"

namespace mien {
namespace {

using test::ByteVector;

class PhotoOrientation : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    EngineOptions options;
    options.settings = test::plain_settings();
    engine = std::make_unique<Engine>(options);
    // No square, and with a face that is off the middle: a swapped side or a wrong mirror shows.
    const Image photo = test::load_photo("astronaut.png");
    upright = test::copy_pixels(photo.view().crop(60, 0, 400, 330));
  }
  static void TearDownTestSuite() { engine.reset(); }

  static Analysis analyze(const ByteVector& file) {
    Result<Analysis> result = engine->analyze(file);
    return std::move(result).take();
  }
  static Analysis analyze_pixels(ImageView pixels, const AnalyzeOptions& options = {}) {
    Workspace workspace;
    Result<Analysis> result = engine->analyze_pixels(to_pixels(pixels), options, workspace);
    return std::move(result).take();
  }
  static inline std::unique_ptr<Engine> engine;
  static inline Image upright;
};

// To the last bit: the upright pixels are the same, and all that follows sees only them.
void expect_identical(const Analysis& a, const Analysis& b) {
  EXPECT_EQ(a.width, b.width);
  EXPECT_EQ(a.height, b.height);
  ASSERT_EQ(a.faces.size(), b.faces.size());
  for (std::size_t i = 0; i < a.faces.size(); ++i) {
    EXPECT_EQ(a.faces[i].bbox.x1, b.faces[i].bbox.x1);
    EXPECT_EQ(a.faces[i].bbox.y1, b.faces[i].bbox.y1);
    EXPECT_EQ(a.faces[i].bbox.x2, b.faces[i].bbox.x2);
    EXPECT_EQ(a.faces[i].bbox.y2, b.faces[i].bbox.y2);
    EXPECT_EQ(a.faces[i].det_score, b.faces[i].det_score);
    for (std::size_t j = 0; j < 5; ++j) {
      EXPECT_EQ((*a.faces[i].landmarks)[j].x, (*b.faces[i].landmarks)[j].x);
      EXPECT_EQ((*a.faces[i].landmarks)[j].y, (*b.faces[i].landmarks)[j].y);
    }
    EXPECT_EQ(a.faces[i].embedding, b.faces[i].embedding);
    EXPECT_EQ(a.faces[i].quality->overall_score, b.faces[i].quality->overall_score);
  }
}

TEST_F(PhotoOrientation, AllEightGiveTheSameFaces) {
  const Analysis expected = analyze_pixels(upright);
  ASSERT_EQ(expected.faces.size(), 1U);
  for (int orientation = 1; orientation <= 8; ++orientation) {
    SCOPED_TRACE(orientation);
    const Image stored = test::turn_as_stored(upright, orientation);
    EXPECT_EQ(stored.width(), orientation >= 5 ? 330 : 400);
    expect_identical(analyze(test::encode_png_with_exif(stored, orientation)), expected);
  }
}

// The same, where the bytes are a camera's: the decoded pixels rotated by hand are the reference.
TEST_F(PhotoOrientation, JpegSaysHowItIsTurned) {
  for (const int orientation : {3, 5, 6, 8}) {
    SCOPED_TRACE(orientation);
    const ByteVector jpeg = encode_jpeg(test::turn_as_stored(upright, orientation), 92);
    DecodedImage decoded;
    ASSERT_TRUE(decode_image(jpeg, {}, decoded));
    // Turning back is turning by the inverse: 6 and 8 are each other's, the rest their own.
    const int inverse = orientation == 6 ? 8 : orientation == 8 ? 6 : orientation;
    const Analysis expected = analyze_pixels(test::turn_as_stored(decoded.pixels, inverse));
    ASSERT_EQ(expected.faces.size(), 1U);
    expect_identical(analyze(test::add_exif_to_jpeg(jpeg, orientation)), expected);
  }
}

// Where the upright face lies in the picture as it is stored.
Point to_stored(Point point, int orientation, float width, float height) {
  switch (orientation) {
    case 3: return {width - point.x, height - point.y};
    case 6: return {point.y, width - point.x};
    default: return {height - point.y, point.x};  // 8
  }
}

// Scans carry no EXIF. With rotations, the program rotates the picture, so that the detector sees the same pixels
// as in the upright one, and the boxes are the same but for the rounding of the way back.
TEST_F(PhotoOrientation, RotationsFindFacesThatLieOnTheirSide) {
  const Analysis expected = analyze_pixels(upright);
  ASSERT_EQ(expected.faces.size(), 1U);
  const Face& face = expected.faces[0];
  for (const int orientation : {3, 6, 8}) {
    SCOPED_TRACE(orientation);
    const Image turned = test::turn_as_stored(upright, orientation);
    const Analysis found = analyze_pixels(turned, {.rotations = true});
    EXPECT_EQ(found.width, turned.width());
    EXPECT_EQ(found.height, turned.height());
    ASSERT_EQ(found.faces.size(), 1U);
    const Face& other = found.faces[0];
    EXPECT_EQ(other.det_score, face.det_score);
    const Point a = to_stored({face.bbox.x1, face.bbox.y1}, orientation, 400, 330);
    const Point b = to_stored({face.bbox.x2, face.bbox.y2}, orientation, 400, 330);
    EXPECT_NEAR(other.bbox.x1, std::min(a.x, b.x), 1e-3);
    EXPECT_NEAR(other.bbox.y1, std::min(a.y, b.y), 1e-3);
    EXPECT_NEAR(other.bbox.x2, std::max(a.x, b.x), 1e-3);
    EXPECT_NEAR(other.bbox.y2, std::max(a.y, b.y), 1e-3);
    for (std::size_t i = 0; i < 5; ++i) {
      const Point point = to_stored((*face.landmarks)[i], orientation, 400 - 1, 330 - 1);  // centres of pixels
      EXPECT_NEAR((*other.landmarks)[i].x, point.x, 1e-3);
      EXPECT_NEAR((*other.landmarks)[i].y, point.y, 1e-3);
    }
    // The same pixels in another order: a landmark that were one pixel off would cost a hundredth.
    EXPECT_GE(cosine_similarity(other.embedding, face.embedding), 0.9999F);
  }
}

TEST_F(PhotoOrientation, RotationsLeaveUprightPhotosAlone) {
  expect_identical(analyze_pixels(upright, {.rotations = true}), analyze_pixels(upright));
}

}  // namespace
}  // namespace mien
