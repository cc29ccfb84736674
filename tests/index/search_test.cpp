#include "index/search.h"

#include <gtest/gtest.h>

#include "index/vectors.h"
#include "mien/result.h"
#include "support/targets.h"

namespace mien {
namespace {

std::vector<test::Half> queries_for(test::Faces& faces, int count) {
  std::vector<test::Half> queries;
  for (int i = 0; i < count; ++i) {
    const HalfSpan row = faces.row(faces.pick());
    const test::Half half(row.begin(), row.end());
    queries.push_back(i % 3 == 0 ? half : i % 3 == 1 ? faces.near(half, 0.5) : faces.direction());
  }
  return queries;
}

void expect_full_scan(const test::Faces& faces, const VectorRows& rows, HalfSpan query,
                      const std::vector<Similar>& ranking) {
  for (const std::size_t count : {std::size_t{1}, std::size_t{10}, faces.size() / 2, faces.size() + 5}) {
    ASSERT_EQ(search(rows, query, count, faces.fetch(), 2), test::first_of(ranking, count)) << count;
  }
  // At a similarity that rows have, just above it, and at any.
  const float some = ranking[ranking.size() / 3].similarity;
  for (const float least : {0.4F, some, std::nextafter(some, 2.0F), -2.0F, 2.0F}) {
    ASSERT_EQ(search_above(rows, query, least, faces.fetch(), 3), test::above(ranking, least)) << least;
  }
}

TEST(Search, AnswersLikeAFullScanOnEveryProcessor) {
  for (const std::size_t dimension : {1, 2, 37, 128, 512}) {
    SCOPED_TRACE(dimension);
    test::Faces faces = test::hard_faces(dimension, 30);
    std::vector<test::Half> queries = queries_for(faces, 12);
    queries.emplace_back(dimension, std::uint16_t{0});
    std::vector<std::vector<Similar>> rankings;
    for (const test::Half& query : queries) rankings.push_back(faces.ranking(query));
    test::for_each_target([&](const char* target) {
      SCOPED_TRACE(target);
      const VectorRows rows = faces.coded();
      for (std::size_t i = 0; i < queries.size(); ++i) expect_full_scan(faces, rows, queries[i], rankings[i]);
    });
  }
}

TEST(Search, FindsTheBestOfManyNearCopies) {
  // Their similarities differ by less than their codes are off: by the codes alone the order is another one.
  test::Faces faces(512);
  const test::Half one = faces.direction();
  for (int i = 0; i < 3000; ++i) faces.add(faces.near(one, 3e-3));
  const std::vector<Similar> ranking = faces.ranking(one);
  test::for_each_target([&](const char* target) {
    SCOPED_TRACE(target);
    const VectorRows rows = faces.coded();
    EXPECT_EQ(search(rows, one, 20, faces.fetch(), 2), test::first_of(ranking, 20));
    EXPECT_EQ(search_above(rows, one, ranking[700].similarity, faces.fetch(), 2),
              test::above(ranking, ranking[700].similarity));
  });
}

TEST(Search, AnswersLikeAFullScanOfTwentyThousand) {
  test::Faces faces = test::hard_faces(512, test::kManyPeople);
  ASSERT_GT(faces.size(), 7 * test::kManyPeople);
  std::size_t fetched = 0;
  const FetchVectors counting = [&](std::span<const VectorKey> keys, const VectorVisit& visit) {
    fetched += keys.size();
    faces.fetch()(keys, visit);
  };
  const std::vector<test::Half> queries = queries_for(faces, 30);
  const VectorRows rows = faces.coded();
  for (const test::Half& query : queries) {
    const std::vector<Similar> ranking = faces.ranking(query);
    for (const int threads : {-1, 1, 2, 5}) {
      ASSERT_EQ(search(rows, query, 10, counting, threads), test::first_of(ranking, 10)) << threads;
    }
    ASSERT_EQ(search_above(rows, query, 0.35F, counting, 2), test::above(ranking, 0.35F));
  }
  EXPECT_LT(fetched / queries.size() / 5, 1000U);
}

TEST(Search, FindsWhatRemainsOfRows) {
  test::Faces faces = test::hard_faces(64, 40);
  VectorRows rows = faces.coded();
  const test::Half query = faces.direction();
  std::vector<VectorKey> gone;
  for (int i = 0; i < 200; ++i) {
    const std::size_t row = faces.pick();
    gone.push_back(faces.key(row));
    faces.remove(row);
  }
  // Removed from the store and still among the rows, then from both.
  const std::vector<Similar> ranking = faces.ranking(query);
  EXPECT_EQ(search(rows, query, 10, faces.fetch(), 1), test::first_of(ranking, 10));
  EXPECT_EQ(search(rows, query, 400, faces.fetch(), 1), test::first_of(ranking, 400));
  EXPECT_EQ(search_above(rows, query, 0.1F, faces.fetch(), 1), test::above(ranking, 0.1F));
  EXPECT_EQ(rows.remove(gone), 200U);
  EXPECT_EQ(search(rows, query, 10, faces.fetch(), 1), test::first_of(ranking, 10));
}

TEST(Search, AsksForMoreWhenTheBestAreGone) {
  test::Faces faces(512);
  const test::Half one = faces.direction();
  for (int i = 0; i < 300; ++i) faces.add(faces.near(one, 0.1));
  faces.add_people(50, 3);
  const VectorRows rows = faces.coded();
  for (const Similar& best : test::first_of(faces.ranking(one), 290)) {
    for (std::size_t i = 0; i < faces.size(); ++i) {
      if (faces.key(i) != best.key) continue;
      faces.remove(i);
      break;
    }
  }
  EXPECT_EQ(search(rows, one, 15, faces.fetch(), 2), test::first_of(faces.ranking(one), 15));
}

TEST(Search, OfNothingFindsNothing) {
  test::Faces faces(16);
  VectorRows rows = faces.coded();
  const test::Half query = faces.direction();
  EXPECT_TRUE(search(rows, query, 10, faces.fetch(), 2).empty());
  EXPECT_TRUE(search_above(rows, query, -1, faces.fetch(), 2).empty());
  faces.add(query);
  rows = faces.coded();
  EXPECT_TRUE(search(rows, query, 0, faces.fetch(), 2).empty());
  EXPECT_EQ(search(rows, query, 10, faces.fetch(), 2), faces.ranking(query));
}

TEST(Search, RefusesQueriesAndStoredVectorsThatDoNotFit) {
  test::Faces faces = test::hard_faces(16, 3);
  const VectorRows rows = faces.coded();
  const FetchVectors damaged = [](std::span<const VectorKey> keys, const VectorVisit& visit) {
    for (const VectorKey key : keys) visit(key, test::Half(15, 0));
  };
  const auto code = [&](const test::Half& query, const FetchVectors& fetch) {
    try {
      search(rows, query, 3, fetch, 1);
    } catch (const Exception& exception) {
      return exception.error().code;
    }
    return ErrorCode::internal;
  };
  EXPECT_EQ(code(test::Half(15, 0), faces.fetch()), ErrorCode::invalid_argument);
  EXPECT_EQ(code(test::Half(16, 0x7e00), faces.fetch()), ErrorCode::invalid_argument);
  EXPECT_EQ(code(faces.direction(), damaged), ErrorCode::bad_data);
}

}  // namespace
}  // namespace mien
