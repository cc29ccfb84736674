// The lists of the most similar faces, kept up when faces come and go.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "mien/tools/store.h"

namespace mien {

inline constexpr std::size_t kNeighbours = 10;

// Of rows of `dimension` halves, each with a key: makes `lists`, one a row, the ten most similar other rows, the most
// similar first, the lower key of equal ones. An empty list is that of a new row. Returns the rows whose list is
// another now.
std::vector<std::size_t> update_lists(std::span<const FaceKey> keys, std::span<const std::uint16_t> rows, int dimension,
                                      int threads, std::vector<std::vector<Neighbour>>& lists);

}  // namespace mien
