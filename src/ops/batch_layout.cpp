#include "ops/batch_layout.h"

#include <algorithm>
#include <cmath>

namespace mien {
namespace {

bool is_near(float a, float b) { return std::abs(a - b) <= 1e-3F * std::max(1.0F, std::max(std::abs(a), std::abs(b))); }

// Whether `pair` holds the values of two images when those of image i are blocks of `block` values, taken in turn.
bool is_pair_of(const std::vector<float>& pair, const std::vector<float>& first, const std::vector<float>& second,
                std::size_t block) {
  if (pair.size() != first.size() + second.size() || block == 0 || first.size() % block != 0) return false;
  for (std::size_t i = 0; i < pair.size(); ++i) {
    const std::size_t at = i / (2 * block) * block + i % block;
    if (!is_near(pair[i], (i / block % 2 == 0 ? first : second)[at])) return false;
  }
  return true;
}

}  // namespace

BatchLayout batch_layout_of(const OutputLayout& outputs, const OutputValues& first, const OutputValues& second,
                            const OutputValues& pair) {
  const DetectorLevels levels = outputs.levels(first.size());
  bool is_plain = pair.size() == first.size();
  bool is_within_cells = is_plain;
  for (std::size_t i = 0; i < first.size() && i < pair.size(); ++i) {
    const std::size_t group = i / static_cast<std::size_t>(levels.count);
    const int values = outputs.values[group] * levels.anchors;
    is_plain = is_plain && is_pair_of(pair[i], first[i], second[i], first[i].size());
    is_within_cells = is_within_cells && is_pair_of(pair[i], first[i], second[i], static_cast<std::size_t>(values));
  }
  if (is_plain) return BatchLayout::plain;
  return is_within_cells ? BatchLayout::within_cells : BatchLayout::one_by_one;
}

}  // namespace mien
