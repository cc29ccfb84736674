#include "image/decode.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>

#include "image/colour.h"
#include "image/image_files.h"
#include "image/phash.h"
#include "support/contains.h"

namespace mien {
namespace {

using test::ByteVector;
using test::contains;
using test::find_last_marker;
using test::find_marker;
using test::read_image;

Error decode_error(Bytes bytes, const DecodeOptions& options = {}) {
  DecodedImage image;
  const Result<Done> result = decode_image(bytes, options, image);
  EXPECT_FALSE(result);
  return result ? Error{} : result.error();
}

Error decode_error(const std::string& text) {
  return decode_error(Bytes(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

void expect_golden(const nlohmann::json& golden, const ByteVector& bytes, DecodedImage& image) {
  SCOPED_TRACE(golden.at("name").get<std::string>());
  const Result<Done> result = decode_image(bytes, {}, image);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(image.pixels.width(), golden.at("width").get<int>());
  EXPECT_EQ(image.pixels.height(), golden.at("height").get<int>());
  EXPECT_EQ(image.stored_width, image.pixels.width());
  EXPECT_EQ(image.stored_height, image.pixels.height());
  EXPECT_EQ(image.pixels.channels(), 3);
  EXPECT_EQ(image.orientation, golden.at("orientation").get<int>());
  EXPECT_EQ(test::pixel_sha256(image.pixels), golden.at("sha256").get<std::string>());
  // Some state colours that are not applied, and nothing else may be said.
  const std::string name = golden.at("name");
  if (contains(name, "_gamma") || contains(name, "text_bomb")) {
    ASSERT_EQ(image.warnings.size(), 1);
    EXPECT_TRUE(contains(image.warnings[0], "not applied")) << image.warnings[0];
  } else {
    EXPECT_TRUE(image.warnings.empty()) << image.warnings[0];
  }
}

// One DecodedImage for all, so that sizes and formats change from one to the next.
TEST(Decode, PixelsEqualOpenCvAndPillow) {
  DecodedImage image;
  for (const nlohmann::json& golden : test::read_goldens("images")) {
    expect_golden(golden, read_image(golden.at("name")), image);
  }
}

TEST(Decode, PixelsOfPhotosEqualOpenCvAndPillow) {
  const std::filesystem::path photos = std::filesystem::path(MIEN_TEST_DEPS) / "photos";
  if (!std::filesystem::exists(photos)) GTEST_SKIP() << "no sample photos in " << photos;
  DecodedImage image;
  for (const nlohmann::json& golden : test::read_goldens("photos")) {
    expect_golden(golden, test::read_all(photos / golden.at("name").get<std::string>()), image);
  }
}

TEST(Decode, ReducedJpegsEqualOpenCv) {
  DecodedImage image;
  int compared = 0;
  for (const nlohmann::json& golden : test::read_goldens("images")) {
    if (!golden.contains("reduced_sha256")) continue;
    const ByteVector bytes = read_image(golden.at("name"));
    DecodeOptions options;
    for (const nlohmann::json& expected : golden.at("reduced_sha256")) {
      options.scale_denominator *= 2;
      ASSERT_TRUE(decode_image(bytes, options, image)) << golden.at("name");
      EXPECT_EQ(test::pixel_sha256(image.pixels), expected.get<std::string>())
          << golden.at("name") << " at 1/" << options.scale_denominator;
      EXPECT_EQ(image.stored_width, golden.at("width").get<int>());
      EXPECT_EQ(image.pixels.width(), (image.stored_width + options.scale_denominator - 1) / options.scale_denominator);
      ++compared;
    }
  }
  EXPECT_GT(compared, 30);
}

TEST(Decode, PngIgnoresTheScale) {
  DecodedImage image;
  ASSERT_TRUE(decode_image(read_image("png_rgb.png"), {.limits = {}, .scale_denominator = 4}, image));
  EXPECT_EQ(image.pixels.width(), 67);
}

// Each is what a decode of its own gives. Whole files and halves, and one DecodedImage for all, so that what one has
// and the next one lacks would show.
TEST(Decode, GivesTheHashAndBothColoursAtOnce) {
  DecodedImage image;
  int wide = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(test::image_path(""))) {
    if (!entry.is_regular_file() || entry.file_size() > 1'000'000) continue;
    const ByteVector whole = test::read_all(entry.path());
    for (const Bytes bytes : {Bytes(whole), Bytes(whole).first(whole.size() * 2 / 3)}) {
      SCOPED_TRACE(entry.path().filename());
      DecodedImage stored;
      DecodedImage converted;
      if (!decode_image(bytes, {.limits = {}, .convert_colours = false}, stored)) continue;
      ASSERT_TRUE(decode_image(bytes, {.limits = {}, .convert_colours = true}, converted));
      const std::uint64_t hash = perceptual_hash(stored.pixels);
      const bool is_wide = test::pixel_sha256(stored.pixels) != test::pixel_sha256(converted.pixels);
      wide += is_wide ? 1 : 0;

      ASSERT_TRUE(decode_image(bytes, {.limits = {}, .convert_colours = true, .hash = true}, image));
      EXPECT_EQ(image.hash, hash);
      EXPECT_EQ(test::pixel_sha256(image.pixels), test::pixel_sha256(converted.pixels));
      EXPECT_TRUE(image.converted.empty());
      EXPECT_EQ(image.warnings, converted.warnings);

      ASSERT_TRUE(
          decode_image(bytes, {.limits = {}, .convert_colours = false, .converted_too = true, .hash = true}, image));
      EXPECT_EQ(image.hash, hash);
      EXPECT_EQ(test::pixel_sha256(image.pixels), test::pixel_sha256(stored.pixels));
      EXPECT_TRUE(!is_wide || !image.converted.empty());
      EXPECT_EQ(test::pixel_sha256(is_wide ? image.converted : image.pixels), test::pixel_sha256(converted.pixels));
      EXPECT_EQ(image.warnings, stored.warnings);
    }
  }
  if (!make_icc_profile({.name = "any", .gamma = 1.8})) GTEST_SKIP() << "colours are not converted by this build";
  EXPECT_GE(wide, 10);
}

TEST(Decode, NamesItsFormats) {
  const std::vector<FormatInfo> formats = image_formats();
  ASSERT_GE(formats.size(), 2);
  EXPECT_EQ(formats[0].name, "jpeg");
  EXPECT_EQ(formats[1].name, "png");
  DecodedImage image;
  ASSERT_TRUE(decode_image(read_image("jpeg_420.jpg"), {}, image));
  EXPECT_EQ(image.format, "jpeg");
  ASSERT_TRUE(decode_image(read_image("png_rgb.png"), {}, image));
  EXPECT_EQ(image.format, "png");
}

TEST(Decode, EmptyFile) {
  const Error error = decode_error(Bytes{});
  EXPECT_EQ(error.code, ErrorCode::bad_data);
  EXPECT_EQ(error.message, "the file is empty");
}

TEST(Decode, StrangersAreDescribed) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"<!DOCTYPE html><html>", "HTML"},
      {"\xEF\xBB\xBF\r\n  <HTML lang=en>", "HTML"},
      {"%PDF-1.7\n%\xE2\xE3", "PDF"},
      {"PK\x03\x04 and so on", "ZIP"},
      {std::string("\0\0\0\x20"
                   "ftypisom\0\0",
                   14),
       "video"},
      {"{\"error\": 404}", "JSON"},
      {"Dear Sir or Madam", "text"},
      {std::string(4096, '\0'), "zero bytes"},
      {"\x01\x02\x03\xFE", "01 02 03 FE"},
      {"\xAB", "AB"},
  };
  for (const auto& [bytes, expected] : cases) {
    const Error error = decode_error(bytes);
    EXPECT_EQ(error.code, ErrorCode::bad_data) << expected;
    EXPECT_TRUE(contains(error.message, expected)) << error.message;
    EXPECT_TRUE(contains(error.message, "not an image")) << error.message;
  }
}

// The beginnings of files of formats whose libraries may be missing, from builds and from machines.
TEST(Decode, FormatsThatAreMissingAreNamedWithTheirPackage) {
  const std::map<std::string, std::string> beginnings = {
      {"webp", std::string("RIFF\x10\0\0\0WEBPVP8 ", 16)},
      {"gif", "GIF89a\x01"},
      {"bmp", std::string("BM\x36\x10\0\0\0\0\0\0\x36", 11)},
      {"heic", std::string("\0\0\0\x18"
                           "ftypheic",
                           12)},
      {"avif", std::string("\0\0\0\x18"
                           "ftypavif",
                           12)},
      {"raw", "FUJIFILMCCD-RAW 0201"},
      {"tiff", std::string("II*\0\x08\0\0\0", 8)},
  };
  std::size_t seen = 0;
  for (const FormatInfo& format : image_formats()) {
    if (!beginnings.contains(format.name)) continue;
    ++seen;
    const Error error = decode_error(beginnings.at(format.name));
    EXPECT_EQ(error.code, format.problem.empty() ? ErrorCode::bad_data : ErrorCode::unsupported) << format.name;
    if (format.problem.empty()) continue;
    EXPECT_TRUE(contains(format.problem, "Debian package lib") || contains(format.problem, "install lib"))
        << format.problem;
    const bool not_built = contains(format.problem, "built without");
    EXPECT_TRUE(contains(error.message, not_built ? "Debian package lib" : "install lib")) << error.message;
  }
  EXPECT_EQ(seen, beginnings.size());
}

TEST(Decode, FormatsThatNothingReadsAreNamed) {
  for (const auto& [bytes, expected] :
       std::vector<std::pair<std::string, std::string>>{{"8BPS\0\1", "Photoshop"}, {"qoif", "QOI"}}) {
    const Error error = decode_error(bytes);
    EXPECT_EQ(error.code, ErrorCode::unsupported);
    EXPECT_EQ(error.message, expected + " images cannot be read");
  }
}

// A directory with one entry, in either byte order: tag, type SHORT or LONG, one value.
std::string tiff_with(bool big_endian, int tag, int type, int value) {
  std::string bytes = big_endian ? std::string("MM\0*", 4) : std::string("II*\0", 4);
  const auto put = [&](std::uint64_t number, int size) {
    for (int i = 0; i < size; ++i) {
      const int shift = 8 * (big_endian ? size - 1 - i : i);
      bytes += static_cast<char>(number >> shift);
    }
  };
  put(8, 4);
  put(1, 2);
  put(static_cast<std::uint64_t>(tag), 2);
  put(static_cast<std::uint64_t>(type), 2);
  put(1, 4);
  put(static_cast<std::uint64_t>(value), type == 3 ? 2 : 4);
  put(0, type == 3 ? 6 : 4);
  return bytes;
}

TEST(Decode, RawFilesOfCamerasAreToldFromTiff) {
  const auto format_of = [](const std::string& text) {
    DecodedImage image;
    (void)decode_image(Bytes(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()), {}, image);
    return image.format;
  };
  for (const bool big_endian : {false, true}) {
    EXPECT_EQ(format_of(tiff_with(big_endian, 262, 3, 32803)), "raw");  // photometric: colour filter array
    EXPECT_EQ(format_of(tiff_with(big_endian, 262, 3, 2)), "tiff");     // RGB
    EXPECT_EQ(format_of(tiff_with(big_endian, 259, 3, 34713)), "raw");  // compression: Nikon's
    EXPECT_EQ(format_of(tiff_with(big_endian, 259, 3, 5)), "tiff");     // LZW
    EXPECT_EQ(format_of(tiff_with(big_endian, 50706, 4, 4)), "raw");    // DNG
    EXPECT_EQ(format_of(tiff_with(big_endian, 330, 4, 8)), "tiff");     // a directory that contains itself
  }
}

TEST(Decode, ByteLimitIsNamed) {
  DecodeOptions options;
  options.limits.bytes_max = 1000;
  const Error error = decode_error(read_image("jpeg_420.jpg"), options);
  EXPECT_EQ(error.code, ErrorCode::limit_exceeded);
  EXPECT_TRUE(contains(error.message, "bytes_max is 1000")) << error.message;
}

TEST(Decode, HugeHeadersAreRefusedBeforeMemoryIsTaken) {
  ByteVector jpeg = read_image("jpeg_420.jpg");
  ByteVector progressive = read_image("jpeg_progressive_444.jpg");
  ByteVector png = read_image("png_rgb.png");
  test::set_jpeg_size(jpeg, 50'000, 50'000);
  test::set_jpeg_size(progressive, 50'000, 50'000);
  test::set_png_size(png, 50'000, 50'000);
  for (const ByteVector* bytes : {&jpeg, &progressive, &png}) {
    DecodedImage image;
    const Result<Done> result = decode_image(*bytes, {}, image);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::limit_exceeded);
    EXPECT_TRUE(contains(result.error().message, "50000 x 50000")) << result.error().message;
    EXPECT_TRUE(contains(result.error().message, "the limit is 200000000 (pixels_max")) << result.error().message;
    EXPECT_EQ(image.pixels.data(), nullptr);
  }
}

TEST(Decode, SideLimit) {
  DecodeOptions options;
  options.limits.side_max = 19'999;
  for (const char* name : {"jpeg_1x20000.jpg", "jpeg_20000x1.jpg", "png_1x20000.png"}) {
    const Error error = decode_error(read_image(name), options);
    EXPECT_EQ(error.code, ErrorCode::limit_exceeded);
    EXPECT_TRUE(contains(error.message, "side_max is 19999")) << error.message;
  }
  // libjpeg's own limit lies a little above the default of ours.
  ByteVector jpeg = read_image("jpeg_420.jpg");
  test::set_jpeg_size(jpeg, 65'535, 2);
  EXPECT_EQ(decode_error(jpeg).code, ErrorCode::limit_exceeded);
  // 2^31 - 1, which only our own limit stops.
  ByteVector png = read_image("png_rgb.png");
  std::fill_n(png.begin() + 16, 8, std::uint8_t{0xFF});
  png[16] = png[20] = 0x7F;
  EXPECT_EQ(decode_error(png).code, ErrorCode::limit_exceeded);
}

// How many rows the warning claims to be there; -1: it claims none.
int rows_claimed(const DecodedImage& image) {
  for (const std::string& warning : image.warnings) {
    const std::size_t at = warning.find("ends after ");
    if (at != std::string::npos) return std::stoi(warning.substr(at + 11)) * image.stored_height / 100;
  }
  return -1;
}

void expect_truncations_are_used(const std::string& name, int doubtful_rows) {
  SCOPED_TRACE(name);
  const ByteVector whole = read_image(name);
  DecodedImage full;
  ASSERT_TRUE(decode_image(whole, {}, full));
  DecodedImage cut;
  int used = 0;
  int rows_before = 0;
  for (std::size_t size = 1; size < whole.size(); size += 1 + size / 97) {
    const Result<Done> result = decode_image(Bytes(whole).first(size), {}, cut);
    if (!result) {
      EXPECT_EQ(result.error().code, ErrorCode::bad_data) << size;
      EXPECT_EQ(used, 0) << "of more bytes less was used: " << size;
      continue;
    }
    ++used;
    ASSERT_EQ(cut.pixels.size_bytes(), full.pixels.size_bytes());
    ASSERT_EQ(cut.warnings.size(), 1) << size;
    EXPECT_TRUE(cut.warnings[0].starts_with("truncated: ")) << cut.warnings[0];
    int rows = rows_claimed(cut);
    if (rows < 0) rows = contains(cut.warnings[0], "all rows") ? full.pixels.height() : 0;
    EXPECT_GE(rows, rows_before) << size;
    rows_before = rows;
    const int sure = rows == full.pixels.height() ? rows : std::max(rows - doubtful_rows, 0);
    EXPECT_TRUE(std::equal(full.pixels.data(), full.pixels.row(sure), cut.pixels.data())) << size;
  }
  EXPECT_GT(used, 10);
}

TEST(Decode, TruncatedFilesAreUsedAsFarAsTheyGo) {
  // Colours of the last row come half from the row below it.
  expect_truncations_are_used("jpeg_420.jpg", 1);
  expect_truncations_are_used("jpeg_444.jpg", 0);
  expect_truncations_are_used("jpeg_gray.jpg", 0);
  expect_truncations_are_used("jpeg_restart.jpg", 1);
  expect_truncations_are_used("jpeg_1x20000.jpg", 1);
  expect_truncations_are_used("png_rgb.png", 0);
  expect_truncations_are_used("png_palette4.png", 0);
}

TEST(Decode, TruncatedInSeveralPasses) {
  for (const char* name : {"jpeg_progressive_420.jpg", "png_rgb_adam7.png"}) {
    const ByteVector whole = read_image(name);
    bool coarse = false;
    bool missing = false;
    for (std::size_t size = 100; size < whole.size(); size += 37) {
      DecodedImage image;
      if (!decode_image(Bytes(whole).first(size), {}, image)) continue;
      ASSERT_EQ(image.warnings.size(), 1) << name << " " << size << image.warnings.back();
      coarse |= contains(image.warnings[0], " pass ");
      missing |= contains(image.warnings[0], "coarse") && contains(image.warnings[0], "gray");
    }
    EXPECT_TRUE(coarse) << name;
    EXPECT_TRUE(missing) << name;
  }
}

TEST(Decode, RowsThatAreMissingAreGray) {
  for (const char* name : {"jpeg_420.jpg", "png_rgb.png", "jpeg_progressive_420.jpg"}) {
    const ByteVector whole = read_image(name);
    DecodedImage image;
    // A progressive image keeps half of its first pass.
    const std::size_t scan = find_marker(whole, 0xDA);
    const std::size_t size =
        contains(name, "progressive") ? (scan + find_marker(whole, 0xC4, scan)) / 2 : whole.size() / 2;
    ASSERT_TRUE(decode_image(Bytes(whole).first(size), {}, image)) << name;
    const std::uint8_t* last = image.pixels.row(image.pixels.height() - 1);
    EXPECT_TRUE(std::all_of(last, last + image.pixels.stride(), [](int v) { return v == 128; }))
        << name << image.warnings[0];
  }
}

TEST(Decode, MissingEndMarkerIsSaidAndCostsNothing) {
  for (const char* name : {"jpeg_420.jpg", "jpeg_progressive_444.jpg", "jpeg_gray.jpg"}) {
    const ByteVector whole = read_image(name);
    DecodedImage full;
    DecodedImage cut;
    ASSERT_TRUE(decode_image(whole, {}, full));
    ASSERT_TRUE(decode_image(Bytes(whole).first(whole.size() - 2), {}, cut));
    EXPECT_EQ(test::pixel_sha256(cut.pixels), test::pixel_sha256(full.pixels)) << name;
    ASSERT_EQ(cut.warnings.size(), 1);
    EXPECT_EQ(cut.warnings[0], "truncated: the end of the file is missing; all rows are there");
  }
}

TEST(Decode, TallerHeaderThanDataIsSaid) {
  ByteVector jpeg = read_image("jpeg_420.jpg");
  test::set_jpeg_size(jpeg, 149, 970);
  DecodedImage image;
  ASSERT_TRUE(decode_image(jpeg, {}, image));
  ASSERT_EQ(image.warnings.size(), 1);
  EXPECT_EQ(image.warnings[0], "truncated: the image data ends after 11 % of the rows; the rest is gray");
  EXPECT_EQ(*image.pixels.row(969), 128);
}

TEST(Decode, CorruptDataBecomesOneWarning) {
  ByteVector jpeg = read_image("jpeg_420.jpg");
  // Ones without end, each byte of ones with the zero behind it that marks it as data: no code is that long.
  for (std::size_t i = jpeg.size() / 2; i < jpeg.size() / 2 + 20; i += 2) test::put_be16(jpeg, i, 0xFF00);
  DecodedImage image;
  ASSERT_TRUE(decode_image(jpeg, {}, image));
  ASSERT_FALSE(image.warnings.empty());
  EXPECT_TRUE(image.warnings.back().starts_with("corrupt: ")) << image.warnings.back();
  ByteVector png = read_image("png_rgb.png");
  png[png.size() / 2] ^= 0x10;
  ASSERT_TRUE(decode_image(png, {}, image));
  ASSERT_FALSE(image.warnings.empty());
  EXPECT_TRUE(image.warnings[0].starts_with("corrupt: ")) << image.warnings[0];
}

TEST(Decode, ScansBeforeABrokenTableAreUsed) {
  ByteVector jpeg = read_image("jpeg_progressive_420.jpg");
  const std::size_t table = find_last_marker(jpeg, 0xC4);
  ASSERT_LT(table, jpeg.size());
  jpeg[table + 4] = 0x77;  // a table of a class and a number that do not exist
  DecodedImage image;
  ASSERT_TRUE(decode_image(jpeg, {}, image));
  ASSERT_EQ(image.warnings.size(), 1);
  EXPECT_TRUE(contains(image.warnings[0], "passes of the image were used")) << image.warnings[0];
}

TEST(Decode, EndlessProgressionIsRefused) {
  const ByteVector jpeg = read_image("jpeg_progressive_gray.jpg");
  const auto scan_begin = jpeg.begin() + static_cast<std::ptrdiff_t>(find_last_marker(jpeg, 0xDA));
  ByteVector bomb(jpeg.begin(), jpeg.end() - 2);
  for (int i = 0; i < 600; ++i) bomb.insert(bomb.end(), scan_begin, jpeg.end() - 2);
  bomb.insert(bomb.end(), {0xFF, 0xD9});
  const Error error = decode_error(bomb);
  EXPECT_EQ(error.code, ErrorCode::limit_exceeded);
  EXPECT_TRUE(contains(error.message, "more than 500 passes")) << error.message;
}

TEST(Decode, JpegsWithoutAnImage) {
  const ByteVector jpeg = read_image("jpeg_420.jpg");
  for (std::size_t size = 2; size <= find_marker(jpeg, 0xDA) + 14; ++size) {
    EXPECT_EQ(decode_error(Bytes(jpeg).first(size)).code, ErrorCode::bad_data) << size;
  }
  EXPECT_EQ(decode_error(ByteVector{0xFF, 0xD8, 0xFF, 0xD9}).code, ErrorCode::bad_data);
}

TEST(Decode, KindsOfJpegThatCannotBeReadAreNamed) {
  ByteVector deep = read_image("jpeg_420.jpg");
  deep[find_marker(deep, 0xC0) + 4] = 12;
  EXPECT_EQ(decode_error(deep).code, ErrorCode::unsupported);
  EXPECT_TRUE(contains(decode_error(deep).message, "12 bits"));
  ByteVector lossless = read_image("jpeg_420.jpg");
  lossless[find_marker(lossless, 0xC0) + 1] = 0xC3;
  EXPECT_EQ(decode_error(lossless).code, ErrorCode::unsupported);
}

TEST(Decode, NothingOfTheImageBeforeRemains) {
  DecodedImage image;
  ASSERT_TRUE(decode_image(read_image("orientation_6.jpg"), {}, image));
  EXPECT_EQ(image.orientation, 6);
  const ByteVector whole = read_image("jpeg_420.jpg");
  ASSERT_TRUE(decode_image(Bytes(whole).first(whole.size() / 2), {}, image));
  EXPECT_EQ(image.orientation, 1);
  EXPECT_FALSE(image.warnings.empty());
  ASSERT_TRUE(decode_image(read_image("png_gray1.png"), {}, image));
  EXPECT_TRUE(image.warnings.empty());
  EXPECT_EQ(image.format, "png");
}

}  // namespace
}  // namespace mien
