#include "ops/resize.h"

#include <gtest/gtest.h>

#include "base/sha256.h"
#include "support/pictures.h"
#include "support/targets.h"

namespace mien {
namespace {

using test::make_flat;
using test::make_noise;

constexpr Feed kLevels = {.mean = 0.0F, .scale = 1.0F, .bgr = false};

std::vector<float> letterbox(ImageView in, const LetterboxSize& size, const Feed& feed) {
  ResizeScratch scratch;
  std::vector<float> planes(static_cast<std::size_t>(3 * size.canvas_width * size.canvas_height), -1.0F);
  letterbox_into(in, size, feed, scratch, planes.data());
  return planes;
}

// Planes of whole levels as interleaved bytes.
test::ByteVector to_bytes(const std::vector<float>& planes) {
  const std::size_t plane = planes.size() / 3;
  test::ByteVector bytes(planes.size());
  for (std::size_t i = 0; i < plane; ++i) {
    for (std::size_t channel = 0; channel < 3; ++channel) {
      bytes[3 * i + channel] = static_cast<std::uint8_t>(planes[channel * plane + i]);
    }
  }
  return bytes;
}

// Bit for bit: a level more or less would move faces that lie at the threshold.
TEST(Letterbox, EqualsOpenCvOnEveryInstructionSet) {
  const nlohmann::json golden = test::read_golden("resize.json");
  for (const nlohmann::json& item : golden.at("cases")) {
    SCOPED_TRACE(item.dump());
    const Image image = make_noise(item.at("width"), item.at("height"), item.at("channels"), item.at("seed"));
    const int width = item.at("new_width");
    const int height = item.at("new_height");
    test::for_each_target([&](const char* target) {
      SCOPED_TRACE(target);
      const test::ByteVector bytes = to_bytes(letterbox(image, {width, height, width, height}, kLevels));
      EXPECT_EQ(sha256_hex(sha256(bytes)), item.at("sha256").get<std::string>());
    });
  }
}

// Sides around every vector length, so that each has a remainder of each size; with a feed that rounds.
TEST(Letterbox, InstructionSetsAgreeToTheLastBit) {
  const Feed feed = {.mean = 127.5F, .scale = 1.0F / 128.0F, .bgr = true};
  for (int width = 1; width <= 40; ++width) {
    const Image image = make_noise(2 * width + 3, 9, width % 3 == 0 ? 1 : 3, static_cast<std::uint64_t>(width));
    std::optional<std::vector<float>> first;
    test::for_each_target([&](const char* target) {
      const std::vector<float> planes = letterbox(image, {width, 7, width + 5, 8}, feed);
      if (!first) first = planes;
      EXPECT_EQ(planes, *first) << target << ", width " << width;
    });
  }
}

TEST(Letterbox, LiesAtTheTopLeftOfABlackCanvas) {
  const Feed feed = {.mean = 10.0F, .scale = 2.0F, .bgr = false};
  const std::vector<float> planes = letterbox(make_flat(8, 4, 3, 200), {6, 3, 9, 5}, feed);
  for (std::size_t i = 0; i < planes.size(); ++i) {
    const std::size_t x = i % 9;
    const std::size_t y = i / 9 % 5;
    EXPECT_EQ(planes[i], x < 6 && y < 3 ? 380.0F : -20.0F) << "x " << x << ", y " << y;
  }
}

TEST(Letterbox, OrdersPlanesAsTheModelWants) {
  Image image(1, 1, 3);
  image.data()[0] = 10, image.data()[1] = 20, image.data()[2] = 30;
  EXPECT_EQ(letterbox(image, {1, 1, 1, 1}, kLevels), (std::vector<float>{10, 20, 30}));
  EXPECT_EQ(letterbox(image, {1, 1, 1, 1}, {.mean = 0, .scale = 1, .bgr = true}), (std::vector<float>{30, 20, 10}));
}

TEST(Letterbox, GrayEqualsThreeTimesTheSame) {
  const Image gray = make_noise(61, 43, 1, 5);
  const Image colour = test::replicate_gray(gray);
  for (const LetterboxSize& size : {LetterboxSize{31, 22, 32, 32}, {61, 43, 64, 64}, {100, 70, 128, 96}}) {
    EXPECT_EQ(letterbox(gray, size, kLevels), letterbox(colour, size, kLevels));
  }
}

TEST(Letterbox, ReadsAPartOfAnImageLikeItsCopy) {
  const Image image = make_noise(90, 70, 3, 6);
  const ImageView part = image.view().crop(33, 20, 57, 50);  // reaches the image's last pixel
  const LetterboxSize size{40, 35, 64, 64};
  EXPECT_EQ(letterbox(part, size, kLevels), letterbox(test::copy_pixels(part), size, kLevels));
}

TEST(Letterbox, OldScratchLeavesNoTrace) {
  const Feed feed = {.mean = 1.0F, .scale = 0.5F, .bgr = false};
  ResizeScratch scratch;
  std::vector<float> planes(3 * 128 * 128);
  letterbox_into(make_noise(200, 150, 3, 7), {128, 96, 128, 128}, feed, scratch, planes.data());
  const Image small = make_noise(9, 12, 1, 8);
  planes.resize(3 * 32 * 32);
  letterbox_into(small, {24, 32, 32, 32}, feed, scratch, planes.data());
  EXPECT_EQ(planes, letterbox(small, {24, 32, 32, 32}, feed));
}

}  // namespace
}  // namespace mien
