#include "base/one_to_one.h"

#include <gtest/gtest.h>

namespace mien {
namespace {

using Pairs = std::vector<std::pair<std::size_t, std::size_t>>;

TEST(PairOneToOne, TheBestComeFirstAndNobodyIsInTwo) {
  const double scores[2][3] = {{0.6, 0.9, 0.5}, {0.8, 0.95, 0.4}};
  const auto score = [&](std::size_t first, std::size_t second) { return scores[first][second]; };
  EXPECT_EQ(pair_one_to_one(2, 3, 0.5, score), (Pairs{{1, 1}, {0, 0}}));
  EXPECT_EQ(pair_one_to_one(2, 3, 0.6, score), (Pairs{{1, 1}, {0, 0}}));
  EXPECT_EQ(pair_one_to_one(2, 3, 0.61, score), (Pairs{{1, 1}}));
  EXPECT_EQ(pair_one_to_one(0, 3, 0, score), Pairs{});
}

TEST(PairOneToOne, EqualOnesGoByTheirNumbers) {
  const auto all_alike = [](std::size_t, std::size_t) { return 1.0; };
  EXPECT_EQ(pair_one_to_one(3, 2, 1, all_alike), (Pairs{{0, 0}, {1, 1}}));
}

}  // namespace
}  // namespace mien
