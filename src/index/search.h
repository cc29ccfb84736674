// The most similar of many vectors: the answer is that of comparing each of them by exact_similarity(), by proof.
#pragma once

#include <cstddef>
#include <vector>

#include "index/similarity.h"
#include "index/vector_rows.h"

namespace mien {

// The `count` rows most similar to the query, in the order of is_before(); all when there are fewer. Every row's codes
// are read by up to `threads` threads; of the few rows whose codes leave it open whether they belong to the answer,
// `fetch` gives the stored vectors, in the calling thread. A row that it does not give counts as removed. Throws
// Exception(invalid_argument) for a query of another length or one that is_searchable() refuses, bad_data when `fetch`
// gives a vector of another length, and what `fetch` throws.
std::vector<Similar> search(const VectorRows& rows, HalfSpan query, std::size_t count, const FetchVectors& fetch,
                            int threads);

// All rows at least as similar as that, in the same order. Throws likewise.
std::vector<Similar> search_above(const VectorRows& rows, HalfSpan query, float similarity, const FetchVectors& fetch,
                                  int threads);

}  // namespace mien
