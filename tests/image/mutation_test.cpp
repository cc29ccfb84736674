// A short run of the mutants that fuzz/mutate_images.cpp makes by the thousand: worth most in the sanitizer builds.
#include "../../fuzz/mutate_images.h"

#include <gtest/gtest.h>

#include "image/image_files.h"

namespace mien {
namespace {

// What a mutant of our small images may take. A sanitizer costs a factor of about three, a busy machine another.
constexpr double kMutantMsMax = 2000;

TEST(Mutation, MutantsDecodeOrFailInOrder) {
  std::vector<fuzz::ByteVector> seeds;
  for (const nlohmann::json& golden : test::read_goldens("images")) {
    seeds.push_back(test::read_image(golden.at("name")));
  }
  DecodeOptions options;
  options.limits.pixels_max = 4'000'000;
  DecodedImage image;
  Image upright;
  int decoded = 0;
  int warned = 0;
  for (std::uint64_t number = 0; number < 300; ++number) {
    const fuzz::ByteVector mutant = fuzz::make_mutant(seeds, 1, number);
    const fuzz::MutantResult result = fuzz::decode_mutant(mutant, options, image, upright);
    EXPECT_LT(result.cpu_ms, kMutantMsMax) << "mutant " << number;
    EXPECT_NE(result.error_name, "internal") << "mutant " << number;
    decoded += result.decoded ? 1 : 0;
    warned += result.warned ? 1 : 0;
    if (result.decoded) {
      EXPECT_LE(std::int64_t{1} * image.stored_width * image.stored_height, options.limits.pixels_max);
    }
  }
  // Mutants that all fail would test little.
  EXPECT_GT(decoded, 60);
  EXPECT_GT(warned, 30);
}

}  // namespace
}  // namespace mien
