// HEIC and AVIF files, made and judged by tests/oracle/heif_and_colour_files.py.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "image/colour.h"
#include "image/decode.h"
#include "image/image_files.h"

namespace mien::test {
namespace {

constexpr int kParts = 8;

// Mean colours of 8 x 8 parts differ by this much between decoders that enlarge chroma differently, and by the rounding
// of four libraries on the way; a wrong profile, a wrong rotation or a wrong matrix is ten times that.
constexpr double kLevelsMax = 2.0;

nlohmann::json read_rows(const std::string& folder) {
  std::ifstream file(image_path(folder + "/goldens.json"));
  return nlohmann::json::parse(file);
}

// The mean colour of a part, cut as numpy's array_split does.
std::array<double, 3> mean_of_part(const Image& pixels, int row, int column) {
  const auto cut = [](int size, int part) {
    const int each = size / kParts;
    const int longer = size % kParts;
    return part * each + std::min(part, longer);
  };
  std::array<double, 3> sum{};
  int count = 0;
  for (int y = cut(pixels.height(), row); y < cut(pixels.height(), row + 1); ++y) {
    for (int x = cut(pixels.width(), column); x < cut(pixels.width(), column + 1); ++x) {
      for (int c = 0; c < 3; ++c) sum[static_cast<std::size_t>(c)] += pixels.row(y)[3 * x + c];
      ++count;
    }
  }
  for (double& value : sum) value /= count;
  return sum;
}

double worst_difference(const Image& pixels, const nlohmann::json& means) {
  double worst = 0;
  for (int row = 0; row < kParts; ++row) {
    for (int column = 0; column < kParts; ++column) {
      const std::array<double, 3> mean = mean_of_part(pixels, row, column);
      const nlohmann::json& expected = means.at(static_cast<std::size_t>(row * kParts + column));
      for (std::size_t c = 0; c < 3; ++c) worst = std::max(worst, std::abs(mean[c] - expected.at(c).get<double>()));
    }
  }
  return worst;
}

void expect_goldens(const std::string& folder) {
  const nlohmann::json rows = read_rows(folder);
  ASSERT_GE(rows.size(), 16);
  DecodedImage image;
  for (const nlohmann::json& row : rows) {
    const std::string name = row.at("name");
    SCOPED_TRACE(name);
    const Result<Done> decoded = decode_image(read_image(folder + "/" + name), {}, image);
    ASSERT_TRUE(decoded) << decoded.error().message;
    EXPECT_EQ(image.pixels.width(), row.at("width"));
    EXPECT_EQ(image.pixels.height(), row.at("height"));
    EXPECT_EQ(image.orientation, 1);
    EXPECT_LE(worst_difference(image.pixels, row.at("means")), kLevelsMax);
    DecodedImage stored;
    ASSERT_TRUE(decode_image(read_image(folder + "/" + name), {.limits = {}, .convert_colours = false}, stored));
    EXPECT_EQ(pixel_sha256(image.pixels) != pixel_sha256(stored.pixels), row.contains("moved"));
    if (row.contains("warning")) {
      ASSERT_EQ(image.warnings.size(), 1);
      EXPECT_TRUE(image.warnings[0].starts_with(row.at("warning").get<std::string>())) << image.warnings[0];
    } else {
      EXPECT_TRUE(image.warnings.empty()) << image.warnings[0];
    }
  }
}

void set_brand(ByteVector& file, std::size_t at, const char* brand) { std::memcpy(file.data() + at, brand, 4); }

class Heif : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string problem = format_problem("heic");
    if (!problem.empty()) GTEST_SKIP() << problem;
  }
};

TEST_F(Heif, EveryVariantAsPillowAndPillowHeifDecodeIt) { expect_goldens("heif"); }

class Colour : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string problem =
        make_icc_profile({.name = "any", .gamma = 1.8}).ok() ? "" : "colours are not converted by this build";
    if (!problem.empty()) GTEST_SKIP() << problem;
  }
};

TEST_F(Colour, EveryWayToStateAProfileAsPillowConvertsIt) { expect_goldens("colour"); }

TEST_F(Heif, CompatibleBrandsDecideWhereTheMajorOneIsAContainer) {
  DecodedImage image;
  for (const auto& [name, format] : {std::pair("face.heic", "heic"), std::pair("face.avif", "avif")}) {
    for (const char* brand : {"mif1", "msf1", "heif", "zzzz"}) {
      SCOPED_TRACE(std::string(name) + " " + brand);
      ByteVector file = read_image(std::string("heif/") + name);
      set_brand(file, 8, brand);
      // The own brand stays among the compatible ones.
      set_brand(file, 16, format);
      ASSERT_TRUE(decode_image(file, {}, image));
      EXPECT_EQ(image.format, format);
    }
  }
}

TEST_F(Heif, LimitsAreAskedBeforeDecoding) {
  const ByteVector file = read_image("heif/face.heic");
  DecodedImage image;
  DecodeOptions options;
  options.limits.pixels_max = 240 * 240 - 1;
  EXPECT_EQ(decode_image(file, options, image).error().code, ErrorCode::limit_exceeded);
  options.limits.pixels_max = 240 * 240;
  EXPECT_TRUE(decode_image(file, options, image));
  options.limits.side_max = 239;
  EXPECT_EQ(decode_image(file, options, image).error().code, ErrorCode::limit_exceeded);
  options.limits = {};
  options.limits.memory_bytes_max = 240 * 240 * 3;
  EXPECT_EQ(decode_image(file, options, image).error().code, ErrorCode::limit_exceeded);
  options.limits = {};
  options.limits.frames_max = 1;
  EXPECT_EQ(decode_image(read_image("heif/heic_second_is_primary.heic"), options, image).error().code,
            ErrorCode::limit_exceeded);
}

TEST_F(Heif, TruncatedFilesAreNoImages) {
  DecodedImage image;
  for (const char* name : {"heif/face.heic", "heif/face.avif"}) {
    const ByteVector file = read_image(name);
    for (const std::size_t size : {std::size_t{12}, file.size() / 4, file.size() / 2, file.size() - 1}) {
      const Result<Done> decoded = decode_image(Bytes(file).first(size), {}, image);
      if (decoded) continue;  // libheif may use what there is
      EXPECT_TRUE(decoded.error().code == ErrorCode::bad_data || decoded.error().code == ErrorCode::unsupported)
          << decoded.error().message;
      EXPECT_NE(decoded.error().message.find(name + 10), std::string::npos) << decoded.error().message;
    }
  }
}

TEST_F(Heif, StopsWhenAsked) {
  std::stop_source stop;
  stop.request_stop();
  DecodedImage image;
  DecodeOptions options;
  options.stop = stop.get_token();
  EXPECT_EQ(decode_image(read_image("heif/face.heic"), options, image).error().code, ErrorCode::cancelled);
}

// Its boxes say 64 x 64; the canvas that its overlay is laid on would take 3 GB. Found by fuzzing.
TEST_F(Heif, ACanvasLargerThanItsBoxesSayIsRefused) {
  const ByteVector bytes = read_all(std::string(MIEN_TEST_DATA) + "/../../fuzz/corpus/heic/huge_overlay.heic");
  DecodedImage image;
  const Result<Done> decoded = decode_image(bytes, {}, image);
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().code, ErrorCode::limit_exceeded);
  EXPECT_NE(decoded.error().message.find("45560x24678"), std::string::npos) << decoded.error().message;
}

}  // namespace
}  // namespace mien::test
