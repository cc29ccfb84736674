// The photos that show people, from the store alone.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>

#include "base/utf8.h"
#include "index/similarity.h"
#include "mien/tools/people.h"
#include "models/thresholds.h"
#include "ops/compare.h"
#include "people/state.h"
#include "store/encode.h"
#include "store/places.h"

namespace mien {
namespace {

using State = People::State;

constexpr int kSamePicture = 3;  // bits of 64 in which the hashes of near copies differ, at most

// What was found for one name or photo, by image.
using Found = std::map<ImageId, std::vector<FoundFace>>;

const Face& face_of_photo(const std::string& path, const Analysis& analysis, std::vector<std::string>& notes) {
  const std::string shown = replace_invalid_utf8(path);
  if (const Face* const face = find_largest_face(analysis.faces, shown, notes)) return *face;
  throw Exception(ErrorCode::invalid_argument,
                  fmt::format("no face was found in {}: use a photo that shows the face from the front and at least "
                              "100 pixels wide",
                              shown));
}

Found find_like(const State& state, const std::string& path, const Analysis& analysis, FindResult& result) {
  const Face& face = face_of_photo(path, analysis, result.notes);
  if (analysis.models.embedder_id != state.embedder_id) {
    throw Exception(ErrorCode::invalid_argument,
                    fmt::format("the store's embeddings are of {} and the photo's of {}: use --rec {}, or 'mien index' "
                                "the photos again with the other",
                                state.embedder.name, analysis.models.embedder, state.embedder.name));
  }
  const HalfVector wanted = unit_half(face.embedding);
  const bool is_photo_poor = is_poor(face);
  if (is_photo_poor) {
    result.notes.push_back(
        fmt::format("the face in {} is too poor to be told from other poor faces: only good faces "
                    "can match it",
                    replace_invalid_utf8(path)));
  }
  Found found;
  state.store.visit_vectors(state.embedder_id, [&](const StoredVector& vector) {
    const std::size_t at = state.find_face(vector.face);
    if (at == People::State::kNone || vector.half.size() != wanted.size()) return;
    const FaceFacts* const said = state.facts_of(at);
    if (said != nullptr && said->is_no_face) return;
    if (is_photo_poor && state.is_poor(at)) return;
    ++result.compared;
    const float similarity = exact_similarity(vector.half, wanted);
    if (similarity < result.threshold) return;
    const StoredFace& stored = state.faces[at];
    found[stored.image].push_back({stored.id, stored.number, path, similarity});
  });
  return found;
}

Found find_named(const State& state, const std::string& who) {
  const PersonEntry entry = state.resolve(who);
  Found found;
  for (const FaceId id : entry.members) {
    const StoredFace& face = state.faces[state.face_at(id)];
    found[face.image].push_back({id, face.number, entry.name.empty() ? who : entry.name, {}});
  }
  return found;
}

// "2019" is 2019 and later: dates are compared as texts, as far as both go.
bool is_since(const std::string& taken, const std::string& since) {
  return taken.substr(0, since.size()) >= since.substr(0, taken.size());
}

void check_since(const std::string& since) {
  static constexpr std::string_view kShape = "dddd-dd-ddTdd:dd:dd";
  bool is_date = since.empty() || since.size() >= 4;
  for (std::size_t i = 0; i < since.size() && is_date; ++i) {
    const bool is_digit = since[i] >= '0' && since[i] <= '9';
    is_date = i < kShape.size() && (kShape[i] == 'd' ? is_digit : since[i] == kShape[i]);
  }
  if (is_date) return;
  throw Exception(ErrorCode::invalid_argument,
                  fmt::format("'{}' is no date: write it as 2019, 2019-07 or 2019-07-04", replace_invalid_utf8(since)));
}

std::uint64_t hash_bits(const std::string& phash) {
  std::uint64_t bits = 0;
  std::from_chars(phash.data(), phash.data() + phash.size(), bits, 16);
  return bits;
}

struct Hit {
  FoundPhoto photo;
  std::string phash;
  float similarity = -1;
};

// Photos that look like one before them become its copies. Two hashes that differ in three bits are equal in one of
// four quarters.
std::vector<FoundPhoto> fold_copies(std::vector<Hit> hits) {
  std::vector<FoundPhoto> photos;
  std::vector<std::uint64_t> hashes;
  std::unordered_map<std::uint64_t, std::vector<std::size_t>> by_quarter;
  for (Hit& hit : hits) {
    const std::uint64_t bits = hash_bits(hit.phash);
    std::size_t same = State::kNone;
    for (std::uint64_t quarter = 0; quarter < 4 && !hit.phash.empty(); ++quarter) {
      for (const std::size_t other : by_quarter[quarter << 16U | (bits >> 16U * quarter & 0xffffU)]) {
        if (std::popcount(hashes[other] ^ bits) <= kSamePicture) same = std::min(same, other);
      }
    }
    if (same != State::kNone) {
      std::vector<std::string>& copies = photos[same].copies;
      copies.push_back(std::move(hit.photo.source));
      copies.insert(copies.end(), hit.photo.copies.begin(), hit.photo.copies.end());
      continue;
    }
    for (std::uint64_t quarter = 0; quarter < 4 && !hit.phash.empty(); ++quarter) {
      by_quarter[quarter << 16U | (bits >> 16U * quarter & 0xffffU)].push_back(photos.size());
    }
    photos.push_back(std::move(hit.photo));
    hashes.push_back(bits);
  }
  return photos;
}

std::vector<std::string> paths_below(const StoredImage& image, const std::string& folder) {
  if (image.is_gone) return {};
  std::vector<std::string> paths;
  std::ranges::copy_if(image.paths, std::back_inserter(paths),
                       [&](const std::string& path) { return folder.empty() || path_below(folder, path); });
  return paths;
}

// Images with any, or all, of what was looked for.
std::map<ImageId, std::vector<FoundFace>> combined(const std::vector<Found>& wanted, bool all) {
  std::map<ImageId, std::vector<FoundFace>> faces;
  for (const Found& found : wanted) {
    for (const auto& [image, of_image] : found) {
      std::vector<FoundFace>& known = faces[image];
      known.insert(known.end(), of_image.begin(), of_image.end());
    }
  }
  if (!all) return faces;
  std::erase_if(faces, [&](const auto& row) {
    return std::ranges::any_of(wanted, [&](const Found& found) { return !found.contains(row.first); });
  });
  return faces;
}

std::vector<Hit> hits_of(const State& state, const FindOptions& options, const std::vector<Found>& wanted,
                         const std::vector<Found>& unwanted, FindResult& result) {
  const std::string folder = options.folder.empty() ? "" : absolute_path_of(options.folder);
  std::vector<Hit> hits;
  for (auto& [id, faces] : combined(wanted, options.all)) {
    if (std::ranges::any_of(unwanted, [&, image = id](const Found& found) { return found.contains(image); })) continue;
    const StoredImage& image = state.images.at(id);
    std::vector<std::string> paths = paths_below(image, folder);
    if (paths.empty()) continue;
    if (!options.since.empty() && image.taken.empty()) ++result.without_date;
    if (!options.since.empty() && (image.taken.empty() || !is_since(image.taken, options.since))) continue;
    Hit hit;
    hit.phash = image.phash;
    for (const FoundFace& face : faces) hit.similarity = std::max(hit.similarity, face.similarity.value_or(-1));
    hit.photo.source = paths.front();
    hit.photo.copies.assign(paths.begin() + 1, paths.end());
    hit.photo.taken = image.taken;
    hit.photo.faces = faces;
    hits.push_back(std::move(hit));
  }
  std::ranges::sort(hits, [](const Hit& a, const Hit& b) {
    if (a.similarity != b.similarity) return a.similarity > b.similarity;
    if (a.photo.taken != b.photo.taken) return a.photo.taken < b.photo.taken;
    return a.photo.source < b.photo.source;
  });
  return hits;
}

}  // namespace

FindResult People::find_photos(const FindOptions& options) const {
  State& state = *state_;
  FindResult result;
  check_since(options.since);
  std::vector<Found> wanted;
  std::vector<Found> unwanted;
  for (const std::string& name : options.names) wanted.push_back(find_named(state, name));
  for (const std::string& name : options.without) unwanted.push_back(find_named(state, name));
  if (!options.photos.empty()) {
    if (state.embedder_id.empty()) {
      throw Exception(ErrorCode::not_found, fmt::format("no face in the store {} has an embedding: 'mien index' reads "
                                                        "photos",
                                                        state.store.path()));
    }
    result.threshold = choose_threshold(state.embedder, options.threshold);
    for (const auto& [path, analysis] : options.photos) wanted.push_back(find_like(state, path, *analysis, result));
    const FalseMatchRate expected = false_match_rate(state.embedder, result.threshold);
    if (expected.rate) result.expected_false_matches = static_cast<double>(result.compared) * *expected.rate;
    if (!expected.note.empty()) result.notes.push_back(expected.note);
  }
  if (wanted.empty()) throw Exception(ErrorCode::invalid_argument, "nobody was named to look for");
  result.photos = fold_copies(hits_of(state, options, wanted, unwanted, result));
  return result;
}

}  // namespace mien
