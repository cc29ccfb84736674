#include "ops/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <iterator>

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

constexpr float kStandsOutRatio = 2;  // area of the largest face over that of the next

float area(const Face& face) { return face.face_width() * face.face_height(); }

// By their numbers. C programs get them as they stand, so that each ends with a zero.
constexpr std::string_view kPoorReasons[] = {"too_small", "too_blurred", "too_dark", "low_contrast"};
constexpr std::string_view kVerdicts[] = {"same", "different", "not_comparable", "cannot_tell"};

}  // namespace

std::string_view poor_reason_name(PoorReason reason) { return kPoorReasons[static_cast<std::size_t>(reason)]; }

std::optional<PoorReason> poor_reason_from_name(std::string_view name) {
  const auto* const found = std::find(std::begin(kPoorReasons), std::end(kPoorReasons), name);
  if (found == std::end(kPoorReasons)) return std::nullopt;
  return static_cast<PoorReason>(found - std::begin(kPoorReasons));
}

std::string_view verdict_name(Verdict verdict) { return kVerdicts[static_cast<std::size_t>(verdict)]; }

bool has_usable_embedding(const Face& face) {
  float length2 = 0;
  for (const float value : face.embedding) length2 += value * value;
  return std::isfinite(length2) && length2 > 0;
}

const Face* find_largest_face(std::span<const Face> faces, const std::string& shown, std::vector<std::string>& notes) {
  std::vector<const Face*> usable;
  for (const Face& face : faces) {
    if (has_usable_embedding(face)) usable.push_back(&face);
  }
  if (usable.size() < 2) return usable.empty() ? nullptr : usable[0];
  std::ranges::stable_sort(usable, [](const Face* a, const Face* b) { return area(*a) > area(*b); });
  if (area(*usable[0]) < kStandsOutRatio * area(*usable[1])) {
    throw Exception(ErrorCode::invalid_argument,
                    fmt::format("{} shows {} faces and none is clearly the largest: crop it to the person to look for",
                                shown, usable.size()));
  }
  notes.push_back(fmt::format("{} shows {} faces; the largest one was looked for", shown, usable.size()));
  return usable[0];
}

bool is_poor(const Face& face) { return face.recognition_quality && *face.recognition_quality < kRecognitionFloor; }

Verdict judge(bool is_a_poor, bool is_b_poor, float similarity, float threshold) {
  if (is_a_poor && is_b_poor) return Verdict::not_comparable;
  if (similarity >= threshold) return Verdict::same;
  return is_a_poor || is_b_poor ? Verdict::cannot_tell : Verdict::different;
}

Verdict judge_pair(const Face& a, const Face& b, float similarity, float threshold, bool compare_anyway) {
  return judge(is_poor(a) && !compare_anyway, is_poor(b) && !compare_anyway, similarity, threshold);
}

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
