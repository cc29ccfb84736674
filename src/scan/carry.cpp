#include "scan/carry.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <tuple>

#include "base/half.h"

namespace mien {
namespace {

struct Pair {
  double similarity = 0;
  std::size_t before = 0;
  std::size_t after = 0;
};

double cosine(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return 0;
  double product = 0;
  double length_a = 0;
  double length_b = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    product += double{a[i]} * double{b[i]};
    length_a += double{a[i]} * double{a[i]};
    length_b += double{b[i]} * double{b[i]};
  }
  return length_a > 0 && length_b > 0 ? product / std::sqrt(length_a * length_b) : 0;
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

}  // namespace

std::vector<std::pair<std::size_t, std::size_t>> pair_same_faces(std::span<const std::vector<float>> before,
                                                                 std::span<const std::vector<float>> after) {
  std::vector<Pair> pairs;
  for (std::size_t i = 0; i < before.size(); ++i) {
    for (std::size_t j = 0; j < after.size(); ++j) {
      const double similarity = cosine(before[i], after[j]);
      if (similarity >= kSameFaceSimilarity) pairs.push_back({similarity, i, j});
    }
  }
  std::sort(pairs.begin(), pairs.end(), [](const Pair& a, const Pair& b) {
    return std::tie(b.similarity, a.before, a.after) < std::tie(a.similarity, b.before, b.after);
  });
  std::vector<bool> is_before_taken(before.size());
  std::vector<bool> is_after_taken(after.size());
  std::vector<std::pair<std::size_t, std::size_t>> chosen;
  for (const Pair& pair : pairs) {
    if (is_before_taken[pair.before] || is_after_taken[pair.after]) continue;
    is_before_taken[pair.before] = is_after_taken[pair.after] = true;
    chosen.emplace_back(pair.before, pair.after);
  }
  return chosen;
}

void carry_facts_of_changed(Store& store, const Record& record) {
  if (record.error || record.sha256.empty()) return;
  const std::optional<StoredPlace> place = store.find_place(record.source);
  if (!place || place->sha256.empty() || place->sha256 == record.sha256) return;
  const std::optional<StoredImage> image = store.find_image(place->sha256);
  if (!image) return;
  const std::vector<StoredFace> before = store.faces_of(image->id);
  std::vector<std::vector<float>> after;
  for (const Face& face : record.analysis.faces) after.push_back(face.embedding);
  std::vector<std::pair<Box, Box>> boxes;
  for (const auto& [i, j] :
       pair_same_faces(stored_embeddings(store, record.analysis.models.embedder_id, before), after)) {
    boxes.emplace_back(before[i].bbox, record.analysis.faces[j].bbox);
  }
  store.carry_facts(place->sha256, record.sha256, boxes);
}

}  // namespace mien
