// Looking closer, and rotations, with the default models and composites of the sample photos.
#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "mien/engine.h"
#include "ops/compare.h"
#include "ops/detect.h"
#include "support/photos.h"

namespace mien {
namespace {

class DetailTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    EngineOptions options;
    options.settings = test::plain_settings();
    engine = std::make_unique<Engine>(options);
  }
  static void TearDownTestSuite() { engine.reset(); }

  static Analysis analyze(ImageView pixels, const AnalyzeOptions& options) {
    Workspace workspace;
    return engine->analyze_pixels(to_pixels(pixels), options, workspace).take();
  }
  static Analysis look(ImageView pixels, Detail detail) {
    return analyze(pixels, {.embed = false, .face_quality = false, .detail = detail});
  }
  // The head of a photo of one person, its face so many pixels high.
  static Image head(const std::string& photo, int face_side) {
    const Image pixels = test::load_photo(photo);
    const Analysis found = look(pixels, Detail::off);
    const Box& box = found.faces.at(0).bbox;
    const ImageView part = test::crop_around(pixels, box, 0.7F);
    const float scale = static_cast<float>(face_side) / std::max(box.width(), box.height());
    return test::scale_pixels(part, static_cast<int>(static_cast<float>(part.width) * scale),
                              static_cast<int>(static_cast<float>(part.height) * scale));
  }
  static inline std::unique_ptr<Engine> engine;
};

bool shows_one(const Analysis& analysis, const Box& place) {
  return 1 == std::count_if(analysis.faces.begin(), analysis.faces.end(), [&](const Face& face) {
           const float x = (face.bbox.x1 + face.bbox.x2) / 2, y = (face.bbox.y1 + face.bbox.y2) / 2;
           return place.x1 < x && x < place.x2 && place.y1 < y && y < place.y2;
         });
}

// Faces of 60 pixels in 12 megapixels, ten canvas pixels of the first look: what a cut of the same photo shows well.
TEST_F(DetailTest, FindsFacesOfSixtyPixelsInTwelveMegapixels) {
  Image photo = test::make_flat(4000, 3000, 3, 105);
  std::vector<Box> places;
  const char* const kPeople[] = {"astronaut.png", "obama.jpg", "biden.jpg", "obama2.jpg", "obama3.jpg"};
  for (int i = 0; i < 5; ++i) {
    const Image pixels = head(kPeople[i], 60);
    const int x = 200 + i % 3 * 900, y = 200 + i / 3 * 800;
    test::paste(pixels, x, y, photo);
    places.push_back({static_cast<float>(x), static_cast<float>(y), static_cast<float>(x + pixels.width()),
                      static_cast<float>(y + pixels.height())});
  }
  const Analysis full = look(photo, Detail::full);
  EXPECT_EQ(full.detail, Detail::full);
  EXPECT_EQ(full.faces.size(), 5U);
  for (const Box& place : places) EXPECT_TRUE(shows_one(full, place)) << place.x1 << "," << place.y1;
  const Analysis automatic = look(photo, Detail::automatic);
  EXPECT_EQ(automatic.detail, Detail::automatic);
  EXPECT_GE(automatic.faces.size(), look(photo, Detail::off).faces.size());
  for (const Face& face : full.faces) EXPECT_GT(face.scale, 0.3F) << "the look that the numbers come from";
}

// Nothing is made up, however closely one looks.
TEST_F(DetailTest, FindsNoFaceWhereThereIsNone) {
  for (const char* const name : {"chelsea.png", "coffee.png"}) {
    const Image photo = test::load_photo(name);
    const Image large = test::scale_pixels(photo, 3000, 3000 * photo.height() / photo.width());
    for (const Detail detail : {Detail::automatic, Detail::full}) {
      EXPECT_TRUE(look(photo, detail).faces.empty()) << name;
      EXPECT_TRUE(look(large, detail).faces.empty()) << name;
    }
  }
}

TEST_F(DetailTest, ExactLooksOnceAndSaysSo) {
  EngineOptions options;
  options.settings = test::plain_settings();
  options.precision = Precision::exact;
  options.load_embedder = false;
  const Engine exact(options);
  const Image photo = test::load_photo("obama.jpg");
  const Result<Analysis> once = exact.analyze_pixels(to_pixels(photo));
  ASSERT_TRUE(once);
  EXPECT_EQ(once->detail, Detail::off);
  const Result<Analysis> full = exact.analyze_pixels(to_pixels(photo), {.detail = Detail::full});
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, ErrorCode::invalid_argument);
  EXPECT_NE(full.error().message.find("precision exact"), std::string::npos);
}

// An album page: each face keeps the embedding that it has upright.
TEST_F(DetailTest, FacesOfAPageKeepTheirOwnRotation) {
  struct Photo {
    const char* name;
    int orientation;  // as a camera would store the upright head
    int rotation;
  };
  const Photo kPage[] = {{"astronaut.png", 3, 180}, {"obama.jpg", 1, 0}, {"biden.jpg", 6, 270}, {"obama3.jpg", 8, 90}};
  Image page = test::make_flat(1400, 420, 3, 110);
  std::vector<std::vector<float>> upright;
  int x = 20;
  for (const Photo& photo : kPage) {
    const Image pixels = head(photo.name, 110);
    const Analysis alone = analyze(pixels, {.face_quality = false});
    ASSERT_EQ(alone.faces.size(), 1U);
    upright.push_back(alone.faces[0].embedding);
    test::paste(test::turn_as_stored(pixels, photo.orientation), x, 60, page);
    x += 340;
  }
  const Analysis found = analyze(page, {.face_quality = false, .rotations = true});
  ASSERT_EQ(found.faces.size(), std::size(kPage));
  for (std::size_t i = 0; i < std::size(kPage); ++i) {
    const float left = 20 + 340 * static_cast<float>(i);
    const auto face = std::find_if(found.faces.begin(), found.faces.end(), [&](const Face& one) {
      return one.bbox.x1 > left - 20 && one.bbox.x2 < left + 340;
    });
    ASSERT_NE(face, found.faces.end()) << kPage[i].name;
    EXPECT_EQ(face->rotation, kPage[i].rotation) << kPage[i].name;
    EXPECT_GE(cosine_similarity(face->embedding, upright[i]), 0.9F) << kPage[i].name;
  }
  for (const Face& face : analyze(page, {.face_quality = false}).faces) EXPECT_EQ(face.rotation, 0);
}

// Heads that other rotations than their own show with a higher score, and with eyes and mouth in wrong places.
TEST_F(DetailTest, AHighScoreOfAWrongRotationCostsNoMatch) {
  for (const auto& [name, side] : {std::pair{"astronaut.png", 300}, {"biden.jpg", 300}, {"obama2.jpg", 300}}) {
    const Image pixels = head(name, side);
    for (const int orientation : {1, 3}) {
      Image page = test::make_flat(1400, 1000, 3, 110);
      test::paste(test::turn_as_stored(pixels, orientation), 300, 100, page);
      float best = -1;
      const Analysis alone = analyze(test::load_photo(name), {.face_quality = false});
      const auto similarity = [&](const Face& face) {
        return cosine_similarity(face.embedding, alone.faces.at(0).embedding);
      };
      for (const int turned : {1, 3, 6, 8}) {
        for (const Face& face : analyze(test::turn_as_stored(page, turned), {.face_quality = false}).faces) {
          best = std::max(best, similarity(face));
        }
      }
      const Analysis found = analyze(page, {.face_quality = false, .rotations = true});
      ASSERT_EQ(found.faces.size(), 1U) << name;
      EXPECT_EQ(found.faces[0].rotation, orientation == 1 ? 0 : 180) << name;
      EXPECT_GE(similarity(found.faces[0]), best - 0.02F) << name;
    }
  }
}

}  // namespace
}  // namespace mien
