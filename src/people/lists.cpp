#include "people/lists.h"

#include <algorithm>
#include <unordered_set>

#include "people/half.h"

namespace mien {
namespace {

bool is_before(const Neighbour& a, const Neighbour& b) {
  return a.similarity != b.similarity ? a.similarity > b.similarity : a.key < b.key;
}

bool insert(std::vector<Neighbour>& list, const Neighbour& neighbour) {
  const auto at = std::upper_bound(list.begin(), list.end(), neighbour, is_before);
  if (at == list.end() && list.size() >= kNeighbours) return false;
  if (std::ranges::find(list, neighbour.key, &Neighbour::key) != list.end()) return false;
  list.insert(at, neighbour);
  if (list.size() > kNeighbours) list.pop_back();
  return true;
}

}  // namespace

std::vector<std::size_t> update_lists(std::span<const FaceKey> keys, std::span<const std::uint16_t> rows, int dimension,
                                      int /*threads*/, std::vector<std::vector<Neighbour>>& lists) {
  const std::size_t size = static_cast<std::size_t>(dimension);
  const std::unordered_set<FaceKey> known(keys.begin(), keys.end());
  std::vector<bool> is_new(keys.size());
  std::vector<bool> has_changed(keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const bool names_gone =
        std::ranges::any_of(lists[i], [&](const Neighbour& neighbour) { return !known.contains(neighbour.key); });
    if (names_gone || lists[i].size() < std::min(kNeighbours, keys.size() - 1)) lists[i].clear();
    is_new[i] = has_changed[i] = lists[i].empty();
  }
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (!is_new[i]) continue;
    for (std::size_t j = 0; j < keys.size(); ++j) {
      if (j == i || (is_new[j] && j < i)) continue;
      const auto similarity = static_cast<float>(dot(rows.subspan(i * size, size), rows.subspan(j * size, size)));
      insert(lists[i], {keys[j], similarity});
      if (insert(lists[j], {keys[i], similarity})) has_changed[j] = true;
    }
  }
  std::vector<std::size_t> changed;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (has_changed[i] && !(keys.size() == 1)) changed.push_back(i);
  }
  return changed;
}

}  // namespace mien
