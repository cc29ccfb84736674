// Files of every format, made by Pillow and decoded by Pillow (tests/oracle/format_oracle.py), and what becomes of
// them when they are cut off, too large, or stopped. A format whose library is missing here is skipped by name.
#include <gtest/gtest.h>
#include <pthread.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <set>
#include <string>
#include <thread>

#include "image/encode.h"
#include "image/image_files.h"

namespace mien {
namespace {

using test::ByteVector;

// Colours stay as stored: what profiles do to them is another test's matter.
const DecodeOptions kAsStored = {.limits = {}, .convert_colours = false};

ByteVector read_format_file(const std::string& name) {
  return test::read_all(std::filesystem::path(MIEN_TEST_DATA) / "formats" / name);
}

nlohmann::json read_format_goldens() {
  std::ifstream file(std::filesystem::path(MIEN_TEST_DATA) / "formats" / "goldens.json");
  return nlohmann::json::parse(file);
}

// Empty where the format can be read here.
std::string problem_of(const std::string& name) {
  for (const FormatInfo& format : image_formats()) {
    if (format.name == name) return format.problem;
  }
  return "unknown format";
}

int largest_difference(ImageView a, ImageView b) {
  int largest = 0;
  for (int y = 0; y < a.height; ++y) {
    for (int x = 0; x < 3 * a.width; ++x) largest = std::max(largest, std::abs(a.row(y)[x] - b.row(y)[x]));
  }
  return largest;
}

class Formats : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const std::string problem = problem_of(GetParam());
    if (!problem.empty()) GTEST_SKIP() << GetParam() << ": " << problem;
  }
};

TEST_P(Formats, PixelsAreThoseOfPillow) {
  DecodedImage image;
  int seen = 0;
  for (const nlohmann::json& golden : read_format_goldens()) {
    if (golden.at("group") != GetParam()) continue;
    const std::string name = golden.at("name");
    SCOPED_TRACE(name);
    ++seen;
    const Result<Done> done = decode_image(read_format_file(name), kAsStored, image);
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_EQ(image.format, GetParam());
    ASSERT_EQ(image.pixels.width(), golden.at("width").get<int>());
    ASSERT_EQ(image.pixels.height(), golden.at("height").get<int>());
    EXPECT_EQ(image.stored_width, image.pixels.width());
    if (golden.contains("sha256")) {
      EXPECT_EQ(test::pixel_sha256(image.pixels), golden.at("sha256").get<std::string>());
    } else {
      DecodedImage expected;
      ASSERT_TRUE(decode_image(read_format_file(golden.at("pixels")), kAsStored, expected));
      EXPECT_LE(largest_difference(image.pixels, expected.pixels), golden.at("tolerance").get<int>());
    }
    EXPECT_EQ(image.orientation, name.find("orientation") != std::string::npos || name == "webp_exif.webp" ? 6 : 1);
    EXPECT_EQ(image.icc_profile.size() > 100, name.find("profile") != std::string::npos);
    EXPECT_EQ(image.warnings.size(), name == "tiff_pages.tif" ? 1 : 0);
  }
  EXPECT_GT(seen, 0);
}

// Whatever is cut off: an answer in order, and never more rows of other pixels than the warning admits.
TEST_P(Formats, TruncatedFilesGiveWhatThereIsAndSaySo) {
  DecodedImage image;
  int used = 0;
  for (const nlohmann::json& golden : read_format_goldens()) {
    if (golden.at("group") != GetParam()) continue;
    const ByteVector whole = read_format_file(golden.at("name"));
    for (std::size_t size = 8; size < whole.size(); size += 1 + whole.size() / 61) {
      const Result<Done> done = decode_image(Bytes(whole).first(size), kAsStored, image);
      if (!done) {
        EXPECT_EQ(done.error().code, ErrorCode::bad_data) << golden.at("name") << " " << size << done.error().message;
        continue;
      }
      ++used;
      ASSERT_EQ(image.pixels.width(), golden.at("width").get<int>());
      ASSERT_EQ(image.pixels.height(), golden.at("height").get<int>());
      // Bytes behind the pixels (a second frame, a profile, padding) may be missing without a word.
      if (!image.warnings.empty() || !golden.contains("sha256")) continue;
      EXPECT_EQ(test::pixel_sha256(image.pixels), golden.at("sha256").get<std::string>())
          << golden.at("name") << " cut at " << size << " differs without a warning";
    }
  }
  EXPECT_GT(used, 10);
}

TEST_P(Formats, LimitsAreNamed) {
  DecodedImage image;
  for (const nlohmann::json& golden : read_format_goldens()) {
    if (golden.at("group") != GetParam()) continue;
    const ByteVector bytes = read_format_file(golden.at("name"));
    const auto expect_limit = [&](const ImageLimits& limits, const std::string& name) {
      SCOPED_TRACE(golden.at("name").get<std::string>());
      const Result<Done> done = decode_image(bytes, {.limits = limits}, image);
      ASSERT_FALSE(done);
      EXPECT_EQ(done.error().code, ErrorCode::limit_exceeded);
      EXPECT_NE(done.error().message.find(name), std::string::npos) << done.error().message;
    };
    expect_limit({.pixels_max = 48 * 40 - 1}, "pixels_max");
    expect_limit({.side_max = 39}, "side_max");
    expect_limit({.memory_bytes_max = 5000}, "memory_bytes_max");
    expect_limit({.seconds_max = 0}, "seconds_max");
  }
}

TEST_P(Formats, StopRequestedBeforeEndsIt) {
  DecodedImage image;
  std::stop_source source;
  source.request_stop();
  for (const nlohmann::json& golden : read_format_goldens()) {
    if (golden.at("group") != GetParam()) continue;
    const Result<Done> done =
        decode_image(read_format_file(golden.at("name")), {.limits = {}, .stop = source.get_token()}, image);
    ASSERT_FALSE(done) << golden.at("name");
    EXPECT_EQ(done.error().code, ErrorCode::cancelled) << done.error().message;
  }
}

INSTANTIATE_TEST_SUITE_P(All, Formats, ::testing::Values("jpeg", "png", "webp", "gif", "bmp", "tiff"),
                         [](const auto& instance) { return std::string(instance.param); });

// A small progressive file that declares 14,000 x 14,000 pixels: its coefficients alone would take 1.2 GB.
TEST(FormatLimits, MemoryOfAProgressiveJpegIsCounted) {
  ByteVector jpeg = test::read_image("jpeg_progressive_444.jpg");
  test::set_jpeg_size(jpeg, 14'000, 14'000);
  DecodedImage image;
  const Result<Done> done = decode_image(jpeg, {}, image);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::limit_exceeded);
  EXPECT_NE(done.error().message.find("1682 MB of memory, the limit is 1024 MB (memory_bytes_max"), std::string::npos)
      << done.error().message;
  EXPECT_EQ(image.pixels.data(), nullptr);
}

// 100 megapixels, as cameras make them.
ByteVector make_large_jpeg() {
  Image pixels(11'600, 8'700, 3);
  for (int y = 0; y < pixels.height(); ++y) {
    std::uint8_t* const row = pixels.row(y);
    for (std::size_t x = 0; x < pixels.stride(); ++x) row[x] = static_cast<std::uint8_t>((x * 7 + y * 13) >> 3);
  }
  return encode_jpeg(pixels, 85);
}

// Returns the CPU time that the thread of this clock has used until now. Unlike the time of day it does not grow while
// others compute.
double cpu_ms(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

TEST(FormatLimits, LargePhotosPassAndStopSoon) {
  const ByteVector jpeg = make_large_jpeg();
  DecodedImage image;
  ASSERT_TRUE(decode_image(jpeg, {}, image));
  clockid_t clock{};
  ASSERT_EQ(pthread_getcpuclockid(pthread_self(), &clock), 0);
  std::stop_source source;
  double asked = 0;
  std::jthread stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    asked = cpu_ms(clock);
    source.request_stop();
  });
  const Result<Done> done = decode_image(jpeg, {.limits = {}, .stop = source.get_token()}, image);
  const double ended = cpu_ms(clock);
  stopper.join();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::cancelled);
  // Sixteen rows take about 1 ms; the rest is for a sanitizer.
  EXPECT_LT(ended - asked, 100);
  const Result<Done> timed = decode_image(jpeg, {.limits = {.seconds_max = 0.02}}, image);
  ASSERT_FALSE(timed);
  EXPECT_NE(timed.error().message.find("seconds_max"), std::string::npos) << timed.error().message;
}

// The size that a file declares must not decide what is allocated.
TEST(FormatLimits, HugeHeadersOfTheOtherFormats) {
  const auto patched = [](const char* name, std::size_t offset, std::initializer_list<int> values) {
    ByteVector bytes = read_format_file(name);
    for (const int value : values) bytes.at(offset++) = static_cast<std::uint8_t>(value);
    return bytes;
  };
  const std::vector<std::pair<const char*, ByteVector>> cases = {
      {"gif", patched("gif_palette.gif", 6, {0xFF, 0xFF, 0xFF, 0xFF})},
      {"bmp", patched("bmp_rgb.bmp", 18, {0x50, 0xC3, 0, 0, 0x50, 0xC3, 0, 0})},  // 50,000 x 50,000
  };
  for (const auto& [format, bytes] : cases) {
    if (!problem_of(format).empty()) continue;
    DecodedImage image;
    const Result<Done> done = decode_image(bytes, {}, image);
    ASSERT_FALSE(done) << format;
    EXPECT_EQ(done.error().code, ErrorCode::limit_exceeded) << done.error().message;
    EXPECT_EQ(image.pixels.data(), nullptr);
  }
}

TEST(FormatLimits, RunLengthBmpIsRefusedByName) {
  if (!problem_of("bmp").empty()) GTEST_SKIP() << problem_of("bmp");
  ByteVector bytes = read_format_file("bmp_palette8.bmp");
  bytes.at(30) = 1;
  DecodedImage image;
  const Result<Done> done = decode_image(bytes, {}, image);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::unsupported);
  EXPECT_EQ(done.error().message, "BMP images with run-length compression cannot be read");
}

}  // namespace
}  // namespace mien
