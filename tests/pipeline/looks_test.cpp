// The looks at a picture with a detector that takes bright squares for faces: from nine canvas pixels on it is sure of
// them, from six on it nearly is.
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

constexpr float kBright = 128;

std::vector<Candidate> find_squares(const FakeRun& run) {
  const auto at = [&](int x, int y) { return run.planes[static_cast<std::size_t>(y * run.width + x)] > kBright; };
  std::vector<Candidate> squares;
  for (int y = 0; y < run.height; ++y) {
    for (int x = 0; x < run.width; ++x) {
      if (!at(x, y) || (x > 0 && at(x - 1, y)) || (y > 0 && at(x, y - 1))) continue;
      int width = 0, height = 0;
      while (x + width < run.width && at(x + width, y)) ++width;
      while (y + height < run.height && at(x, y + height)) ++height;
      const int side = std::max(width, height);
      if (side < 6) continue;
      const float score = side < 9 ? 0.4F : std::min(0.95F, 0.5F + static_cast<float>(side) / 200);
      const float left = static_cast<float>(x), top = static_cast<float>(y);
      squares.push_back(
          make_candidate({left, top, left + static_cast<float>(width), top + static_cast<float>(height)}, score));
    }
  }
  return squares;
}

struct Square {
  int x, y, side;
};

Image picture_of(int width, int height, const std::vector<Square>& squares) {
  Image picture;
  picture.reset(width, height, 3);
  for (int y = 0; y < height; ++y) std::fill_n(picture.row(y), picture.stride(), std::uint8_t{20});
  for (const Square& square : squares) {
    for (int y = square.y; y < square.y + square.side; ++y) {
      std::fill_n(picture.row(y) + 3 * static_cast<std::ptrdiff_t>(square.x), 3 * square.side, std::uint8_t{250});
    }
  }
  return picture;
}

class LooksTest : public testing::Test {
 protected:
  std::vector<DetectedFace> look(const Image& picture, Detail detail, float scale_max = 1) {
    fake_.session->runs.clear();
    DetectScratch scratch;
    return detect_faces(fake_.detector, {Precision::standard, detail, scale_max}, picture, scratch);
  }
  std::size_t runs() const { return fake_.session->runs.size(); }

  FakeDetector fake_ = test::make_fake_detector(find_squares);
};

bool has(const std::vector<DetectedFace>& faces, const Square& square) {
  const float left = static_cast<float>(square.x), top = static_cast<float>(square.y);
  const float side = static_cast<float>(square.side);
  return 1 == std::count_if(faces.begin(), faces.end(), [&](const DetectedFace& face) {
           return intersection_over_union(face.box, {left, top, left + side, top + side}) > 0.6F;
         });
}

// 4000 x 3000, looked at in 640 x 480: 0.16 canvas pixels a pixel.
constexpr Square kFilling{100, 100, 1700};
constexpr Square kLarge{2000, 200, 400};     // 64 canvas pixels
constexpr Square kNearly{3000, 2000, 46};    // 7.4: a peak
constexpr Square kBesideIt{3200, 2050, 40};  // 6.4: a peak too
constexpr Square kAlone{700, 2400, 30};      // 4.8: nothing shows it

TEST_F(LooksTest, WhereNothingHintsAtSmallFacesOneLookIsMade) {
  const Image picture = picture_of(4000, 3000, {kFilling, kLarge, kAlone});
  const std::vector<DetectedFace> once = look(picture, Detail::off);
  EXPECT_EQ(runs(), 1U);
  const std::vector<DetectedFace> automatic = look(picture, Detail::automatic);
  EXPECT_EQ(runs(), 1U);
  ASSERT_EQ(automatic.size(), once.size());
  for (std::size_t i = 0; i < once.size(); ++i) {
    EXPECT_EQ(automatic[i].score, once[i].score);
    EXPECT_EQ(automatic[i].box.x1, once[i].box.x1);
    EXPECT_EQ(automatic[i].scale, once[i].scale);
  }
}

TEST_F(LooksTest, HintsAreLookedAtCloser) {
  const Image picture = picture_of(4000, 3000, {kFilling, kLarge, kNearly, kBesideIt, kAlone});
  EXPECT_EQ(look(picture, Detail::off).size(), 2U);
  const std::vector<DetectedFace> faces = look(picture, Detail::automatic);
  EXPECT_EQ(faces.size(), 4U);
  for (const Square& square : {kFilling, kLarge, kNearly, kBesideIt}) EXPECT_TRUE(has(faces, square)) << square.x;
  EXPECT_LE(runs(), 3U) << "one look, and a tile of each scale";
  for (std::size_t i = 1; i < fake_.session->runs.size(); ++i) EXPECT_EQ(fake_.session->runs[i].width, 320);
}

// A crowd that fills the picture: looking at all of it at twice the scale would cost four first looks.
TEST_F(LooksTest, HintsCostAtMostTwiceTheFirstLook) {
  std::vector<Square> squares;
  for (int i = 0; i < 400; ++i) squares.push_back({30 + 195 * (i % 20), 30 + 145 * (i / 20), i % 3 == 0 ? 46 : 80});
  const Image picture = picture_of(4000, 3000, squares);
  const std::size_t once = look(picture, Detail::off).size();
  const auto pixels = [&] {
    std::int64_t sum = 0;
    for (const FakeRun& run : fake_.session->runs) sum += static_cast<std::int64_t>(run.width) * run.height;
    return sum;
  };
  const std::int64_t first = pixels();
  const std::size_t closer = look(picture, Detail::automatic).size();
  EXPECT_LE(pixels(), 3 * first);
  EXPECT_GE(pixels(), 2 * first);
  EXPECT_GT(closer, once + 20) << "near misses are looked at first";
}

TEST_F(LooksTest, AFullLookSeesAllAndKeepsWhatWasLargeEnough) {
  const Image picture = picture_of(4000, 3000, {kFilling, kLarge, kNearly, kBesideIt, kAlone});
  const std::vector<DetectedFace> once = look(picture, Detail::off);
  const std::vector<DetectedFace> faces = look(picture, Detail::full);
  EXPECT_EQ(runs(), 1U + 48U);
  EXPECT_EQ(faces.size(), 5U);
  for (const Square& square : {kFilling, kLarge, kNearly, kBesideIt, kAlone}) EXPECT_TRUE(has(faces, square));
  for (const DetectedFace& face : once) {
    EXPECT_TRUE(std::any_of(faces.begin(), faces.end(), [&](const DetectedFace& other) {
      return other.score == face.score && other.box.x1 == face.box.x1 && other.box.y2 == face.box.y2 &&
             other.scale == face.scale;
    }));
  }
}

// Faces over all edges of tiles, of all sizes that a tile shows whole: each once.
TEST_F(LooksTest, AFullLookShowsNoFaceTwice) {
  std::vector<Square> squares;
  for (int row = 0; row < 10; ++row) {
    for (int column = 0; column < 14; ++column) {
      squares.push_back({40 + 280 * column, 50 + 290 * row, 24 + (7 * row + 13 * column) % 110});
    }
  }
  const std::vector<DetectedFace> faces = look(picture_of(4000, 3000, squares), Detail::full);
  EXPECT_EQ(faces.size(), squares.size());
  for (const Square& square : squares) EXPECT_TRUE(has(faces, square)) << square.x << "," << square.y;
}

TEST_F(LooksTest, AnEnlargedPictureIsNotEnlargedAgain) {
  (void)look(picture_of(1200, 900, {{600, 450, 14}}), Detail::full, 0.5F);
  const std::size_t enlarged = runs();
  (void)look(picture_of(1200, 900, {{600, 450, 14}}), Detail::full, 1);
  EXPECT_LT(enlarged, runs());
}

TEST_F(LooksTest, AStopEndsItBetweenTiles) {
  std::stop_source source;
  std::size_t count = 0;
  FakeDetector fake = test::make_fake_detector([&](const FakeRun&) {
    if (++count == 5) source.request_stop();
    return std::vector<Candidate>();
  });
  const Image picture = picture_of(4000, 3000, {});
  DetectScratch scratch;
  EXPECT_THROW(
      (void)detect_faces(fake.detector, {Precision::standard, Detail::full, 1}, picture, scratch, source.get_token()),
      Exception);
  EXPECT_EQ(count, 5U);
}

// A photo of 100 megapixels must not be handed out in one piece: a device would hold all of its tiles.
TEST_F(LooksTest, RoundsAreBounded) {
  const PixelSize size{11547, 8660};
  DetectRounds rounds(fake_.detector, {Precision::standard, Detail::full, 1}, {&size, 1});
  std::size_t passes = 0;
  while (!rounds.requests().empty()) {
    EXPECT_LE(rounds.requests().size(), 64U);
    if (!rounds.is_small_round()) passes += rounds.requests().size();
    rounds.take(std::vector<std::vector<Candidate>>(rounds.requests().size()));
  }
  EXPECT_EQ(passes, 1U + 391U + 24U);
  EXPECT_TRUE(rounds.faces().front().empty());
}

}  // namespace
}  // namespace mien
