// Sums and products of vectors of IEEE half floats, the same on every processor: halves and their sums are exact in
// doubles, products are added in eight lanes whatever vectors the processor has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace mien {

double half_value(std::uint16_t half);
// Adds the halves, one to each of the values.
void add_halves(std::span<double> values, std::span<const std::uint16_t> halves);
// Of vectors of equal length. Of two vectors of halves: exact_similarity() of index/similarity.h.
double dot(std::span<const double> a, std::span<const double> b);
double dot(std::span<const double> a, std::span<const std::uint16_t> b);
// For estimates: floats are summed in an order of the processor's choice.
float dot_about(const float* a, const float* b, std::size_t size);

}  // namespace mien
