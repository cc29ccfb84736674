// How alike two stored vectors are, exactly: what every search and every list of neighbours is ordered by.
//
// A vector is a unit vector (of length 1 within 0.01, as rounding leaves it) or zero, in IEEE half floats.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "mien/tools/store.h"

namespace mien {

using VectorKey = FaceKey;
using HalfSpan = std::span<const std::uint16_t>;

// Longest vector that may be indexed.
inline constexpr std::size_t kDimensionsMax = 4096;
// Longest length of a vector: a unit vector whose numbers were rounded.
inline constexpr double kLengthMax = 1.01;

using Similar = Neighbour;  // what the store keeps of each face

bool operator==(const Similar& a, const Similar& b);
// The order of answers: the more similar first, and of equally similar ones the smaller key.
bool is_before(const Similar& a, const Similar& b);

// The scalar product, rounded once to a float: it is the same on every processor and in whatever order it is summed.
// For halves are multiples of 2^-24 and their products of 2^-48; as long as the products' magnitudes add up to less
// than 32, which those of unit vectors do, every partial sum fits the 53 bits of a double. Both of equal length.
float exact_similarity(HalfSpan a, HalfSpan b);

// Whether its numbers are finite and its length is at most kLengthMax.
bool is_searchable(HalfSpan vector);
// Throws Exception(invalid_argument), naming the key, unless it is_searchable() and has so many numbers. Without a key
// it is what is searched for.
void check_searchable(HalfSpan vector, std::size_t dimension, std::optional<VectorKey> key);

// Calls `visit` for those of the keys that (still) have a vector, once each, in any order. Store::read_vectors() is
// one.
using VectorVisit = std::function<void(VectorKey key, HalfSpan half)>;
using FetchVectors = std::function<void(std::span<const VectorKey> keys, const VectorVisit& visit)>;

}  // namespace mien
