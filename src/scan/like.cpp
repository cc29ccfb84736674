#include "scan/like.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/file.h"
#include "base/utf8.h"
#include "ops/compare.h"

namespace mien {
WantedPerson read_wanted_person(const std::string& photo_path, const Analyze& analyze_with_embeddings,
                                std::size_t photo_bytes_max) {
  const std::string shown = replace_invalid_utf8(photo_path);
  const std::vector<std::uint8_t> bytes = read_file(photo_path, photo_bytes_max).take();
  Workspace workspace;
  Result<Analysis> analysis = analyze_with_embeddings(bytes, workspace);
  if (!analysis) {
    throw Exception(analysis.error().code,
                    fmt::format("the photo of the person to look for, {}: {}", shown, analysis.error().message));
  }
  WantedPerson person;
  for (const std::string& warning : analysis->warnings) person.notes.push_back(shown + ": " + warning);
  const Face* const face = find_largest_face(analysis->faces, shown, person.notes);
  if (face == nullptr) {
    throw Exception(
        ErrorCode::invalid_argument,
        fmt::format(
            "no face was found in the photo of the person to look for, {}{}: use one that "
            "shows the face from the front and at least 100 pixels wide",
            shown,
            analysis->warnings.empty() ? "" : " (" + fmt::format("{}", fmt::join(analysis->warnings, "; ")) + ")"));
  }
  person.models = analysis->models;
  person.is_poor = is_poor(*face);
  person.poor_reason = face->poor_reason;
  person.embedding = face->embedding;
  return person;
}

std::string poor_photo_warning(const WantedPerson& person, const std::string& photo_path) {
  if (!person.is_poor) return {};
  return fmt::format("the face in {} is too poor to be told from other poor faces{}: {}",
                     replace_invalid_utf8(photo_path),
                     person.poor_reason ? fmt::format(" ({})", poor_reason_name(*person.poor_reason)) : "",
                     person.compare_anyway ? "other poor faces match it all the same, as was asked for"
                                           : "only good faces can match it; use a better photo of the person");
}

void match_faces(const WantedPerson& person, Record& record) {
  const std::vector<Face>& faces = record.analysis.faces;
  for (std::size_t i = 0; i < faces.size(); ++i) {
    if (!has_usable_embedding(faces[i])) continue;
    if (const std::optional<Error> refusal = refuse_comparison(record.analysis.models, person.models)) {
      throw Exception(*refusal);
    }
    const float similarity = cosine_similarity(faces[i].embedding, person.embedding);
    record.best_similarity = std::max(similarity, record.best_similarity.value_or(similarity));
    const bool takes_poor = person.compare_anyway;
    const Verdict verdict =
        judge(person.is_poor && !takes_poor, is_poor(faces[i]) && !takes_poor, similarity, person.threshold);
    if (verdict == Verdict::same) record.matches.push_back({static_cast<int>(i), similarity});
  }
  std::stable_sort(record.matches.begin(), record.matches.end(),
                   [](const Match& a, const Match& b) { return a.similarity > b.similarity; });
}

}  // namespace mien
