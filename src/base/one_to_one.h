// Which of two rows of things belong together, one to one.
#pragma once

#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

namespace mien {

// Pairs of a first and a second one: those that score the most come first, equal ones by their numbers, and nobody is
// in two. What scores less than `least` is no pair.
std::vector<std::pair<std::size_t, std::size_t>> pair_one_to_one(
    std::size_t firsts, std::size_t seconds, double least,
    const std::function<double(std::size_t first, std::size_t second)>& score);

}  // namespace mien
