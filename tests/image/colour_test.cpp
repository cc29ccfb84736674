// Colours beside the goldens of heif_test.cpp: when they are left alone, what is said, and who may call at once.
#include "image/colour.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <thread>
#include <vector>

#include "image/icc.h"
#include "image/image_files.h"

namespace mien::test {
namespace {

const RgbSpace kDisplayP3 = {"Display P3", 0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060};

DecodedImage decode(const std::string& name, bool convert) {
  DecodedImage image;
  DecodeOptions options;
  options.convert_colours = convert;
  EXPECT_TRUE(decode_image(read_image("colour/" + name), options, image)) << name;
  return image;
}

class ColourProfile : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string problem =
        make_icc_profile({.name = "any", .gamma = 1.8}).ok() ? "" : "colours are not converted by this build";
    if (!problem.empty()) GTEST_SKIP() << problem;
  }
};

class CodePoints : public ColourProfile {};

TEST_F(ColourProfile, WithoutConversionWideGamutAloneIsSaid) {
  for (const char* name : {"jpeg_p3.jpg", "jpeg_adobe_rgb.jpg", "jpeg_bt2020.jpg", "png_p3.png", "png_p3_cicp.png"}) {
    const DecodedImage image = decode(name, false);
    ASSERT_EQ(image.warnings.size(), 1) << name;
    EXPECT_NE(image.warnings[0].find("not applied: its colours are wider than sRGB"), std::string::npos);
    EXPECT_NE(pixel_sha256(image.pixels), pixel_sha256(decode(name, true).pixels)) << name;
  }
  for (const char* name : {"jpeg_srgb_by_numbers.jpg", "png_srgb_by_numbers.png", "jpeg_gray_gamma18.jpg",
                           "png_srgb_chrm.png", "jpeg_cmyk_profile.jpg"}) {
    EXPECT_TRUE(decode(name, false).warnings.empty()) << name;
  }
}

TEST_F(ColourProfile, SrgbByAnotherNameLeavesEveryPixelAsItIs) {
  for (const char* name : {"jpeg_srgb_by_numbers.jpg", "png_srgb_by_numbers.png", "png_srgb_chrm.png"}) {
    EXPECT_EQ(pixel_sha256(decode(name, true).pixels), pixel_sha256(decode(name, false).pixels)) << name;
  }
}

// 1,1,0 of Display P3 lies outside sRGB; white and black are the same in both.
TEST_F(ColourProfile, KnownColoursOfDisplayP3) {
  const Result<std::vector<std::uint8_t>> profile = make_icc_profile(kDisplayP3);
  ASSERT_TRUE(profile) << profile.error().message;
  EXPECT_EQ(icc_name(*profile), "Display P3");
  const ColourPlan plan = plan_colours(*profile, ColourModel::rgb, true);
  ASSERT_NE(plan.transform, nullptr) << plan.warning;
  std::uint8_t pixels[] = {255, 255, 255, 0, 0, 0, 234, 51, 35, 128, 128, 128};
  convert_pixels(*plan.transform, pixels, pixels, 4);
  // By the matrices of both spaces: (234, 51, 35) is sRGB's red but for a level or two.
  const int expected[] = {255, 255, 255, 0, 0, 0, 255, 0, 0, 128, 128, 128};
  for (int i = 0; i < 12; ++i) EXPECT_NEAR(pixels[i], expected[i], 8) << i;
}

TEST_F(ColourProfile, TheSameSpaceIsTheSameProfile) {
  EXPECT_EQ(*make_icc_profile(kDisplayP3), *make_icc_profile(kDisplayP3));
}

TEST_F(ColourProfile, NumbersThatMakeNoSpaceAreRefused) {
  std::vector<RgbSpace> broken(4, kDisplayP3);
  broken[0].white_y = 0;
  broken[1].green_x = broken[1].red_x;
  broken[1].green_y = broken[1].red_y;
  broken[2].gamma = 1000;
  broken[3].blue_x = std::nan("");
  for (const RgbSpace& space : broken) EXPECT_EQ(make_icc_profile(space).error().code, ErrorCode::bad_data);
}

TEST_F(ColourProfile, ManyThreadsAndMoreProfilesThanAreKept) {
  std::vector<std::vector<std::uint8_t>> profiles;
  for (int i = 0; i < 12; ++i) {
    RgbSpace space = kDisplayP3;
    space.name = "space " + std::to_string(i);
    profiles.push_back(*make_icc_profile(space));
  }
  std::vector<std::jthread> threads;
  std::vector<std::uint8_t> results(8);
  for (std::size_t t = 0; t < results.size(); ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t i = 0; i < 40; ++i) {
        const ColourPlan plan = plan_colours(profiles[(i + t) % profiles.size()], ColourModel::rgb, true);
        std::uint8_t pixel[] = {200, 100, 50};
        if (plan.transform == nullptr) return;
        convert_pixels(*plan.transform, pixel, pixel, 1);
        results[t] = pixel[0];
      }
    });
  }
  threads.clear();
  for (const std::uint8_t result : results) EXPECT_EQ(result, results[0]);
  EXPECT_GT(results[0], 200);
}

TEST_F(ColourProfile, EveryCutOfAProfileIsSaidAndHarmless) {
  const std::vector<std::uint8_t> profile = *make_icc_profile(kDisplayP3);
  for (std::size_t size = 1; size < profile.size(); size += 7) {
    const ColourPlan plan = plan_colours(Bytes(profile).first(size), ColourModel::rgb, true);
    EXPECT_TRUE(plan.transform != nullptr || plan.warning.starts_with("colour profile ")) << size;
  }
}

TEST(IccSegments, AnyOrderMissingAndTwice) {
  const auto segment = [](int number, int count, std::uint8_t fill) {
    ByteVector bytes = {'I', 'C', 'C', '_', 'P', 'R', 'O', 'F', 'I', 'L', 'E', 0};
    bytes.push_back(static_cast<std::uint8_t>(number));
    bytes.push_back(static_cast<std::uint8_t>(count));
    bytes.insert(bytes.end(), 3, fill);
    return bytes;
  };
  const ByteVector one = segment(1, 2, 10);
  const ByteVector two = segment(2, 2, 20);
  const ByteVector zero = segment(0, 2, 30);
  const ByteVector other = {'M', 'P', 'F', 0};
  IccSegments swapped;
  for (const ByteVector* part : {&two, &other, &one}) swapped.add(*part);
  EXPECT_EQ(*swapped.join(), (ByteVector{10, 10, 10, 20, 20, 20}));
  IccSegments missing;
  missing.add(two);
  EXPECT_EQ(missing.join().error().message, "segment 1 of 2 is missing");
  IccSegments twice;
  for (const ByteVector* part : {&one, &two, &two}) twice.add(*part);
  EXPECT_FALSE(twice.join());
  IccSegments impossible;
  impossible.add(zero);
  EXPECT_FALSE(impossible.join());
  EXPECT_TRUE(IccSegments().join()->empty());
}

TEST_F(CodePoints, WhatIsConvertedWhatIsSaidAndWhatIsSrgb) {
  EXPECT_FALSE(colours_of_code_points(12, 13, "nclx").profile.empty());
  EXPECT_FALSE(colours_of_code_points(9, 14, "nclx").profile.empty());
  for (const auto& [primaries, transfer] : {std::pair(1, 13), {1, 1}, {2, 2}, {1, 2}, {6, 6}, {5, 13}}) {
    const CodedColours colours = colours_of_code_points(primaries, transfer, "nclx");
    EXPECT_TRUE(colours.profile.empty() && colours.warning.empty()) << primaries << ' ' << colours.warning;
  }
  for (const auto& [primaries, transfer] : {std::pair(9, 16), {9, 18}, {12, 16}, {77, 13}, {1, 200}}) {
    EXPECT_FALSE(colours_of_code_points(primaries, transfer, "nclx").warning.empty()) << primaries;
  }
}

}  // namespace
}  // namespace mien::test
