#include "index/neighbours.h"

#include <gtest/gtest.h>

#include "index/vectors.h"
#include "mien/result.h"
#include "support/targets.h"

namespace mien {
namespace {

NeighbourList expected_of(const test::Faces& faces, std::size_t row, std::size_t count) {
  std::vector<Similar> ranking = faces.ranking(faces.row(row));
  std::erase_if(ranking, [&](const Similar& one) { return one.key == faces.key(row); });
  return test::first_of(std::move(ranking), count);
}

TEST(Neighbours, AreThoseOfAFullScanOnEveryProcessor) {
  for (const std::size_t dimension : {1, 2, 37, 512}) {
    SCOPED_TRACE(dimension);
    const test::Faces faces = test::hard_faces(dimension, 20);
    std::vector<NeighbourList> expected;
    for (std::size_t row = 0; row < faces.size(); ++row) expected.push_back(expected_of(faces, row, 10));
    test::for_each_target([&](const char* target) {
      SCOPED_TRACE(target);
      EXPECT_EQ(find_neighbours(faces.rows(), 10, 2), expected);
    });
  }
}

TEST(Neighbours, OfTwentyThousand) {
  const test::Faces faces = test::hard_faces(256, test::kManyPeople);
  ASSERT_GT(faces.size(), 7 * test::kManyPeople);
  const std::vector<NeighbourList> lists = find_neighbours(faces.rows(), 10, 2);
  ASSERT_EQ(lists.size(), faces.size());
  for (std::size_t row = 0; row < faces.size(); row += row + 300 < faces.size() ? 997 : 31) {
    ASSERT_EQ(lists[row], expected_of(faces, row, 10)) << row;
  }
}

TEST(Neighbours, OfFewAreAllOthers) {
  for (const std::size_t count : {0, 1, 2, 3, 100}) {
    SCOPED_TRACE(count);
    test::Faces faces(8);
    for (std::size_t size = 0; size < 4; ++size) {
      const std::vector<NeighbourList> lists = find_neighbours(faces.rows(), count, 3);
      ASSERT_EQ(lists.size(), size);
      for (std::size_t row = 0; row < size; ++row) EXPECT_EQ(lists[row], expected_of(faces, row, count));
      faces.add(faces.direction());
    }
  }
}

// Rows in the order of `faces`, with the lists that they had before.
std::vector<NeighbourList> lists_of(const test::Faces& faces, const std::map<VectorKey, NeighbourList>& known) {
  std::vector<NeighbourList> lists(faces.size());
  for (std::size_t row = 0; row < faces.size(); ++row) {
    if (const auto found = known.find(faces.key(row)); found != known.end()) lists[row] = found->second;
  }
  return lists;
}

TEST(Neighbours, FollowWhatComesAndGoes) {
  for (const unsigned seed : {1U, 2U, 3U, 4U}) {
    SCOPED_TRACE(seed);
    test::Faces faces = test::hard_faces(48, 10, seed);
    std::minstd_rand random(seed);
    std::map<VectorKey, NeighbourList> known;
    for (int round = 0; round < 12; ++round) {
      std::vector<NeighbourList> lists = lists_of(faces, known);
      const std::vector<NeighbourList> before = lists;
      const std::vector<std::size_t> changed = update_neighbours(faces.rows(), 10, 2, lists);
      ASSERT_EQ(lists, find_neighbours(faces.rows(), 10, 1)) << round;
      std::vector<std::size_t> different;
      for (std::size_t row = 0; row < lists.size(); ++row) {
        if (lists[row] != before[row]) different.push_back(row);
        known[faces.key(row)] = lists[row];
      }
      ASSERT_EQ(changed, different) << round;

      // A few come, beside those that are there or alone; a few go; a few lists are lost.
      for (auto i = random() % 30; i > 0 && round % 3 != 1; --i) {
        const HalfSpan row = faces.row(faces.pick());
        const test::Half half(row.begin(), row.end());
        faces.add(i % 3 == 0 ? half : i % 3 == 1 ? faces.near(half, 0.3) : faces.direction());
      }
      for (auto i = random() % 30; i > 0 && round % 3 != 0; --i) faces.remove(faces.pick());
      for (auto i = random() % 3; i > 0; --i) known[faces.key(faces.pick())].clear();
    }
  }
}

TEST(Neighbours, OfThousandsFollowAThousandThatCome) {
  test::Faces faces(64);
  faces.add_people(500, 10);
  std::vector<NeighbourList> lists = find_neighbours(faces.rows(), 10, 2);
  // Of people who are there, and of one whom each new photo shows.
  const test::Half newcomer = faces.direction();
  for (int i = 0; i < 1500; ++i) {
    const HalfSpan row = faces.row(faces.pick());
    faces.add(i % 2 == 0 ? faces.near(newcomer, 0.5) : faces.near(test::Half(row.begin(), row.end()), 0.5));
  }
  lists.resize(faces.size());
  update_neighbours(faces.rows(), 10, 2, lists);
  EXPECT_EQ(lists, find_neighbours(faces.rows(), 10, 2));
}

TEST(Neighbours, RefuseRowsThatDoNotFit) {
  const auto code = [](const HalfRows& rows, std::size_t list_count) {
    std::vector<NeighbourList> lists(list_count);
    try {
      update_neighbours(rows, 10, 1, lists);
    } catch (const Exception& exception) {
      return exception.error().code;
    }
    return ErrorCode::internal;
  };
  const std::vector<VectorKey> keys = {1, 2};
  const std::vector<VectorKey> equal = {3, 3};
  const test::Half halves = {0x3c00, 0, 0, 0x3c00};
  const test::Half bad = {0x3c00, 0, 0x7e00, 0};
  EXPECT_EQ(code({2, keys, halves}, 2), ErrorCode::internal);
  EXPECT_EQ(code({2, keys, halves}, 3), ErrorCode::invalid_argument);
  EXPECT_EQ(code({3, keys, halves}, 2), ErrorCode::invalid_argument);
  EXPECT_EQ(code({0, keys, {}}, 2), ErrorCode::invalid_argument);
  EXPECT_EQ(code({2, equal, halves}, 2), ErrorCode::invalid_argument);
  EXPECT_EQ(code({2, keys, bad}, 2), ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace mien
