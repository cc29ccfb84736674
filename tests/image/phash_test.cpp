#include "image/phash.h"

#include <bit>

#include <gtest/gtest.h>

#include "image/resample.h"
#include "ops/scene.h"
#include "support/targets.h"

namespace mien {
namespace {

using test::Scene;

// No tolerance, even for pictures with symmetry, where rounding decides half of the bits.
TEST(PerceptualHash, EqualsImagehash) {
  const nlohmann::json goldens = test::read_ops_golden("phash.json");
  for (const nlohmann::json& golden : goldens["cases"]) {
    const std::uint64_t hash = perceptual_hash(test::make_scene(golden));
    EXPECT_EQ(perceptual_hash_hex(hash), golden["phash"].get<std::string>()) << golden;
  }
}

TEST(PerceptualHash, EveryInstructionSetGivesTheSame) {
  const Image in = test::make_scene(Scene::smooth, 233, 150, 3);
  const std::uint64_t expected = perceptual_hash(in);
  test::for_each_target([&](const char* target) { EXPECT_EQ(perceptual_hash(in), expected) << target; });
}

TEST(PerceptualHash, ReadsThroughAStride) {
  const Image in = test::make_scene(Scene::smooth, 61, 50, 3);
  const test::PaddedCopy padded(in, 5);
  EXPECT_EQ(perceptual_hash(padded.view()), perceptual_hash(in));
}

TEST(PerceptualHash, BarelyChangesWithTheSize) {
  const Image in = test::make_scene(Scene::smooth, 400, 300, 3);
  Image half;
  resample(in, 200, 150, ResampleFilter::lanczos, half);
  // Similar pictures differ in few of 64 bits, strangers in about half.
  EXPECT_LE(std::popcount(perceptual_hash(in) ^ perceptual_hash(half)), 6);
  const Image other = test::make_scene(Scene::noise, 400, 300, 3);
  EXPECT_GE(std::popcount(perceptual_hash(in) ^ perceptual_hash(other)), 16);
}

TEST(PerceptualHash, OfOneColourHasOneBit) {
  Image image(50, 40, 1);
  std::fill_n(image.data(), image.size_bytes(), std::uint8_t{77});
  EXPECT_EQ(perceptual_hash(image), std::uint64_t{1} << 63);
}

TEST(PerceptualHash, HexHasSixteenDigits) {
  EXPECT_EQ(perceptual_hash_hex(0), "0000000000000000");
  EXPECT_EQ(perceptual_hash_hex(0x0123456789ABCDEF), "0123456789abcdef");
}

}  // namespace
}  // namespace mien
