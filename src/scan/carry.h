// A photo that changed under its name: an editor wrote metadata, turned it, compressed it anew. Its faces are the same,
// and so is what people said of them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "mien/scan.h"
#include "mien/tools/store.h"

namespace mien {

// Two embeddings of one face in two versions of one photo are at least so similar (cosine). Of two people, or of one
// person in two photos, hardly any are.
inline constexpr double kSameFaceSimilarity = 0.9;

// Pairs of indexes, from the first and from the second, one to one: the most similar first, equally similar ones by
// their indexes. Vectors need not be unit vectors; an empty one is like none.
std::vector<std::pair<std::size_t, std::size_t>> pair_same_faces(std::span<const std::vector<float>> before,
                                                                 std::span<const std::vector<float>> after);

// Before the record is put: where its path held another content, what was said of a face there is said of the same face
// in the new content too. Does nothing else, and nothing twice. Returns the SHA-256 of that content where this may be
// possible later: the record's embedder has not seen it yet, and a copy of it lies elsewhere.
std::optional<std::string> carry_facts_of_changed(Store& store, const Record& record);

}  // namespace mien
