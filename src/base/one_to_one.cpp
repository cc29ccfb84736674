#include "base/one_to_one.h"

#include <algorithm>
#include <tuple>

namespace mien {

std::vector<std::pair<std::size_t, std::size_t>> pair_one_to_one(
    std::size_t firsts, std::size_t seconds, double least,
    const std::function<double(std::size_t first, std::size_t second)>& score) {
  struct Scored {
    double score;
    std::size_t first;
    std::size_t second;
  };
  std::vector<Scored> all;
  for (std::size_t first = 0; first < firsts; ++first) {
    for (std::size_t second = 0; second < seconds; ++second) {
      const double value = score(first, second);
      if (value >= least) all.push_back({value, first, second});
    }
  }
  std::sort(all.begin(), all.end(), [](const Scored& a, const Scored& b) {
    return std::tie(b.score, a.first, a.second) < std::tie(a.score, b.first, b.second);
  });
  std::vector<bool> is_first_taken(firsts);
  std::vector<bool> is_second_taken(seconds);
  std::vector<std::pair<std::size_t, std::size_t>> pairs;
  for (const Scored& one : all) {
    if (is_first_taken[one.first] || is_second_taken[one.second]) continue;
    is_first_taken[one.first] = is_second_taken[one.second] = true;
    pairs.emplace_back(one.first, one.second);
  }
  return pairs;
}

}  // namespace mien
