#include "pipeline/tiles.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <random>

#include "support/fake_detector.h"

namespace mien {
namespace {

using test::FakeDetector;
using test::FakeRun;

constexpr std::int64_t kNoLimit = std::numeric_limits<std::int64_t>::max();

FakeDetector blind_detector() {
  return test::make_fake_detector([](const FakeRun&) { return std::vector<Candidate>(); });
}

bool is_planned_canvas(const LetterboxSize& size) {
  return std::any_of(std::begin(kTileCanvases), std::end(kTileCanvases), [&](const PixelSize& canvas) {
    return size.canvas_width == canvas.width && size.canvas_height == canvas.height;
  });
}

void expect_within(const DetectPass& tile, PixelSize view) {
  EXPECT_GE(tile.x, 0);
  EXPECT_GE(tile.y, 0);
  EXPECT_GE(tile.width, 1);
  EXPECT_GE(tile.height, 1);
  EXPECT_LE(tile.x + tile.width, view.width);
  EXPECT_LE(tile.y + tile.height, view.height);
  EXPECT_LE(tile.size.width, tile.size.canvas_width);
  EXPECT_LE(tile.size.height, tile.size.canvas_height);
  EXPECT_TRUE(is_planned_canvas(tile.size)) << tile.size.canvas_width << "x" << tile.size.canvas_height;
}

bool holds(const DetectPass& tile, const Box& box) {
  return static_cast<float>(tile.x) <= box.x1 && static_cast<float>(tile.y) <= box.y1 &&
         static_cast<float>(tile.x + tile.width) >= box.x2 && static_cast<float>(tile.y + tile.height) >= box.y2;
}

float first_scale(PixelSize view) {
  return std::min(1.0F, 640.0F / static_cast<float>(std::max(view.width, view.height)));
}

TEST(Detail, ExactLooksOnce) {
  EXPECT_EQ(choose_detail(Precision::exact, Detail::automatic), Detail::off);
  EXPECT_EQ(choose_detail(Precision::exact, Detail::off), Detail::off);
  EXPECT_THROW((void)choose_detail(Precision::exact, Detail::full), Exception);
  EXPECT_EQ(choose_detail(Precision::standard, Detail::full), Detail::full);
  EXPECT_EQ(choose_detail(Precision::fast, Detail::automatic), Detail::automatic);
}

// What --help and docs/models.md state.
TEST(Tiles, AFullLookCostsAsManyTilesAsIsStated) {
  const FakeDetector fake = blind_detector();
  const auto count = [&](int width, int height) {
    std::vector<std::size_t> tiles;
    for (const float scale : full_scales(first_scale({width, height}), 1)) {
      tiles.push_back(cover_view(fake.detector, {width, height}, scale).size());
    }
    return tiles;
  };
  EXPECT_EQ(count(4000, 3000), (std::vector<std::size_t>{48}));
  EXPECT_EQ(count(6000, 4000), (std::vector<std::size_t>{96, 6}));
  EXPECT_EQ(count(8064, 6048), (std::vector<std::size_t>{192, 12}));
  EXPECT_EQ(count(11547, 8660), (std::vector<std::size_t>{391, 24}));
  EXPECT_TRUE(count(640, 480).empty()) << "the first look sees all of its pixels";
}

// Wherever a face of up to 128 canvas pixels lies, one tile shows all of it.
TEST(Tiles, AFullLookShowsEveryFaceWhole) {
  const FakeDetector fake = blind_detector();
  std::mt19937 random(17);
  for (const PixelSize view :
       {PixelSize{4000, 3000}, {3000, 4000}, {700, 500}, {1281, 961}, {9000, 641}, {650, 5000}}) {
    for (const float scale : full_scales(first_scale(view), 1)) {
      SCOPED_TRACE(std::to_string(view.width) + " x " + std::to_string(view.height) + " at " + std::to_string(scale));
      const std::vector<DetectPass> tiles = cover_view(fake.detector, view, scale);
      for (const DetectPass& tile : tiles) {
        expect_within(tile, view);
        EXPECT_NEAR(pass_scale(tile), scale, 0.01F * scale);
      }
      const float side = (kTileOverlap - 2) / scale;
      for (int i = 0; i < 200; ++i) {
        std::uniform_real_distribution<float> x(0, std::max(0.0F, static_cast<float>(view.width) - side));
        std::uniform_real_distribution<float> y(0, std::max(0.0F, static_cast<float>(view.height) - side));
        const float left = x(random), top = y(random);
        const Box face{left, top, std::min(left + side, static_cast<float>(view.width)),
                       std::min(top + side, static_cast<float>(view.height))};
        EXPECT_TRUE(std::any_of(tiles.begin(), tiles.end(), [&](const DetectPass& tile) { return holds(tile, face); }));
      }
    }
  }
}

TEST(Tiles, HintsAreLookedAtTwiceAndFourTimesAsLargeWithinTheSource) {
  EXPECT_EQ(closer_scales(0.16F, 1), (std::vector<float>{0.32F, 0.64F}));
  EXPECT_EQ(closer_scales(0.4F, 1), (std::vector<float>{0.8F}));  // four times would be 1, a quarter more than twice
  EXPECT_EQ(closer_scales(0.3F, 1), (std::vector<float>{0.6F, 1}));
  EXPECT_TRUE(closer_scales(0.9F, 1).empty());
  EXPECT_TRUE(closer_scales(1, 0.5F).empty()) << "an enlarged image has no more pixels";
}

TEST(Tiles, EveryHintLiesInATileWithWhatIsAroundIt) {
  const FakeDetector fake = blind_detector();
  std::mt19937 random(4);
  for (const PixelSize view : {PixelSize{4000, 3000}, {8064, 6048}, {1500, 1000}, {1000, 2400}}) {
    for (const float scale : closer_scales(first_scale(view), 1)) {
      for (const std::size_t count : {1U, 5U, 60U}) {
        std::vector<Hint> hints;
        for (std::size_t i = 0; i < count; ++i) {
          const float side = 40 / scale;
          std::uniform_real_distribution<float> x(0, static_cast<float>(view.width) - side);
          std::uniform_real_distribution<float> y(0, static_cast<float>(view.height) - side);
          const float left = x(random), top = y(random);
          hints.push_back({{left, top, left + side, top + side}});
        }
        const std::vector<DetectPass> tiles = cover_hints(fake.detector, view, scale, hints, kNoLimit);
        EXPECT_LE(tiles.size(), count);
        for (const DetectPass& tile : tiles) expect_within(tile, view);
        for (const auto& [box, promise] : hints) {
          const float margin = 38 / scale;
          const Box around{std::max(0.0F, box.x1 - margin), std::max(0.0F, box.y1 - margin),
                           std::min(static_cast<float>(view.width), box.x2 + margin),
                           std::min(static_cast<float>(view.height), box.y2 + margin)};
          EXPECT_TRUE(
              std::any_of(tiles.begin(), tiles.end(), [&](const DetectPass& tile) { return holds(tile, around); }));
        }
      }
    }
  }
}

TEST(Tiles, HintsTakeTheSmallestCanvasAndShareIt) {
  const FakeDetector fake = blind_detector();
  const auto look = [&](const std::vector<Hint>& hints) {
    return cover_hints(fake.detector, {4000, 3000}, 0.32F, hints, kNoLimit);
  };
  const std::vector<DetectPass> alone = look({{{2000, 1500, 2100, 1600}}});
  ASSERT_EQ(alone.size(), 1U);
  EXPECT_EQ(alone[0].size.canvas_width, 320);
  EXPECT_EQ(alone[0].width, 1000);
  EXPECT_EQ(alone[0].x, 1550);
  const std::vector<DetectPass> row =
      look({{{1500, 1500, 1600, 1600}}, {{2000, 1500, 2100, 1600}}, {{2500, 1500, 2600, 1600}}});
  ASSERT_EQ(row.size(), 1U);
  EXPECT_EQ(row[0].size.canvas_width, 640);
  EXPECT_EQ(row[0].size.canvas_height, 480);
  EXPECT_EQ(look({{{100, 100, 200, 200}}, {{3700, 2700, 3800, 2800}}}).size(), 2U);
  EXPECT_TRUE(look({}).empty());
}

// Hints all over the view: what may be spent goes to the places that promise most, near misses before faces.
TEST(Tiles, ALimitIsKeptAndSpentWhereMostIsPromised) {
  const FakeDetector fake = blind_detector();
  const PixelSize view{4000, 3000};
  std::vector<Hint> hints;
  for (int i = 0; i < 300; ++i) {
    const float x = static_cast<float>(i % 20) * 195, y = static_cast<float>(i / 20) * 195;
    hints.push_back({{x, y, x + 60, y + 60}, 0.02F});
  }
  hints.push_back({{3000, 2000, 3060, 2060}});
  std::int64_t before = 0;
  for (const std::int64_t limit : {0, 90'000, 110'000, 320'000, 614'400, 2'000'000}) {
    const std::vector<DetectPass> tiles = cover_hints(fake.detector, view, 0.32F, hints, limit);
    std::int64_t pixels = 0;
    for (const DetectPass& tile : tiles) {
      expect_within(tile, view);
      pixels += canvas_pixels(tile);
    }
    EXPECT_LE(pixels, limit);
    EXPECT_GE(pixels, before);
    before = pixels;
    EXPECT_EQ(limit >= 102'400, std::any_of(tiles.begin(), tiles.end(),
                                            [&](const DetectPass& tile) { return holds(tile, hints.back().box); }))
        << limit;
  }
  EXPECT_GE(before, 1'900'000);
}

TEST(Tiles, AModelOfOneSizeGetsItsSize) {
  FakeDetector fake = blind_detector();
  fake.detector.fixed_width = 320;
  fake.detector.fixed_height = 240;
  for (const DetectPass& tile : cover_view(fake.detector, {2000, 1000}, 1)) {
    EXPECT_EQ(tile.size.canvas_width, 320);
    EXPECT_EQ(tile.size.canvas_height, 240);
  }
  const Hint hint{{1000, 500, 1040, 540}};
  EXPECT_EQ(cover_hints(fake.detector, {2000, 1000}, 1, {&hint, 1}, kNoLimit)[0].size.canvas_height, 240);
}

}  // namespace
}  // namespace mien
