#include "index/similarity.h"

#include <gtest/gtest.h>

#include "index/vectors.h"
#include "mien/result.h"
#include "support/targets.h"

namespace mien {
namespace {

TEST(Similarity, IsTheProductRoundedOnceEverywhere) {
  for (const std::size_t dimension : {1, 2, 7, 16, 37, 128, 512, 513, 1024}) {
    const test::Faces faces = test::hard_faces(dimension, 10);
    test::for_each_target([&](const char* target) {
      SCOPED_TRACE(target);
      for (std::size_t i = 0; i < faces.size(); ++i) {
        const std::size_t other = (i * 7 + 3) % faces.size();
        ASSERT_EQ(exact_similarity(faces.row(i), faces.row(other)),
                  test::similarity_of(faces.row(i), faces.row(other)));
      }
    });
  }
}

TEST(Similarity, CountsTheSmallestHalves) {
  // 2^-24 each, whose products are 2^-48.
  const test::Half smallest(512, 1);
  test::for_each_target([&](const char* target) {
    SCOPED_TRACE(target);
    EXPECT_EQ(exact_similarity(smallest, smallest), 512 * 0x1p-48F);
  });
}

TEST(Similarity, OrdersByKeyWhatIsEquallySimilar) {
  EXPECT_TRUE(is_before({2, 0.5F}, {1, 0.25F}));
  EXPECT_TRUE(is_before({1, 0.5F}, {2, 0.5F}));
  EXPECT_FALSE(is_before({2, 0.5F}, {1, 0.5F}));
  EXPECT_FALSE(is_before({1, 0.5F}, {1, 0.5F}));
}

TEST(Similarity, KnowsWhatMayBeSearched) {
  test::Faces faces(512);
  test::Half half = faces.direction();
  test::for_each_target([&](const char* target) {
    SCOPED_TRACE(target);
    EXPECT_TRUE(is_searchable(half));
    EXPECT_TRUE(is_searchable(test::Half(512, 0)));
    // Infinite, no number, and too long: the last at ends and in the middle.
    for (const std::uint16_t bad : test::Half{0x7c00, 0xfc00, 0x7e00, 0x7bff, 0x3d00}) {
      for (const std::size_t place : {0, 100, 511}) {
        test::Half changed = half;
        changed[place] = bad;
        EXPECT_FALSE(is_searchable(changed)) << bad << " " << place;
      }
    }
  });
}

}  // namespace
}  // namespace mien
