#include "index/coded_query.h"

#include <gtest/gtest.h>

#include <limits>

#include "index/vectors.h"
#include "support/targets.h"

namespace mien {
namespace {

// Two numbers that the query's codes round up and down, and rows that have nothing but the one or the other, so that
// all that is off adds up.
void add_worst_case(test::Faces& faces, test::Half& query) {
  std::uint16_t up = 0, down = 0;
  double most = 0, least = 0;
  for (std::uint16_t half = to_half(0.04F); half < to_half(0.047F); ++half) {
    const double value = from_half(half) * 32000.0;
    const double off = std::nearbyint(value) - value;
    if (off > most) most = off, up = half;
    if (off < least) least = off, down = half;
  }
  ASSERT_GT(most - least, 0.7);
  std::vector<double> first(512), second(512);
  query.clear();
  for (std::size_t i = 0; i < 512; ++i) {
    query.push_back(i % 2 == 0 ? up : down);
    (i % 2 == 0 ? first : second)[i] = 1;
  }
  faces.add(test::unit(first));
  faces.add(test::unit(second));
}

TEST(CodedQuery, KnowsHowFarSimilaritiesAreOff) {
  test::Faces faces = test::hard_faces(512, 20);
  std::vector<test::Half> queries(1);
  add_worst_case(faces, queries[0]);
  for (int i = 0; i < 10; ++i) {
    const HalfSpan row = faces.row(faces.pick());
    queries.emplace_back(row.begin(), row.end());
    queries.push_back(faces.direction());
  }
  test::for_each_target([&](const char* target) {
    SCOPED_TRACE(target);
    const VectorRows rows = faces.coded();
    std::vector<ScanHit> hits(rows.size());
    for (const test::Half& half : queries) {
      const CodedQuery query(half, rows.stride());
      ASSERT_EQ(scan_rows(query.scan(), rows.codes(0), rows.scales(), rows.size(),
                          -std::numeric_limits<float>::infinity(), hits.data()),
                rows.size());
      for (const ScanHit& hit : hits) {
        const double off = std::abs(hit.similarity - test::similarity_of(half, faces.row(hit.row)));
        ASSERT_LT(off, hit.error) << hit.row;
        ASSERT_LT(hit.error, 0.3);
      }
    }
  });
}

}  // namespace
}  // namespace mien
