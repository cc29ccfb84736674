#include "scan/carry.h"

#include <algorithm>
#include <map>
#include <optional>

#include "base/half.h"
#include "base/one_to_one.h"
#include "ops/compare.h"

namespace mien {
namespace {

double similarity_of(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() ? cosine_similarity(a, b) : 0;
}

// Of the faces in their order; empty for those without one.
std::vector<std::vector<float>> stored_embeddings(const Store& store, const std::string& embedder_id,
                                                  const std::vector<StoredFace>& faces) {
  std::vector<FaceKey> keys;
  std::map<FaceKey, std::size_t> places;
  for (std::size_t i = 0; i < faces.size(); ++i) {
    keys.push_back(faces[i].key);
    places[faces[i].key] = i;
  }
  std::vector<std::vector<float>> embeddings(faces.size());
  store.read_vectors(embedder_id, keys, [&](const StoredVector& vector) {
    std::vector<float>& embedding = embeddings[places.at(vector.key)];
    embedding.resize(vector.half.size());
    std::transform(vector.half.begin(), vector.half.end(), embedding.begin(), from_half);
  });
  return embeddings;
}

bool lies_elsewhere(const StoredImage& image, const std::string& path) {
  return std::any_of(image.paths.begin(), image.paths.end(), [&](const std::string& one) { return one != path; });
}

}  // namespace

std::vector<std::pair<std::size_t, std::size_t>> pair_same_faces(std::span<const std::vector<float>> before,
                                                                 std::span<const std::vector<float>> after) {
  return pair_one_to_one(before.size(), after.size(), kSameFaceSimilarity,
                         [&](std::size_t i, std::size_t j) { return similarity_of(before[i], after[j]); });
}

std::optional<std::string> carry_facts_of_changed(Store& store, const Record& record) {
  if (record.error || record.sha256.empty()) return std::nullopt;
  const std::optional<StoredPlace> place = store.find_place(record.source);
  if (!place || place->sha256.empty() || place->sha256 == record.sha256) return std::nullopt;
  const std::optional<StoredImage> image = store.find_image(place->sha256);
  if (!image) return std::nullopt;
  const std::vector<StoredFace> before = store.faces_of(image->id);
  std::vector<std::vector<float>> after;
  for (const Face& face : record.analysis.faces) after.push_back(face.embedding);
  const auto embeddings = stored_embeddings(store, record.analysis.models.embedder_id, before);
  const auto is_empty = [](const std::vector<float>& one) { return one.empty(); };
  if (std::all_of(embeddings.begin(), embeddings.end(), is_empty)) {
    const bool has_faces = !before.empty() && !std::all_of(after.begin(), after.end(), is_empty);
    return has_faces && lies_elsewhere(*image, record.source) ? std::optional(place->sha256) : std::nullopt;
  }
  std::vector<std::pair<Box, Box>> boxes;
  for (const auto& [i, j] : pair_same_faces(embeddings, after)) {
    boxes.emplace_back(before[i].bbox, record.analysis.faces[j].bbox);
  }
  store.carry_facts(place->sha256, record.sha256, boxes);
  return std::nullopt;
}

}  // namespace mien
