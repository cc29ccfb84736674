// The most similar others of each of many vectors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "index/similarity.h"

namespace mien {

// Vectors as they are stored, one after another, each with a key of its own. The memory is the caller's.
struct HalfRows {
  std::size_t dimension = 0;
  std::span<const VectorKey> keys;
  std::span<const std::uint16_t> halves;  // keys.size() * dimension

  std::size_t size() const { return keys.size(); }
  HalfSpan row(std::size_t i) const { return halves.subspan(i * dimension, dimension); }
};

// Of one row, in the order of is_before().
using NeighbourList = std::vector<Similar>;

// For each row the `count` other rows most similar to it (all others when there are fewer), exactly. Throws
// Exception(invalid_argument) for rows that do not fit together or that is_searchable() refuses, naming the key.
std::vector<NeighbourList> find_neighbours(const HalfRows& rows, std::size_t count, int threads);

// Makes `lists`, one a row, what find_neighbours() would make of these rows, out of lists that were right before rows
// came and went. A new row has an empty list; a list that is too short, too long or names a key that is not there any
// more is made anew. Work is in proportion to new and renewed rows times all rows. Returns the rows whose list is
// another now, ascending. Throws likewise, also for another number of lists than of rows.
std::vector<std::size_t> update_neighbours(const HalfRows& rows, std::size_t count, int threads,
                                           std::vector<NeighbourList>& lists);

}  // namespace mien
