#include "people/near_means.h"

#include <algorithm>
#include <thread>

#include "base/processor.h"
#include "people/half.h"

namespace mien {
namespace {

using Pairs = std::vector<std::pair<std::uint32_t, std::uint32_t>>;

constexpr float kMargin = 1e-3F;    // far more than what floats lose in a few thousand products of unit vectors
constexpr std::size_t kBlock = 32;  // rows that stay in the processor's cache

}  // namespace

void NearMeans::add(std::span<const double> sum, std::size_t count, bool is_new) {
  for (const double value : sum) rows_.push_back(static_cast<float>(value / static_cast<double>(count)));
  is_new_.push_back(is_new);
}

void NearMeans::add(std::span<const std::uint16_t> half, bool is_new) {
  for (const std::uint16_t value : half) rows_.push_back(static_cast<float>(half_value(value)));
  is_new_.push_back(is_new);
}

Pairs NearMeans::pairs_above(float threshold) const {
  const std::size_t count = is_new_.size();
  const std::size_t workers = std::min(static_cast<std::size_t>(usable_processors()), 1 + count / 1000);
  std::vector<Pairs> found(workers);
  const auto compare_block = [&](std::size_t begin, Pairs& pairs) {
    const std::size_t end = std::min(count, begin + kBlock);
    for (std::size_t y = begin; y < count; ++y) {
      for (std::size_t x = begin; x < std::min(end, y); ++x) {
        if (!is_new_[x] && !is_new_[y]) continue;
        const float mean = dot_about(rows_.data() + x * dimension_, rows_.data() + y * dimension_, dimension_);
        if (mean >= threshold - kMargin) pairs.emplace_back(x, y);
      }
    }
  };
  {
    std::vector<std::jthread> threads;
    for (std::size_t worker = 0; worker < workers; ++worker) {
      threads.emplace_back([&, worker] {
        for (std::size_t b = worker; b * kBlock < count; b += workers) compare_block(b * kBlock, found[worker]);
      });
    }
  }
  Pairs all;
  for (const Pairs& pairs : found) all.insert(all.end(), pairs.begin(), pairs.end());
  return all;
}

}  // namespace mien
