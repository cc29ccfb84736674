#include "ops/heads.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "ops/scene.h"
#include "support/targets.h"

namespace mien {
namespace {

std::vector<float> make_values(std::size_t count, int seed) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = std::sin(static_cast<float>((i * i + i) % 1009 + seed));
  return values;
}

struct Map {
  std::size_t channels, rows, columns;
  std::vector<float> values;
  // Zero outside.
  double at(std::size_t channel, std::int64_t row, std::int64_t column) const {
    if (row < 0 || column < 0 || row >= static_cast<std::int64_t>(rows) ||
        column >= static_cast<std::int64_t>(columns)) {
      return 0;
    }
    return values[(channel * rows + static_cast<std::size_t>(row)) * columns + static_cast<std::size_t>(column)];
  }
};

// The convolution as it is written down.
double convolve(const Map& map, const HeadConv& head, std::size_t output, std::int64_t row, std::int64_t column) {
  double sum = head.bias[output];
  const float* weight = head.weights.data() + output * map.channels * 9;
  for (std::size_t channel = 0; channel < map.channels; ++channel) {
    for (std::int64_t y = -1; y <= 1; ++y) {
      for (std::int64_t x = -1; x <= 1; ++x) sum += *weight++ * map.at(channel, row + y, column + x);
    }
  }
  return sum;
}

void expect_convolved(const Map& map) {
  const HeadConv head{map.channels, 3, make_values(3 * map.channels * 9, 1), make_values(3, 2)};
  const TensorView features{map.values.data(),
                            {1, static_cast<std::int64_t>(map.channels), static_cast<std::int64_t>(map.rows),
                             static_cast<std::int64_t>(map.columns)}};
  HeadScratch scratch;
  // Values that another map left behind do not show.
  scratch.rows.assign(100'000, 7.0F);
  FeatureRows rows(features, scratch);
  std::size_t row = 0;
  for (; rows.next(); ++row) {
    ASSERT_EQ(rows.row(), row);
    const FeatureRows::Row all = rows.convolve(head);
    for (std::size_t column = 0; column < map.columns; ++column) {
      rows.look_at(column);
      float some[2];
      rows.convolve_window(head, 1, 2, some);
      for (std::size_t output = 0; output < 3; ++output) {
        const double expected =
            convolve(map, head, output, static_cast<std::int64_t>(row), static_cast<std::int64_t>(column));
        ASSERT_NEAR(all.data[output * all.stride + column], expected, 1e-4) << row << " " << column;
        if (output == 0) continue;
        ASSERT_NEAR(some[output - 1], expected, 1e-4) << row << " " << column;
      }
    }
  }
  EXPECT_EQ(row, map.rows);
}

// Widths that fill vectors and that do not; one row, one column, one channel.
TEST(Heads, ConvolveAsItIsWrittenDown) {
  test::for_each_target([](const char* target) {
    SCOPED_TRACE(target);
    for (const auto& [channels, rows, columns] :
         {std::array<std::size_t, 3>{64, 3, 80}, {5, 7, 17}, {3, 4, 33}, {1, 1, 1}, {2, 1, 16}, {4, 6, 1}}) {
      expect_convolved({channels, rows, columns, make_values(channels * rows * columns, 3)});
    }
  });
}

}  // namespace
}  // namespace mien
