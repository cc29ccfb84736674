#include "pipeline/looks.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "support/fake_detector.h"
#include "support/photos.h"

namespace mien {
namespace {

using test::FakeDetector;
using test::FakeRun;
using test::make_candidate;

std::vector<Candidate> find_nothing(const FakeRun& /*run*/) { return {}; }

DetectPlan plan(Precision precision, int width, int height) {
  return plan_detection(test::make_fake_detector(find_nothing).detector, precision, width, height);
}

void expect_size(const LetterboxSize& size, int width, int height, int canvas_width, int canvas_height) {
  EXPECT_EQ(size.width, width);
  EXPECT_EQ(size.height, height);
  EXPECT_EQ(size.canvas_width, canvas_width);
  EXPECT_EQ(size.canvas_height, canvas_height);
}

TEST(Plan, ExactIsOneSquareRoundedAsInsightFaceDoes) {
  const DetectPlan wide = plan(Precision::exact, 1000, 333);
  ASSERT_EQ(wide.passes.size(), 1U);
  EXPECT_FALSE(wide.small_pass);
  expect_size(wide.passes[0].size, 640, 213, 640, 640);                               // 213.12
  expect_size(plan(Precision::exact, 910, 1137).passes[0].size, 512, 640, 640, 640);  // 512.2
  expect_size(plan(Precision::exact, 100, 50).passes[0].size, 640, 320, 640, 640);    // enlarged
  expect_size(plan(Precision::exact, 20000, 3).passes[0].size, 640, 1, 640, 640);
  expect_size(plan(Precision::exact, 1, 1).passes[0].size, 640, 640, 640, 640);
}

TEST(Plan, ExactTakesTheSizesAskedForAndLeavesOverlapsToTheMerge) {
  FakeDetector fake = test::make_fake_detector(find_nothing);
  fake.detector.exact_sizes = {{128, 128}, {640, 320}};
  const DetectPlan two = plan_detection(fake.detector, Precision::exact, 1000, 500);
  ASSERT_EQ(two.passes.size(), 2U);
  EXPECT_TRUE(two.is_merged && two.passes[0].keeps_overlaps && two.passes[1].keeps_overlaps);
  expect_size(two.passes[0].size, 128, 64, 128, 128);
  expect_size(two.passes[1].size, 640, 320, 640, 320);
  EXPECT_EQ(plan_detection(fake.detector, Precision::standard, 1000, 500).passes.size(), 1U);
  fake.detector.exact_sizes = {{320, 320}};
  const DetectPlan one = plan_detection(fake.detector, Precision::exact, 1000, 500);
  ASSERT_EQ(one.passes.size(), 1U);
  EXPECT_FALSE(one.is_merged || one.passes[0].keeps_overlaps);
  // A model of one size has no choice.
  fake.detector.fixed_width = 640;
  fake.detector.fixed_height = 640;
  expect_size(plan_detection(fake.detector, Precision::exact, 1000, 500).passes[0].size, 640, 320, 640, 640);
}

TEST(Plan, DefaultIsARectangle) {
  const DetectPlan wide = plan(Precision::standard, 1000, 500);
  ASSERT_EQ(wide.passes.size(), 1U);
  expect_size(wide.passes[0].size, 640, 320, 640, 320);
  ASSERT_TRUE(wide.small_pass);
  expect_size(wide.small_pass->size, 128, 64, 128, 64);
  expect_size(plan(Precision::standard, 910, 1137).passes[0].size, 512, 640, 512, 640);
  expect_size(plan(Precision::standard, 1000, 510).passes[0].size, 640, 326, 640, 352);
}

TEST(Plan, DefaultLeavesSmallImagesTheirSizeWithinLimits) {
  expect_size(plan(Precision::standard, 400, 300).passes[0].size, 400, 300, 416, 320);
  expect_size(plan(Precision::standard, 100, 80).passes[0].size, 320, 256, 320, 256);
  expect_size(plan(Precision::standard, 640, 640).passes[0].size, 640, 640, 640, 640);
}

TEST(Plan, AModelOfOneSizeGetsItsSize) {
  FakeDetector fake = test::make_fake_detector(find_nothing);
  fake.detector.fixed_width = 320;
  fake.detector.fixed_height = 240;
  for (const Precision precision : {Precision::exact, Precision::standard}) {
    const DetectPlan fixed = plan_detection(fake.detector, precision, 8000, 1600);
    ASSERT_EQ(fixed.passes.size(), 1U);
    EXPECT_FALSE(fixed.small_pass);
    expect_size(fixed.passes[0].size, 320, 64, 320, 240);
  }
}

// Every square of the short side's half fits into one tile: a face cut by one tile is whole in another.
TEST(Plan, PanoramasAreCutIntoOverlappingTiles) {
  EXPECT_FALSE(plan(Precision::standard, 2500, 1000).is_merged);
  struct Size {
    int width, height;
  };
  for (const Size& size : {Size{2501, 1000}, {8000, 1600}, {1600, 8000}, {3000, 999}, {20000, 2000}}) {
    SCOPED_TRACE(std::to_string(size.width) + " x " + std::to_string(size.height));
    const DetectPlan tiled = plan(Precision::standard, size.width, size.height);
    ASSERT_TRUE(tiled.is_merged);
    EXPECT_EQ(tiled.passes[0].width, size.width);
    EXPECT_EQ(tiled.passes[0].height, size.height);
    const bool is_wide = size.width > size.height;
    const int side = std::min(size.width, size.height);
    int end = 0;
    for (std::size_t i = 1; i < tiled.passes.size(); ++i) {
      const DetectPass& tile = tiled.passes[i];
      const int at = is_wide ? tile.x : tile.y;
      EXPECT_EQ(is_wide ? tile.y : tile.x, 0);
      EXPECT_EQ(tile.width, side);
      EXPECT_EQ(tile.height, side);
      EXPECT_LE(at, i == 1 ? 0 : end - side / 5 + 1) << "tile " << i;
      end = at + side;
    }
    EXPECT_EQ(end, std::max(size.width, size.height));
  }
  EXPECT_EQ(plan(Precision::standard, 8000, 1600).passes.size(), 1U + 6U);
}

// A strip of a few pixels must not cost thousands of runs: the work is bounded by the picture's area.
TEST(Plan, ThinStripsAreBounded) {
  struct Size {
    int width, height;
  };
  for (const Size& size : {Size{65000, 1}, {1, 65000}, {20000, 3}, {5000, 40}, {1000, 100}, {321, 1}, {30, 2}}) {
    SCOPED_TRACE(std::to_string(size.width) + " x " + std::to_string(size.height));
    const DetectPlan strip = plan(Precision::standard, size.width, size.height);
    const int long_side = std::max(size.width, size.height);
    EXPECT_LE(static_cast<int>(strip.passes.size()), 2 + long_side / 250);
    for (const DetectPass& pass : strip.passes) {
      EXPECT_GE(pass.x, 0);
      EXPECT_GE(pass.y, 0);
      EXPECT_LE(pass.x + pass.width, size.width);
      EXPECT_LE(pass.y + pass.height, size.height);
      EXPECT_GE(pass.width, 1);
      EXPECT_GE(pass.height, 1);
      EXPECT_LE(pass.size.canvas_width, 640);
      EXPECT_LE(pass.size.canvas_height, 640);
    }
  }
}

std::vector<DetectedFace> detect(const FakeDetector& fake, int width, int height) {
  const Image image = test::make_slope(width, height);
  DetectScratch scratch;
  return detect_faces(fake.detector, {}, image, scratch);
}

bool is_small_look(const FakeRun& run) { return std::max(run.width, run.height) == 128; }

TEST(Passes, ALargeFaceSparesTheSmallLook) {
  const FakeDetector large = test::make_fake_detector([](const FakeRun&) {
    return std::vector<Candidate>{make_candidate({100, 100, 370, 400}, 0.9F)};
  });
  const std::vector<DetectedFace> filling = detect(large, 640, 480);
  ASSERT_EQ(filling.size(), 1U);
  EXPECT_EQ(large.session->runs.size(), 1U);
  EXPECT_EQ(filling[0].scale, 1.0F);
  const FakeDetector small = test::make_fake_detector([](const FakeRun&) {
    return std::vector<Candidate>{make_candidate({10, 10, 40, 50}, 0.9F)};
  });
  const std::vector<DetectedFace> little = detect(small, 1280, 960);
  ASSERT_EQ(little.size(), 1U);
  EXPECT_EQ(small.session->runs.size(), 2U);
  EXPECT_EQ(little[0].scale, 0.5F);
}

TEST(Passes, TheSmallLookAddsOnlyLargeAndUnknownFaces) {
  const FakeDetector fake = test::make_fake_detector([](const FakeRun& run) {
    if (!is_small_look(run)) {
      return std::vector<Candidate>{make_candidate({0, 0, 240, 240}, 0.6F), make_candidate({400, 400, 440, 440}, 0.8F)};
    }
    // In 128 pixels for 640: known at 0..270, new at 300..620, and too small.
    return std::vector<Candidate>{make_candidate({0, 0, 54, 54}, 0.95F), make_candidate({60, 60, 124, 124}, 0.7F),
                                  make_candidate({70, 0, 118, 40}, 0.99F)};
  });
  const std::vector<DetectedFace> faces = detect(fake, 640, 640);
  ASSERT_EQ(faces.size(), 3U);
  EXPECT_EQ(faces[0].score, 0.8F);
  EXPECT_EQ(faces[1].score, 0.7F);
  EXPECT_FLOAT_EQ(faces[1].box.x1, 300);
  EXPECT_FLOAT_EQ(faces[1].box.x2, 620);
  EXPECT_EQ(faces[2].score, 0.6F);
}

// A face of 60 pixels at 1580..1640 of an 8000 x 1600 picture: the first tile ends at 1600 and cuts it, the second
// begins at 1280 and sees it whole. Nothing else sees it.
TEST(Passes, FacesCutByATileComeFromItsNeighbour) {
  int tile = 0;
  const FakeDetector fake = test::make_fake_detector([&](const FakeRun& run) -> std::vector<Candidate> {
    if (run.width != run.height) return {};  // the whole picture
    ++tile;
    if (tile == 1) return {make_candidate({632, 200, 640, 224}, 0.99F)};
    if (tile == 2) return {make_candidate({120, 200, 144, 224}, 0.8F)};
    return {};
  });
  const std::vector<DetectedFace> faces = detect(fake, 8000, 1600);
  EXPECT_EQ(tile, 6);
  ASSERT_EQ(faces.size(), 1U);
  EXPECT_FLOAT_EQ(faces[0].box.x1, 1580);
  EXPECT_FLOAT_EQ(faces[0].box.x2, 1640);
  EXPECT_FLOAT_EQ(faces[0].box.y1, 500);
}

TEST(Passes, FacesSeenByTwoTilesCountOnce) {
  int tile = 0;
  const FakeDetector fake = test::make_fake_detector([&](const FakeRun& run) -> std::vector<Candidate> {
    if (run.width != run.height) return {};
    ++tile;
    if (tile == 1) return {make_candidate({560, 200, 584, 224}, 0.7F)};  // at 1400
    if (tile == 2) return {make_candidate({48, 200, 72, 224}, 0.8F)};    // at 1280 + 120
    return {};
  });
  const std::vector<DetectedFace> faces = detect(fake, 8000, 1600);
  ASSERT_EQ(faces.size(), 1U);
  EXPECT_EQ(faces[0].score, 0.8F);
}

// The first tile ends at 1600 and shows half a face, whose box ends five pixels before that: no edge cuts it, and it
// shares little of the union with the whole face, which the second tile shows.
TEST(Passes, HalfAFaceBesideTheEdgeOfATileIsNone) {
  for (const float half_score : {0.6F, 0.9F}) {
    int tile = 0;
    const FakeDetector fake = test::make_fake_detector([&](const FakeRun& run) -> std::vector<Candidate> {
      if (run.width != run.height) return {};
      ++tile;
      if (tile == 1) return {make_candidate({608, 200, 638, 232}, half_score)};  // at 1520 to 1595
      if (tile == 2) return {make_candidate({96, 190, 160, 254}, 0.8F)};         // at 1520 to 1680
      return {};
    });
    const std::vector<DetectedFace> faces = detect(fake, 8000, 1600);
    ASSERT_EQ(faces.size(), 1U);
    EXPECT_EQ(faces[0].score, 0.8F);
  }
}

// What only one tile shows stays, however near its edge it is.
TEST(Passes, AFaceBesideTheEdgeOfATileStaysWhereNobodySeesMoreOfIt) {
  int tile = 0;
  const FakeDetector fake = test::make_fake_detector([&](const FakeRun& run) -> std::vector<Candidate> {
    if (run.width != run.height) return {};
    return ++tile == 1 ? std::vector{make_candidate({608, 200, 638, 232}, 0.6F)} : std::vector<Candidate>();
  });
  EXPECT_EQ(detect(fake, 8000, 1600).size(), 1U);
}

// A strip of 8000 x 510 is looked at in 640 x 40 pixels: by one scale for both directions faces would lie 2 % too far
// to the right, and count twice.
TEST(Passes, FacesOfTheWholeStripAreThoseOfItsTiles) {
  int run_of_tile = 0;
  const FakeDetector fake = test::make_fake_detector([&](const FakeRun& run) -> std::vector<Candidate> {
    if (run.height == 64) return {make_candidate({576, 7.84F, 595.2F, 26.67F}, 0.7F)};
    if (run.width != 512 || run.height != 512) return {};
    return ++run_of_tile == 19 ? std::vector{make_candidate({105, 100, 345, 340}, 0.8F)} : std::vector<Candidate>();
  });
  const std::vector<DetectedFace> faces = detect(fake, 8000, 510);
  EXPECT_EQ(run_of_tile, 20);
  ASSERT_EQ(faces.size(), 1U);
  EXPECT_FLOAT_EQ(faces[0].box.x1, 7200);
  EXPECT_TRUE(plan(Precision::standard, 3000, 2000).passes[0].has_one_scale) << "as InsightFace";
}

// The outer edges of the picture cut nothing that another tile could see.
TEST(Passes, FacesAtTheEdgeOfThePictureStay) {
  int tile = 0;
  const FakeDetector fake = test::make_fake_detector([&](const FakeRun& run) -> std::vector<Candidate> {
    if (run.width != run.height) return {};
    ++tile;
    if (tile == 1) return {make_candidate({0, 0, 24, 24}, 0.7F)};
    if (tile == 6) return {make_candidate({616, 616, 640, 640}, 0.8F)};
    return {};
  });
  EXPECT_EQ(detect(fake, 8000, 1600).size(), 2U);
}

}  // namespace
}  // namespace mien
