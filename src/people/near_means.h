// Which of many groups may be near to one another: the means of their vectors, compared in floats.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace mien {

class NearMeans {
 public:
  explicit NearMeans(int dimension) : dimension_(static_cast<std::size_t>(dimension)) {}
  void add(std::span<const double> sum, std::size_t count, bool is_new);
  void add(std::span<const std::uint16_t> half, bool is_new);

  // Pairs of groups by the order they were added in, one of them new, the first the smaller number: all whose mean
  // similarity is at least the threshold, and a few that are a little below it.
  std::vector<std::pair<std::uint32_t, std::uint32_t>> pairs_above(float threshold) const;

 private:
  std::size_t dimension_;
  std::vector<float> rows_;
  std::vector<bool> is_new_;
};

}  // namespace mien
