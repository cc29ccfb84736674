#include "index/vector_rows.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "index/vectors.h"
#include "mien/result.h"
#include "support/targets.h"

namespace mien {
namespace {

ErrorCode code_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Exception& exception) {
    return exception.error().code;
  }
  return ErrorCode::internal;
}

TEST(VectorRows, KnowsHowFarItsCodesAreOff) {
  for (const std::size_t dimension : {1, 15, 64, 100, 512, 1024, 4096}) {
    const test::Faces faces = test::hard_faces(dimension, 10);
    test::for_each_target([&](const char* target) {
      SCOPED_TRACE(target);
      const VectorRows rows = faces.coded();
      for (std::size_t i = 0; i < rows.size(); ++i) {
        double rest = 0;
        for (std::size_t d = 0; d < rows.stride(); ++d) {
          const double value = d < dimension ? from_half(faces.row(i)[d]) : 0;
          const double part = value - static_cast<double>(rows.scales()[i].scale) * rows.codes(i)[d];
          rest += part * part;
        }
        ASSERT_GE(rows.scales()[i].error, std::sqrt(rest)) << i;
        ASSERT_LE(rows.scales()[i].error, std::sqrt(rest) * 1.01 + 1e-7) << i;
      }
    });
  }
}

TEST(VectorRows, TakesLittleMoreThanAByteANumber) {
  test::Faces faces(512);
  VectorRows rows(512);
  const test::Half half = faces.direction();
  for (VectorKey key = 0; key < 100'000; ++key) rows.append(key, half);
  EXPECT_LT(rows.bytes(), 100'000 * 7 * 1024 / 10);
}

TEST(VectorRows, RemovesByKey) {
  // More than one block, of which the last goes.
  test::Faces faces(1);
  VectorRows rows(1);
  const std::size_t count = VectorRows::kBlockRows + 100;
  for (std::size_t i = 0; i < count; ++i) rows.append(static_cast<VectorKey>(i), test::unit({i % 2 == 0 ? 1.0 : -1.0}));
  std::vector<VectorKey> gone = {5, 5, 70'000, -1, static_cast<VectorKey>(count) - 1};
  for (VectorKey key = 1000; key < 3000; key += 2) gone.push_back(key);
  EXPECT_EQ(rows.remove(gone), 1002U);
  EXPECT_EQ(rows.remove(gone), 0U);
  ASSERT_EQ(rows.size(), count - 1002);
  const std::set<VectorKey> removed(gone.begin(), gone.end());
  std::set<VectorKey> left;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const VectorKey key = rows.keys()[i];
    EXPECT_FALSE(removed.contains(key));
    EXPECT_TRUE(left.insert(key).second);
    ASSERT_EQ(rows.codes(i)[0], key % 2 == 0 ? 127 : -127) << key;
  }
  std::vector<VectorKey> all(left.begin(), left.end());
  EXPECT_EQ(rows.remove(all), all.size());
  EXPECT_EQ(rows.size(), 0U);
  rows.append(7, test::unit({1}));
  EXPECT_EQ(rows.keys()[0], 7);
}

TEST(VectorRows, RefusesWhatCannotBeSearched) {
  EXPECT_EQ(code_of([] { VectorRows rows(0); }), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of([] { VectorRows rows(4097); }), ErrorCode::invalid_argument);
  VectorRows rows(2);
  EXPECT_EQ(code_of([&] { rows.append(1, test::Half{0x3c00}); }), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of([&] { rows.append(1, test::Half{0x7e00, 0}); }), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of([&] { rows.append(1, test::Half{0x3c00, 0x3c00}); }), ErrorCode::invalid_argument);
  EXPECT_EQ(rows.size(), 0U);
}

}  // namespace
}  // namespace mien
