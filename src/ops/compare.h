// How alike two faces are. The public compare_faces() of mien/face.h is the way there: it knows whose embeddings it
// has.
#pragma once

#include <optional>
#include <vector>

#include "mien/face.h"

namespace mien {

// -1..1; 0 when either is zero. For two embeddings of one model: of equal length.
float cosine_similarity(const std::vector<float>& a, const std::vector<float>& b);

// Why embeddings of these two cannot be compared: invalid_argument, naming both models. Empty when they can.
std::optional<Error> refuse_comparison(const ModelNames& a, const ModelNames& b);

}  // namespace mien
