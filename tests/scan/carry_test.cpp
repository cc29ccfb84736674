#include "scan/carry.h"

#include <gtest/gtest.h>

#include <cmath>

namespace mien {
namespace {

using Pairs = std::vector<std::pair<std::size_t, std::size_t>>;

// At this angle from the first axis.
std::vector<float> at(double degrees, float length = 1) {
  const double radians = degrees * std::acos(-1.0) / 180;
  return {length * static_cast<float>(std::cos(radians)), length * static_cast<float>(std::sin(radians))};
}

TEST(Carry, PairsTheMostSimilarFacesOneToOne) {
  // Both of the second photo are near enough to the first face; the nearer one has it.
  const std::vector<std::vector<float>> before = {at(0), at(90)};
  const std::vector<std::vector<float>> after = {at(20), at(5, 30), at(100)};
  EXPECT_EQ(pair_same_faces(before, after), (Pairs{{0, 1}, {1, 2}}));
}

TEST(Carry, LeavesWhatIsNotNearEnough) {
  const double limit = std::acos(kSameFaceSimilarity) * 180 / std::acos(-1.0);
  const std::vector<std::vector<float>> before = {at(0)};
  EXPECT_EQ(pair_same_faces(before, std::vector<std::vector<float>>{at(limit - 0.01)}), (Pairs{{0, 0}}));
  EXPECT_EQ(pair_same_faces(before, std::vector<std::vector<float>>{at(limit + 0.01)}), Pairs());
}

TEST(Carry, LeavesFacesWithoutEmbeddingsAndOfOtherLengths) {
  const std::vector<std::vector<float>> before = {{}, at(0), {0, 0}};
  const std::vector<std::vector<float>> after = {{1, 0, 0}, {}, {0, 0}};
  EXPECT_EQ(pair_same_faces(before, after), Pairs());
}

TEST(Carry, DecidesEqualOnesByTheirOrder) {
  const std::vector<std::vector<float>> twins = {at(0), at(0)};
  EXPECT_EQ(pair_same_faces(twins, twins), (Pairs{{0, 0}, {1, 1}}));
}

}  // namespace
}  // namespace mien
