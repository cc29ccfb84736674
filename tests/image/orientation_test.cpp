#include "image/orientation.h"

#include <gtest/gtest.h>

#include "image/image_files.h"

namespace mien {
namespace {

Image numbered(int width, int height, int channels) {
  Image image(width, height, channels);
  for (std::size_t i = 0; i < image.size_bytes(); ++i) {
    image.data()[i] = static_cast<std::uint8_t>(i * 7 + i / 251);
  }
  return image;
}

// Where the upright pixel (x, y) is stored, one case at a time as the EXIF standard's table has it.
std::pair<int, int> stored_position(int orientation, int x, int y, int width, int height) {
  switch (orientation) {
    case 2: return {width - 1 - x, y};
    case 3: return {width - 1 - x, height - 1 - y};
    case 4: return {x, height - 1 - y};
    case 5: return {y, x};
    case 6: return {y, height - 1 - x};
    case 7: return {width - 1 - y, height - 1 - x};
    case 8: return {width - 1 - y, x};
    default: return {x, y};
  }
}

void expect_turned(ImageView stored, int orientation, const Image& upright) {
  const bool swaps = orientation_swaps_sides(orientation);
  ASSERT_EQ(upright.width(), swaps ? stored.height : stored.width);
  ASSERT_EQ(upright.height(), swaps ? stored.width : stored.height);
  ASSERT_EQ(upright.channels(), stored.channels);
  for (int y = 0; y < upright.height(); ++y) {
    for (int x = 0; x < upright.width(); ++x) {
      const auto [column, row] = stored_position(orientation, x, y, stored.width, stored.height);
      for (int c = 0; c < stored.channels; ++c) {
        ASSERT_EQ(upright.row(y)[x * stored.channels + c], stored.row(row)[column * stored.channels + c])
            << "orientation " << orientation << " at " << x << ", " << y;
      }
    }
  }
}

TEST(Orientation, EveryPixelGoesWhereTheStandardSays) {
  Image upright;
  for (const auto& [width, height] : {std::pair{1, 1}, {1, 70}, {70, 1}, {31, 33}, {64, 32}, {65, 97}}) {
    for (const int channels : {1, 3}) {
      const Image stored = numbered(width, height, channels);
      for (int orientation = 1; orientation <= 8; ++orientation) {
        apply_orientation(stored, orientation, upright);
        expect_turned(stored, orientation, upright);
      }
    }
  }
}

TEST(Orientation, TakesAPartOfAnImage) {
  const Image whole = numbered(80, 60, 3);
  // Up to the last column and row, behind which no byte may be read.
  const ImageView part = whole.view().crop(13, 11, 67, 49);
  Image upright;
  for (int orientation = 1; orientation <= 8; ++orientation) {
    apply_orientation(part, orientation, upright);
    expect_turned(part, orientation, upright);
  }
}

TEST(Orientation, DecodedFilesStandAsPillowTurnsThem) {
  DecodedImage image;
  Image upright;
  int compared = 0;
  for (const nlohmann::json& golden : test::read_goldens("images")) {
    if (!golden.contains("upright_sha256")) continue;
    const std::string name = golden.at("name");
    ASSERT_TRUE(decode_image(test::read_image(name), {}, image)) << name;
    apply_orientation(image.pixels, image.orientation, upright);
    EXPECT_EQ(test::pixel_sha256(upright), golden.at("upright_sha256").get<std::string>()) << name;
    ++compared;
  }
  EXPECT_GE(compared, 11);
}

}  // namespace
}  // namespace mien
