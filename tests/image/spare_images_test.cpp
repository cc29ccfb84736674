#include "image/spare_images.h"

#include <gtest/gtest.h>

#include <utility>

#include "mien/image.h"

namespace mien {
namespace {

constexpr std::size_t kMany = 100;

TEST(SpareImages, GiveWhatTheyHoldAndNotWhatWasLastInIt) {
  SpareImages spares;
  Image large(1000, 1000, 3);
  const std::uint8_t* const memory = large.data();
  spares.give(std::move(large), kMany);
  Image smaller;
  {
    const SpareImages::Use use(spares);
    smaller.reset(600, 600, 3);
  }
  EXPECT_EQ(smaller.data(), memory);
  spares.give(std::move(smaller), kMany);
  const SpareImages::Use use(spares);
  EXPECT_EQ(Image(1000, 1000, 3).data(), memory) << "there is still room for the first";
}

TEST(SpareImages, TheSmallestThatFits) {
  SpareImages spares;
  Image large(800, 800, 3), fitting(700, 700, 3), small(500, 500, 3);
  const std::uint8_t* const memory = fitting.data();
  for (Image* const image : {&large, &fitting, &small}) spares.give(std::move(*image), kMany);
  EXPECT_EQ(spares.take(std::size_t{690} * 690 * 3).data(), memory);
}

// A thumbnail that sat in the memory of a photo would keep it from photos.
TEST(SpareImages, NoneThatIsMuchLarger) {
  SpareImages spares;
  spares.give(Image(4000, 3000, 3), kMany);
  EXPECT_EQ(spares.take(std::size_t{400} * 300 * 3).capacity_bytes(), 0);
  EXPECT_EQ(spares.take(std::size_t{4000} * 3000 * 3).capacity_bytes(), std::size_t{4000} * 3000 * 3);
}

TEST(SpareImages, TheOldestGoWhereThereAreTooMany) {
  SpareImages spares;
  for (const int side : {100, 200, 300}) spares.give(Image(side, side, 3), 2);
  EXPECT_EQ(spares.take(100 * 100 * 3).capacity_bytes(), std::size_t{200} * 200 * 3);
  EXPECT_EQ(spares.take(std::size_t{300} * 300 * 3).capacity_bytes(), std::size_t{300} * 300 * 3);
  EXPECT_EQ(spares.take(1).capacity_bytes(), 0);
}

TEST(SpareImages, LetGoOfAllButTheNewest) {
  SpareImages spares;
  for (const int side : {100, 200, 300}) spares.give(Image(side, side, 3), kMany);
  spares.keep(1);
  EXPECT_EQ(spares.take(100 * 100 * 3).capacity_bytes(), 0);
  EXPECT_EQ(spares.take(std::size_t{300} * 300 * 3).capacity_bytes(), std::size_t{300} * 300 * 3);
}

TEST(SpareImages, AreForTheThreadAndTheTimeThatUseThem) {
  SpareImages spares;
  spares.give(Image(100, 100, 3), kMany);
  EXPECT_NE(Image(100, 100, 3).data(), nullptr);
  EXPECT_EQ(spares.take(100 * 100 * 3).capacity_bytes(), std::size_t{100} * 100 * 3) << "nobody had said so";
}

}  // namespace
}  // namespace mien
