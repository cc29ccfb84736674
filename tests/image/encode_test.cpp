#include "image/encode.h"

#include <gtest/gtest.h>

#include <cmath>

#include "image/image_files.h"

namespace mien {
namespace {

// Mean square difference, in levels.
double distance(ImageView a, ImageView b) {
  double sum = 0;
  for (int y = 0; y < a.height; ++y) {
    for (int x = 0; x < a.width * a.channels; ++x) {
      const double difference = double{1} * a.row(y)[x] - b.row(y)[x];
      sum += difference * difference;
    }
  }
  return std::sqrt(sum / (double{1} * a.height * a.width * a.channels));
}

// Horizontal and vertical sampling of the first component, as the frame header holds it.
int luma_sampling(const std::vector<std::uint8_t>& jpeg) { return jpeg.at(test::find_marker(jpeg, 0xC0) + 11); }

DecodedImage decode(const std::vector<std::uint8_t>& bytes) {
  DecodedImage image;
  const Result<Done> result = decode_image(bytes, {}, image);
  EXPECT_TRUE(result) << result.error().message;
  EXPECT_TRUE(image.warnings.empty());
  return image;
}

TEST(Encode, PixelsSurvive) {
  const DecodedImage photo = decode(test::read_image("jpeg_444.jpg"));
  EXPECT_LT(distance(photo.pixels, decode(encode_jpeg(photo.pixels, 100)).pixels), 1.0);
  EXPECT_LT(distance(photo.pixels, decode(encode_jpeg(photo.pixels, 95)).pixels), 3.0);
  const std::size_t large = encode_jpeg(photo.pixels, 95).size();
  EXPECT_LT(encode_jpeg(photo.pixels, 50).size(), large / 2);
}

TEST(Encode, ChromaIsHalvedBelowQuality90) {
  const DecodedImage photo = decode(test::read_image("png_rgb.png"));
  EXPECT_EQ(luma_sampling(encode_jpeg(photo.pixels, 89)), 0x22);
  EXPECT_EQ(luma_sampling(encode_jpeg(photo.pixels, 90)), 0x11);
  for (const int quality : {1, 85, 89, 90, 100}) {
    const DecodedImage again = decode(encode_jpeg(photo.pixels, quality));
    EXPECT_EQ(again.pixels.width(), photo.pixels.width());
    EXPECT_EQ(again.pixels.height(), photo.pixels.height());
  }
}

TEST(Encode, GrayStaysGray) {
  Image gray(37, 21, 1);
  for (std::size_t i = 0; i < gray.size_bytes(); ++i) gray.data()[i] = static_cast<std::uint8_t>(i % 37 * 6);
  const std::vector<std::uint8_t> jpeg = encode_jpeg(gray, 80);
  EXPECT_EQ(jpeg.at(test::find_marker(jpeg, 0xC0) + 9), 1) << "components";
  const DecodedImage again = decode(jpeg);
  EXPECT_EQ(again.pixels.channels(), 3);
  EXPECT_NEAR(again.pixels.row(10)[3 * 18], 108, 6);
}

TEST(Encode, APartOfAnImageIsTheSameAsItsCopy) {
  const DecodedImage photo = decode(test::read_image("jpeg_444.jpg"));
  const ImageView part = photo.pixels.view().crop(21, 9, 50, 41);
  Image copy(part.width, part.height, 3);
  for (int y = 0; y < part.height; ++y) std::copy_n(part.row(y), copy.stride(), copy.row(y));
  EXPECT_EQ(encode_jpeg(part, 90), encode_jpeg(copy, 90));
}

TEST(Encode, SidesBeyondWhatAJpegCanHoldThrow) {
  const Image tall(1, 65'501, 3);
  EXPECT_THROW((void)encode_jpeg(tall, 90), Exception);
}

}  // namespace
}  // namespace mien
