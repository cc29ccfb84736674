#include "index/similarity.h"

#include <cassert>
#include <string>

#include "index/half_kernel.h"
#include "mien/result.h"

namespace mien {

bool operator==(const Similar& a, const Similar& b) { return a.key == b.key && a.similarity == b.similarity; }

bool is_before(const Similar& a, const Similar& b) {
  return a.similarity > b.similarity || (a.similarity == b.similarity && a.key < b.key);
}

float exact_similarity(HalfSpan a, HalfSpan b) {
  assert(a.size() == b.size());
  return static_cast<float>(dot_halves(a.data(), b.data(), a.size()));
}

bool is_searchable(HalfSpan vector) {
  // What is not a number fails too.
  return dot_halves(vector.data(), vector.data(), vector.size()) <= kLengthMax * kLengthMax;
}

void check_searchable(HalfSpan vector, std::size_t dimension, std::optional<VectorKey> key) {
  const auto refuse = [key](const std::string& reason) {
    const std::string name = key ? "the vector of key " + std::to_string(*key) : "the vector to search for";
    throw Exception(ErrorCode::invalid_argument, name + reason);
  };
  if (vector.size() != dimension) {
    refuse(" has " + std::to_string(vector.size()) + " numbers and not " + std::to_string(dimension) +
           ": it is of another embedder");
  }
  if (!is_searchable(vector)) refuse(" is longer than 1, or has what is no number: divide it by its length");
}

}  // namespace mien
