#include "people/half.h"

#include <gtest/gtest.h>

#include <bit>
#include <numeric>
#include <random>
#include <vector>

#include "index/vectors.h"
#include "support/targets.h"

namespace mien {
namespace {

std::vector<double> sums_of(test::Faces& faces, std::size_t rows) {
  std::vector<double> sums(faces.row(0).size());
  for (std::size_t row = 0; row < rows; ++row) add_halves(sums, faces.row(row));
  return sums;
}

// A processor without vectors of its own says what all others must say, to the last bit.
TEST(HalfSums, SumsAndProductsAreTheSameEverywhere) {
  for (const std::size_t dimension : {1, 7, 8, 37, 128, 512, 513}) {
    test::Faces faces = test::hard_faces(dimension, 20);
    std::vector<std::vector<double>> sums;
    std::vector<std::uint64_t> mixed;
    std::vector<std::uint64_t> doubles;
    test::for_each_target([&](const char*) {
      sums.push_back(sums_of(faces, 20));
      mixed.push_back(std::bit_cast<std::uint64_t>(dot(sums.back(), faces.row(3))));
      doubles.push_back(std::bit_cast<std::uint64_t>(dot(sums.back(), sums.back())));
    });
    ASSERT_GE(sums.size(), 1U);
    for (std::size_t i = 1; i < sums.size(); ++i) {
      EXPECT_EQ(sums[i], sums[0]) << dimension;
      EXPECT_EQ(mixed[i], mixed[0]) << dimension;
      EXPECT_EQ(doubles[i], doubles[0]) << dimension;
    }
  }
}

TEST(HalfSums, ProductsAreWhatLongerNumbersGive) {
  test::Faces faces = test::hard_faces(512, 20);
  test::for_each_target([&](const char* target) {
    SCOPED_TRACE(target);
    const std::vector<double> sums = sums_of(faces, 20);
    std::vector<double> row;
    for (const std::uint16_t half : faces.row(5)) row.push_back(half_value(half));
    const auto exact =
        static_cast<double>(std::transform_reduce(sums.begin(), sums.end(), row.begin(), 0.0L, std::plus<>(),
                                                  [](double a, double b) { return static_cast<long double>(a) * b; }));
    EXPECT_NEAR(dot(sums, faces.row(5)), exact, 1e-13);
    EXPECT_NEAR(dot(sums, row), exact, 1e-13);
    const std::vector<float> a(sums.begin(), sums.end());
    const std::vector<float> b(row.begin(), row.end());
    EXPECT_NEAR(static_cast<double>(dot_about(a.data(), b.data(), a.size())), exact, 1e-4);
  });
}

}  // namespace
}  // namespace mien
