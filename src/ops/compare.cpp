#include "ops/compare.h"

#include <fmt/format.h>

#include <cassert>
#include <cmath>

namespace mien {
namespace {

std::string shown(const ModelNames& models) {
  if (models.embedder_id.empty()) return "a model that is not known";
  return fmt::format("{} ({})", models.embedder.empty() ? "a model without a name" : models.embedder,
                     models.embedder_id);
}

// The face's embedding, or why there is none.
Result<const std::vector<float>*> embedding_of(const Analysis& analysis, std::size_t face) {
  if (face >= analysis.faces.size()) {
    return Error{ErrorCode::invalid_argument,
                 fmt::format("there is no face {}: the image has {}", face, analysis.faces.size())};
  }
  const std::vector<float>& embedding = analysis.faces[face].embedding;
  if (embedding.empty()) {
    return Error{ErrorCode::invalid_argument,
                 fmt::format("face {} has no embedding: analyse the image with an embedder", face)};
  }
  return &embedding;
}

}  // namespace

float cosine_similarity(const std::vector<float>& a, const std::vector<float>& b) {
  assert(a.size() == b.size());
  double dot = 0, norm_a = 0, norm_b = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    dot += static_cast<double>(a[i]) * b[i];
    norm_a += static_cast<double>(a[i]) * a[i];
    norm_b += static_cast<double>(b[i]) * b[i];
  }
  if (norm_a <= 0 || norm_b <= 0) return 0;
  return static_cast<float>(dot / std::sqrt(norm_a * norm_b));
}

std::optional<Error> refuse_comparison(const ModelNames& a, const ModelNames& b) {
  if (!a.embedder_id.empty() && a.embedder_id == b.embedder_id) return std::nullopt;
  return Error{ErrorCode::invalid_argument,
               fmt::format("embeddings of different models cannot be compared: one is of {}, the other of {}", shown(a),
                           shown(b))};
}

Result<float> compare_faces(const Analysis& a, std::size_t face_a, const Analysis& b, std::size_t face_b) {
  const Result<const std::vector<float>*> first = embedding_of(a, face_a);
  if (!first) return first.error();
  const Result<const std::vector<float>*> second = embedding_of(b, face_b);
  if (!second) return second.error();
  if (std::optional<Error> refusal = refuse_comparison(a.models, b.models)) return std::move(*refusal);
  if ((*first)->size() != (*second)->size()) {
    return Error{ErrorCode::invalid_argument, fmt::format("two embeddings of {} have {} and {} numbers: one is damaged",
                                                          shown(a.models), (*first)->size(), (*second)->size())};
  }
  return cosine_similarity(**first, **second);
}

}  // namespace mien
