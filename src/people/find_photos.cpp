// The photos that show people, from the store alone.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <filesystem>

#include "base/half.h"
#include "base/utf8.h"
#include "mien/tools/people.h"
#include "models/thresholds.h"
#include "ops/compare.h"
#include "people/half.h"
#include "people/state.h"

namespace mien {
namespace {

using State = People::State;

constexpr float kStandsOutRatio = 2;  // area of the largest face over that of the next
constexpr int kSamePicture = 3;       // bits of 64 in which the hashes of near copies differ, at most

// What was found for one name or photo, by image.
using Found = std::map<ImageId, std::vector<FoundFace>>;

const Face& face_of_photo(const std::string& path, const Analysis& analysis, std::vector<std::string>& notes) {
  const std::string shown = replace_invalid_utf8(path);
  std::vector<const Face*> faces;
  for (const Face& face : analysis.faces) {
    if (!face.embedding.empty()) faces.push_back(&face);
  }
  const auto area = [](const Face* face) { return face->face_width() * face->face_height(); };
  std::ranges::stable_sort(faces, [&](const Face* a, const Face* b) { return area(a) > area(b); });
  if (faces.empty()) {
    throw Exception(ErrorCode::invalid_argument,
                    fmt::format("no face was found in {}: use a photo that shows the face from the front and at least "
                                "100 pixels wide",
                                shown));
  }
  if (faces.size() > 1 && area(faces[0]) < kStandsOutRatio * area(faces[1])) {
    throw Exception(ErrorCode::invalid_argument,
                    fmt::format("{} shows {} faces and none is clearly the largest: crop it to the person to look for",
                                shown, faces.size()));
  }
  if (faces.size() > 1)
    notes.push_back(fmt::format("{} shows {} faces; the largest one was looked for", shown, faces.size()));
  return *faces[0];
}

std::vector<std::uint16_t> unit_halves(const std::vector<float>& embedding) {
  double length = 0;
  for (const float value : embedding) length += static_cast<double>(value) * value;
  length = std::sqrt(length);
  std::vector<std::uint16_t> halves;
  for (const float value : embedding) {
    halves.push_back(to_half(length > 0 ? static_cast<float>(value / length) : 0));
  }
  return halves;
}

Found find_like(const State& state, const std::string& path, const Analysis& analysis, FindResult& result) {
  const Face& face = face_of_photo(path, analysis, result.notes);
  if (analysis.models.embedder_id != state.embedder_id) {
    throw Exception(ErrorCode::invalid_argument,
                    fmt::format("the store's embeddings are of {} and the photo's of {}: use --rec {}, or 'mien index' "
                                "the photos again with the other",
                                state.embedder.name, analysis.models.embedder, state.embedder.name));
  }
  const std::vector<std::uint16_t> wanted = unit_halves(face.embedding);
  const bool is_photo_poor = is_poor(face);
  if (is_photo_poor) {
    result.notes.push_back(
        fmt::format("the face in {} is too poor to be told from other poor faces: only good faces "
                    "can match it",
                    replace_invalid_utf8(path)));
  }
  Found found;
  state.store.visit_vectors(state.embedder_id, [&](const StoredVector& vector) {
    const auto at = state.by_id.find(vector.face);
    if (at == state.by_id.end() || vector.half.size() != wanted.size()) return;
    const FaceFacts* const said = state.facts_of(at->second);
    if (said != nullptr && said->is_no_face) return;
    if (is_photo_poor && state.is_poor(at->second)) return;
    ++result.compared;
    const auto similarity = static_cast<float>(dot(vector.half, std::span<const std::uint16_t>(wanted)));
    if (similarity < result.threshold) return;
    const StoredFace& stored = state.faces[at->second];
    found[stored.image].push_back({stored.id, stored.number, path, similarity});
  });
  return found;
}

Found find_named(const State& state, const std::string& who) {
  const PersonEntry entry = state.resolve(who);
  Found found;
  for (const FaceId id : entry.members) {
    const StoredFace& face = state.faces[state.by_id.at(id)];
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
  std::ranges::copy_if(image.paths, std::back_inserter(paths), [&](const std::string& path) {
    return folder.empty() || path.starts_with(folder + "/") || path == folder;
  });
  return paths;
}

std::string absolute_folder(const std::string& folder) {
  if (folder.empty()) return {};
  std::error_code error;
  std::string absolute = std::filesystem::absolute(folder, error).lexically_normal().string();
  while (absolute.size() > 1 && absolute.back() == '/') absolute.pop_back();
  return absolute == "/" ? "" : absolute;
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
  const std::string folder = absolute_folder(options.folder);
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
