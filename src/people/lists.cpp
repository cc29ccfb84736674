#include "people/lists.h"

#include "index/neighbours.h"

namespace mien {

std::vector<std::size_t> update_lists(std::span<const FaceKey> keys, std::span<const std::uint16_t> rows, int dimension,
                                      int threads, std::vector<std::vector<Neighbour>>& lists) {
  std::vector<NeighbourList> similar(lists.size());
  for (std::size_t i = 0; i < lists.size(); ++i) {
    for (const Neighbour& neighbour : lists[i]) similar[i].push_back({neighbour.key, neighbour.similarity});
  }
  const HalfRows half_rows{static_cast<std::size_t>(dimension), keys, rows};
  std::vector<std::size_t> changed = update_neighbours(half_rows, kNeighbours, threads, similar);
  for (const std::size_t i : changed) {
    lists[i].clear();
    for (const Similar& one : similar[i]) lists[i].push_back({one.key, one.similarity});
  }
  return changed;
}

}  // namespace mien
