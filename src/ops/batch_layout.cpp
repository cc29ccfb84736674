#include "ops/batch_layout.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "device/accelerator.h"

namespace mien {
namespace {

// What every detector takes; the sides differ, so that neither is taken for the other.
constexpr std::int64_t kProbeWidth = 160, kProbeHeight = 128;

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

std::vector<std::uint8_t> make_noise_levels(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<std::uint8_t> levels(count);
  for (std::uint8_t& level : levels) level = static_cast<std::uint8_t>(random() % 256);
  return levels;
}

std::vector<float> make_noise(const Feed& feed, std::size_t count, unsigned seed) {
  std::vector<float> values;
  values.reserve(count);
  for (const std::uint8_t level : make_noise_levels(count, seed)) {
    values.push_back((static_cast<float>(level) - feed.mean) * feed.scale);
  }
  return values;
}

BatchLayout find_batch_layout(const Detector& detector, const RunModel& run) {
  if (!detector.batch_is_free) return BatchLayout::one_by_one;
  const std::int64_t width = detector.fixed_width.value_or(kProbeWidth);
  const std::int64_t height = detector.fixed_height.value_or(kProbeHeight);
  const std::size_t floats = static_cast<std::size_t>(3 * width * height);
  const std::vector<float> planes = make_noise(detector.kind->feed, 2 * floats);
  const std::span<const float> both(planes);
  const OutputValues first = run(both.first(floats), {1, 3, height, width});
  const OutputValues second = run(both.last(floats), {1, 3, height, width});
  OutputValues pair;
  try {
    pair = run(both, {2, 3, height, width});
  } catch (const OutOfDeviceMemory&) {
    throw;
  } catch (const Exception&) {
    return BatchLayout::one_by_one;
  }
  return batch_layout_of(detector.kind->outputs, first, second, pair);
}

}  // namespace mien
