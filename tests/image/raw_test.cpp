#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "image/decode.h"
#include "image/image_files.h"
#include "image/tiny_dng.h"

namespace mien::test {
namespace {

// Sizes of images/jpeg_420.jpg.
constexpr int kWidth = 149;
constexpr int kHeight = 97;

TinyDng with_preview(const std::string& name) {
  TinyDng dng;
  dng.preview = read_image(name);
  dng.preview_width = kWidth;
  dng.preview_height = kHeight;
  return dng;
}

class Raw : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string problem = format_problem("raw");
    if (!problem.empty()) GTEST_SKIP() << problem;
  }
};

TEST_F(Raw, ThePreviewIsDecodedAsItsOwnFileIs) {
  DecodedImage alone;
  ASSERT_TRUE(decode_image(read_image("jpeg_420.jpg"), {}, alone));
  DecodedImage image;
  const Result<Done> decoded = decode_image(make_dng(with_preview("jpeg_420.jpg")), {}, image);
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(image.format, "raw");
  EXPECT_EQ(pixel_sha256(image.pixels), pixel_sha256(alone.pixels));
  EXPECT_TRUE(image.warnings.empty()) << image.warnings[0];
  EXPECT_EQ(image.stored_width, kWidth);
  EXPECT_EQ(image.orientation, 1);
}

// LibRaw states rotations alone, not mirrors, of what cameras write.
TEST_F(Raw, TheCameraSaysWhichWayIsUp) {
  TinyDng dng = with_preview("jpeg_420.jpg");
  DecodedImage image;
  for (const int orientation : {1, 3, 6, 8}) {
    dng.orientation = orientation;
    ASSERT_TRUE(decode_image(make_dng(dng), {}, image));
    EXPECT_EQ(image.orientation, orientation);
  }
}

TEST_F(Raw, WhatThePreviewSaysItselfCountsAndOnce) {
  TinyDng dng = with_preview("orientation_6.jpg");
  dng.preview_width = 61;
  dng.preview_height = 43;
  DecodedImage image;
  for (const int orientation : {1, 3, 6, 8}) {
    dng.orientation = orientation;
    ASSERT_TRUE(decode_image(make_dng(dng), {}, image));
    EXPECT_EQ(image.orientation, 6);
  }
}

TEST_F(Raw, APreviewThatStandsUprightIsNotTurned) {
  TinyDng dng;
  dng.preview = read_image("jpeg_1x20000.jpg");
  dng.preview_width = 1;
  dng.preview_height = 20000;
  dng.orientation = 6;
  DecodedImage image;
  const Result<Done> decoded = decode_image(make_dng(dng), {}, image);
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(image.orientation, 1);
}

TEST_F(Raw, APreviewWithoutCompression) {
  TinyDng dng;
  dng.preview_is_jpeg = false;
  dng.preview_width = 80;
  dng.preview_height = 60;
  for (int i = 0; i < 80 * 60 * 3; ++i) dng.preview.push_back(static_cast<std::uint8_t>(i * 7 % 251));
  DecodedImage image;
  const Result<Done> decoded = decode_image(make_dng(dng), {}, image);
  ASSERT_TRUE(decoded) << decoded.error().message;
  ASSERT_EQ(image.pixels.size_bytes(), dng.preview.size());
  EXPECT_TRUE(std::equal(dng.preview.begin(), dng.preview.end(), image.pixels.data()));
}

TEST_F(Raw, ASmallPreviewIsSaid) {
  TinyDng dng = with_preview("jpeg_420.jpg");
  dng.sensor_width = 640;
  dng.sensor_height = 480;
  DecodedImage image;
  ASSERT_TRUE(decode_image(make_dng(dng), {}, image));
  ASSERT_EQ(image.warnings.size(), 1);
  EXPECT_EQ(image.warnings[0], "preview: the largest one in the raw file has 149 x 97 pixels, the photo 640 x 480");
}

// JPEG XL (iPhone, Samsung, Adobe), and what is to come: the JPEG beside it can be read all the same.
TEST_F(Raw, ThePreviewIsReadWhateverTheRawDataAre) {
  DecodedImage alone;
  ASSERT_TRUE(decode_image(read_image("jpeg_420.jpg"), {}, alone));
  TinyDng dng = with_preview("jpeg_420.jpg");
  dng.orientation = 6;
  DecodedImage image;
  for (const int compression : {52546, 34892, 50002, 60000}) {
    for (const int photometric : {34892, 32803}) {
      SCOPED_TRACE(compression);
      dng.sensor_compression = compression;
      dng.sensor_photometric = photometric;
      const Result<Done> decoded = decode_image(make_dng(dng), {}, image);
      ASSERT_TRUE(decoded) << decoded.error().message;
      EXPECT_EQ(image.format, "raw");
      EXPECT_EQ(pixel_sha256(image.pixels), pixel_sha256(alone.pixels));
      EXPECT_EQ(image.orientation, 6);
    }
  }
  // Cut off within the preview, as far as it goes.
  ByteVector cut = make_dng(dng);
  cut.resize(cut.size() - 1);
  EXPECT_TRUE(decode_image(cut, {}, image));
}

TEST_F(Raw, TheLargestPreviewIsTaken) {
  TinyDng dng;
  dng.preview = read_image("jpeg_17x13.jpg");
  dng.preview_width = 17;
  dng.preview_height = 13;
  dng.second_preview = read_image("jpeg_420.jpg");
  DecodedImage image;
  for (const int compression : {1, 52546}) {
    SCOPED_TRACE(compression);
    dng.sensor_compression = compression;
    ASSERT_TRUE(decode_image(make_dng(dng), {}, image));
    EXPECT_EQ(image.stored_width, kWidth);
  }
  // One that cannot be read leaves the other, where LibRaw finds it.
  dng.sensor_compression = 1;
  dng.second_preview.resize(find_marker(dng.second_preview, 0xDA));
  const Result<Done> decoded = decode_image(make_dng(dng), {}, image);
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(image.stored_width, 17);
}

TEST_F(Raw, MirrorsAndXmpSayWhichWayIsUp) {
  TinyDng dng = with_preview("jpeg_420.jpg");
  DecodedImage image;
  for (const int compression : {1, 52546}) {
    dng.sensor_compression = compression;
    dng.states_orientation = true;
    dng.xmp.clear();
    for (int orientation = 1; orientation <= 8; ++orientation) {
      dng.orientation = orientation;
      ASSERT_TRUE(decode_image(make_dng(dng), {}, image));
      EXPECT_EQ(image.orientation, orientation) << compression;
    }
    dng.xmp =
        "<r:RDF xmlns:r='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><r:Description "
        "xmlns:tiff='http://ns.adobe.com/tiff/1.0/' tiff:Orientation='3'/></r:RDF>";
    ASSERT_TRUE(decode_image(make_dng(dng), {}, image));
    EXPECT_EQ(image.orientation, 8);
    ASSERT_EQ(image.warnings.size(), 1U);
    EXPECT_NE(image.warnings[0].find("XMP says 3"), std::string::npos) << image.warnings[0];
    dng.states_orientation = false;
    ASSERT_TRUE(decode_image(make_dng(dng), {}, image));
    EXPECT_EQ(image.orientation, 3) << compression;
    EXPECT_TRUE(image.warnings.empty());
  }
}

TEST_F(Raw, APreviewThatContradictsTheRawFileIsSaid) {
  TinyDng dng = with_preview("orientation_6.jpg");
  dng.orientation = 3;
  DecodedImage image;
  ASSERT_TRUE(decode_image(make_dng(dng), {}, image));
  EXPECT_EQ(image.orientation, 6);
  ASSERT_EQ(image.warnings.size(), 1U);
  EXPECT_EQ(image.warnings[0], "orientation: the preview says 6 and the raw file says 3; the preview counts");
}

TEST_F(Raw, LimitsHoldForThePreview) {
  const ByteVector dng = make_dng(with_preview("jpeg_420.jpg"));
  DecodedImage image;
  DecodeOptions options;
  options.limits.pixels_max = kWidth * kHeight - 1;
  EXPECT_EQ(decode_image(dng, options, image).error().code, ErrorCode::limit_exceeded);
  options.limits = {};
  options.limits.memory_bytes_max = 10'000;
  EXPECT_EQ(decode_image(dng, options, image).error().code, ErrorCode::limit_exceeded);
  options.limits = {};
  std::stop_source stop;
  stop.request_stop();
  options.stop = stop.get_token();
  EXPECT_EQ(decode_image(dng, options, image).error().code, ErrorCode::cancelled);
}

TEST_F(Raw, WithoutAPreviewItSaysSo) {
  TinyDng dng = with_preview("jpeg_420.jpg");
  dng.preview = ByteVector(dng.preview.size(), 0x55);
  DecodedImage image;
  const Result<Done> decoded = decode_image(make_dng(dng), {}, image);
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().code, ErrorCode::unsupported) << decoded.error().message;
  EXPECT_NE(decoded.error().message.find("of Tiny Camera"), std::string::npos) << decoded.error().message;
}

TEST_F(Raw, CutOffFilesAreErrorsOrWarnings) {
  const ByteVector dng = make_dng(with_preview("jpeg_420.jpg"));
  DecodedImage image;
  for (std::size_t size = 8; size < dng.size(); size += 997) {
    const Result<Done> decoded = decode_image(Bytes(dng).first(size), {}, image);
    if (!decoded) {
      EXPECT_FALSE(decoded.error().message.empty());
    }
  }
}

}  // namespace
}  // namespace mien::test
