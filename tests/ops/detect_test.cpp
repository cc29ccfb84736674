#include "ops/detect.h"

#include <gtest/gtest.h>

#include <limits>

#include "support/fake_detector.h"
#include "support/photos.h"

namespace mien {
namespace {

using test::FakeDetector;
using test::FakeRun;
using test::make_candidate;

std::vector<Candidate> detect(const FakeDetector& fake, ImageView image, const DetectPass& pass) {
  DetectScratch scratch;
  std::vector<Candidate> faces;
  detect_pass(fake.detector, image, pass, scratch, faces);
  return faces;
}

TEST(Overlap, OfBoxes) {
  EXPECT_FLOAT_EQ(intersection_over_union({0, 0, 10, 10}, {0, 0, 10, 10}), 1.0F);
  EXPECT_FLOAT_EQ(intersection_over_union({0, 0, 10, 10}, {5, 0, 15, 10}), 50.0F / 150.0F);
  EXPECT_EQ(intersection_over_union({0, 0, 10, 10}, {10, 0, 20, 10}), 0.0F);
  EXPECT_EQ(intersection_over_union({0, 0, 10, 10}, {30, 30, 20, 20}), 0.0F);
  EXPECT_EQ(intersection_over_union({5, 5, 5, 5}, {5, 5, 5, 5}), 0.0F);
}

TEST(SuppressOverlaps, KeepsTheBetterOfTwo) {
  std::vector<Candidate> faces = {make_candidate({1, 0, 11, 10}, 0.6F), make_candidate({0, 0, 10, 10}, 0.9F),
                                  make_candidate({40, 40, 50, 50}, 0.7F)};
  suppress_overlaps(test::kFakeKind, faces);
  ASSERT_EQ(faces.size(), 2U);
  EXPECT_EQ(faces[0].score, 0.9F);
  EXPECT_EQ(faces[1].score, 0.7F);
}

// A face stays when it covers only a face that is itself covered.
TEST(SuppressOverlaps, ComparesWithKeptFacesOnly) {
  std::vector<Candidate> faces = {make_candidate({0, 0, 10, 10}, 0.9F), make_candidate({4, 0, 14, 10}, 0.8F),
                                  make_candidate({8, 0, 18, 10}, 0.7F)};
  suppress_overlaps(test::kFakeKind, faces);
  ASSERT_EQ(faces.size(), 2U);
  EXPECT_EQ(faces[1].score, 0.7F);
}

// 10 x 10 boxes moved by 4: 60 of 140 as lengths, 77 of 165 in InsightFace's pixels.
TEST(SuppressOverlaps, CountsPixelsWhenTheKindDoes) {
  const std::vector<Candidate> faces = {make_candidate({0, 0, 10, 10}, 0.9F), make_candidate({4, 0, 14, 10}, 0.8F)};
  DetectorKind kind = test::kFakeKind;
  kind.nms_threshold = 0.45F;  // 0.4286 and 0.4667 lie on both sides
  std::vector<Candidate> lengths = faces;
  suppress_overlaps(kind, lengths);
  EXPECT_EQ(lengths.size(), 2U);
  kind.nms_counts_pixels = true;
  std::vector<Candidate> pixels = faces;
  suppress_overlaps(kind, pixels);
  EXPECT_EQ(pixels.size(), 1U);
}

TEST(SuppressOverlaps, KeepsTheOrderOfEqualScores) {
  std::vector<Candidate> faces;
  for (int i = 0; i < 40; ++i) {
    const float x = static_cast<float>(20 * i);
    faces.push_back(make_candidate({x, 0, x + 10, 10}, i % 2 == 0 ? 0.5F : 0.75F));
  }
  suppress_overlaps(test::kFakeKind, faces);
  ASSERT_EQ(faces.size(), 40U);
  for (std::size_t i = 1; i < 40; ++i) {
    EXPECT_EQ(faces[i - 1].box.x1 < faces[i].box.x1, i != 20);
    EXPECT_GE(faces[i - 1].score, faces[i].score);
  }
}

TEST(DetectPass, FeedsTheScaledPart) {
  const FakeDetector fake = test::make_fake_detector([](const FakeRun&) { return std::vector<Candidate>{}; });
  const Image image = test::make_noise(100, 60, 3, 1);
  const DetectPass pass{20, 10, 64, 32, {64, 32, 96, 64}};
  detect(fake, image, pass);
  ASSERT_EQ(fake.session->runs.size(), 1U);
  const FakeRun& run = fake.session->runs.front();
  ASSERT_EQ(run.width, 96);
  ASSERT_EQ(run.height, 64);
  for (int y = 0; y < 64; ++y) {
    for (int x = 0; x < 96; ++x) {
      const bool inside = x < 64 && y < 32;
      const float expected = inside ? static_cast<float>(image.row(y + 10)[3 * (x + 20)]) : 0.0F;
      ASSERT_EQ(run.planes[static_cast<std::size_t>(y * 96 + x)], expected) << "x " << x << ", y " << y;
    }
  }
}

// A box around the scaled picture must be a box around the part of the image that it shows, though its sides are whole
// pixels: a panorama of 8000 x 510 becomes 640 x 40, and by the scale of 40 / 510 it would be 160 pixels wider.
TEST(DetectPass, MapsBoxesBackToTheImage) {
  const Image image = test::make_slope(900, 700);
  struct Part {
    int x, y, width, height, new_width, new_height;
  };
  for (const Part& part : {Part{0, 0, 900, 700, 640, 497},
                           {0, 0, 900, 700, 128, 99},
                           {300, 0, 600, 700, 548, 640},
                           {0, 400, 150, 300, 320, 640},
                           {899, 699, 1, 1, 32, 32},
                           {0, 0, 900, 57, 640, 40},
                           {10, 20, 640, 480, 640, 480}}) {
    const float width = static_cast<float>(part.new_width);
    const float height = static_cast<float>(part.new_height);
    const FakeDetector fake = test::make_fake_detector([&](const FakeRun&) {
      Candidate whole = make_candidate({0, 0, width, height}, 0.9F);
      whole.landmarks.fill({width / 2, height / 2});
      return std::vector<Candidate>{whole};
    });
    const std::vector<Candidate> faces =
        detect(fake, image, {part.x, part.y, part.width, part.height, {part.new_width, part.new_height, 640, 640}});
    ASSERT_EQ(faces.size(), 1U);
    EXPECT_NEAR(faces[0].box.x1, part.x, 1e-3);
    EXPECT_NEAR(faces[0].box.y1, part.y, 1e-3);
    EXPECT_NEAR(faces[0].box.x2, part.x + part.width, 1e-3);
    EXPECT_NEAR(faces[0].box.y2, part.y + part.height, 1e-3);
    EXPECT_NEAR(faces[0].landmarks[2].x, static_cast<float>(part.x) + static_cast<float>(part.width) / 2, 1e-3);
    EXPECT_NEAR(faces[0].landmarks[2].y, static_cast<float>(part.y) + static_cast<float>(part.height) / 2, 1e-3);
  }
}

TEST(DetectPass, DropsWhatIsNoBox) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  constexpr float kInfinite = std::numeric_limits<float>::infinity();
  const FakeDetector fake = test::make_fake_detector([](const FakeRun&) {
    Candidate bad_landmark = make_candidate({0, 0, 10, 10}, 0.9F);
    bad_landmark.landmarks[4].y = kNan;
    return std::vector<Candidate>{bad_landmark,
                                  make_candidate({0, 0, kInfinite, 10}, 0.9F),
                                  make_candidate({0, kNan, 10, 10}, 0.9F),
                                  make_candidate({5, 0, 5, 10}, 0.9F),
                                  make_candidate({9, 9, 4, 20}, 0.9F),
                                  make_candidate({20, 20, 30, 30}, 0.6F)};
  });
  const std::vector<Candidate> faces = detect(fake, test::make_slope(64, 64), {0, 0, 64, 64, {64, 64, 64, 64}});
  ASSERT_EQ(faces.size(), 1U);
  EXPECT_EQ(faces[0].score, 0.6F);
}

TEST(DetectPass, AppendsAndSortsItsOwnFaces) {
  const FakeDetector fake = test::make_fake_detector([](const FakeRun&) {
    return std::vector<Candidate>{make_candidate({0, 0, 10, 10}, 0.6F), make_candidate({30, 0, 40, 10}, 0.8F),
                                  make_candidate({31, 0, 41, 10}, 0.7F)};
  });
  DetectScratch scratch;
  std::vector<Candidate> faces = {make_candidate({0, 0, 10, 10}, 0.1F)};
  detect_pass(fake.detector, test::make_slope(64, 64), {0, 0, 64, 64, {64, 64, 64, 64}}, scratch, faces);
  ASSERT_EQ(faces.size(), 3U);
  EXPECT_EQ(faces[0].score, 0.1F);
  EXPECT_EQ(faces[1].score, 0.8F);
  EXPECT_EQ(faces[2].score, 0.6F);
}

}  // namespace
}  // namespace mien
