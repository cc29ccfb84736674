#include "pipeline/merge.h"

#include <gtest/gtest.h>

#include "support/fake_detector.h"

namespace mien {
namespace {

using test::make_candidate;

Sighting seen(const Box& box, float score, float scale, std::size_t pass, EdgePlace place = EdgePlace::whole) {
  return {{make_candidate(box, score), scale, 0}, place, pass};
}

constexpr DetectPass kTile{100, 0, 200, 200, {200, 200, 320, 320}, false, false, 0};

TEST(Merge, InnerEdgesCutAndOuterEdgesDoNot) {
  const PixelSize view{1000, 200};
  const auto place = [&](const Box& box) { return edge_place(make_candidate(box, 0.9F), kTile, view); };
  EXPECT_EQ(place({150, 50, 190, 90}), EdgePlace::whole);
  EXPECT_EQ(place({101, 50, 140, 90}), EdgePlace::cut);
  EXPECT_EQ(place({260, 50, 299, 90}), EdgePlace::cut);
  EXPECT_EQ(place({255, 50, 295, 90}), EdgePlace::near);
  EXPECT_EQ(place({150, 0, 190, 40}), EdgePlace::whole) << "the picture ends there";
  EXPECT_EQ(place({150, 160, 190, 200}), EdgePlace::whole);
}

TEST(Merge, APieceIsDroppedWhereAnotherPassSeesTheWholeFace) {
  const Sighting whole = seen({100, 100, 200, 200}, 0.7F, 1, 1);
  const Sighting piece = seen({100, 100, 150, 190}, 0.9F, 1, 0, EdgePlace::near);
  const auto left = [](std::vector<Sighting> all) {
    drop_pieces(all, 0.5F);
    return all.size();
  };
  EXPECT_EQ(left({piece, whole}), 1U);
  EXPECT_EQ(left({piece}), 1U);
  Sighting same_pass = whole;
  same_pass.pass = 0;
  EXPECT_EQ(left({piece, same_pass}), 2U) << "one pass has told them apart";
  Sighting peak = whole;
  peak.score = 0.4F;
  EXPECT_EQ(left({piece, peak}), 2U) << "no face";
  Sighting cut = piece;
  cut.place = EdgePlace::cut;
  EXPECT_EQ(left({cut}), 0U);
}

TEST(Merge, WithoutACloserLookNothingChanges) {
  const std::vector<Candidate> first{make_candidate({0, 0, 10, 10}, 0.8F), make_candidate({3, 3, 13, 13}, 0.7F)};
  const std::vector<DetectedFace> faces = merge_looks(first, 0.5F, {});
  ASSERT_EQ(faces.size(), 2U);
  EXPECT_EQ(faces[0].score, 0.8F);
  EXPECT_EQ(faces[0].scale, 0.5F);
  EXPECT_EQ(faces[1].box.x1, 3);
}

TEST(Merge, AFaceOfThirtyTwoCanvasPixelsKeepsItsNumbersAndASmallerOneTakesTheCloserLooks) {
  const std::vector<Candidate> first{make_candidate({0, 0, 320, 320}, 0.6F), make_candidate({500, 0, 600, 110}, 0.7F),
                                     make_candidate({800, 0, 900, 110}, 0.55F)};
  const std::vector<DetectedFace> faces =
      merge_looks(first, 0.1F,
                  {seen({5, 5, 325, 325}, 0.9F, 0.2F, 0), seen({505, 0, 605, 112}, 0.65F, 0.2F, 0),
                   seen({1200, 0, 1300, 110}, 0.8F, 0.2F, 0), seen({60, 60, 120, 120}, 0.9F, 0.2F, 0)});
  ASSERT_EQ(faces.size(), 4U) << "the last is a part of the first";
  EXPECT_EQ(faces[0].box.x1, 1200);
  EXPECT_EQ(faces[1].box.x1, 505);
  EXPECT_EQ(faces[1].scale, 0.2F);
  EXPECT_EQ(faces[2].box.x1, 0);
  EXPECT_EQ(faces[2].score, 0.6F);
  EXPECT_EQ(faces[2].scale, 0.1F);
  EXPECT_EQ(faces[3].score, 0.55F) << "no closer look saw it";
}

TEST(Merge, TheLookWithMorePixelsDecides) {
  const std::vector<DetectedFace> faces =
      merge_looks({}, 0.1F, {seen({0, 0, 100, 100}, 0.9F, 0.2F, 0), seen({2, 2, 102, 102}, 0.7F, 0.4F, 1)});
  ASSERT_EQ(faces.size(), 1U);
  EXPECT_EQ(faces[0].scale, 0.4F);
  // From 64 canvas pixels on the score decides.
  const std::vector<DetectedFace> large =
      merge_looks({}, 0.1F, {seen({0, 0, 400, 400}, 0.9F, 0.2F, 0), seen({2, 2, 402, 402}, 0.7F, 0.4F, 1)});
  ASSERT_EQ(large.size(), 1U);
  EXPECT_EQ(large[0].scale, 0.2F);
}

DetectedFace face_at(const Box& box, float score) { return {make_candidate(box, score), 1, 0}; }

// An album page of 1000 x 400: what each of its four views shows.
TEST(Merge, EachFaceHasItsOwnRotation) {
  const PixelSize page{1000, 400};
  // One stands upright at 100..200, one upside down at 400..500, one lies on its left ear at 700..800.
  std::vector<std::vector<DetectedFace>> views(4);
  views[0] = {face_at({100, 100, 200, 220}, 0.9F), face_at({402, 100, 502, 220}, 0.6F)};
  views[1] = {face_at({180, 700, 300, 800}, 0.85F)};  // (x, y) is shown at (400 - y, x)
  views[2] = {face_at({500, 180, 600, 300}, 0.8F), face_at({800, 180, 900, 300}, 0.55F)};
  const std::vector<DetectedFace> faces = merge_rotations(views, page);
  ASSERT_EQ(faces.size(), 3U);
  EXPECT_EQ(faces[0].rotation, 0);
  EXPECT_EQ(faces[0].box.x1, 100);
  EXPECT_EQ(faces[1].rotation, 270) << "a quarter clockwise made it upright: it leaned by a quarter the other way";
  EXPECT_EQ(faces[1].box.x1, 700);
  EXPECT_EQ(faces[1].box.y1, 100);
  EXPECT_EQ(faces[2].rotation, 180);
  EXPECT_EQ(faces[2].box.x1, 400);
  EXPECT_EQ(faces[2].score, 0.8F);
}

TEST(Merge, UprightWinsInDoubt) {
  std::vector<std::vector<DetectedFace>> views(4);
  views[0] = {face_at({100, 100, 200, 200}, 0.7F)};
  views[2] = {face_at({800, 200, 900, 300}, 0.7F)};
  const std::vector<DetectedFace> faces = merge_rotations(views, {1000, 400});
  ASSERT_EQ(faces.size(), 1U);
  EXPECT_EQ(faces[0].rotation, 0);
}

// What centerface saw of one head on a page of 1600 x 1200 that lies on its side: rotated upright, and upside down with
// a higher score, eyes where the mouth is.
TEST(Merge, LandmarksWithTheShapeOfAFaceBeatAHigherScore) {
  DetectedFace right = face_at({934.2F, 851, 1070.3F, 1037.3F}, 0.88F);
  right.landmarks = {{{968.7F, 917.5F}, {1034.4F, 912.6F}, {1006.4F, 950.9F}, {977.7F, 985.8F}, {1032.5F, 982.0F}}};
  DetectedFace wrong = face_at({127.4F, 578.5F, 283.2F, 751.2F}, 0.922F);
  wrong.landmarks = {{{213.7F, 690.1F}, {187.4F, 693.2F}, {200.0F, 634.0F}, {218.2F, 579.9F}, {197.0F, 583.9F}}};
  std::vector<std::vector<DetectedFace>> views(4);
  views[1] = {right};
  views[3] = {wrong, face_at({900, 100, 960, 180}, 0.7F)};
  const std::vector<DetectedFace> faces = merge_rotations(views, {1600, 1200});
  ASSERT_EQ(faces.size(), 2U);
  EXPECT_EQ(faces[0].score, 0.88F);
  EXPECT_EQ(faces[0].rotation, 270);
  EXPECT_EQ(faces[1].score, 0.7F) << "by falling score";
}

}  // namespace
}  // namespace mien
