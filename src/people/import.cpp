#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <tuple>
#include <utility>

#include "base/file.h"
#include "base/processor.h"
#include "base/utf8.h"
#include "image/decode.h"
#include "image/orientation.h"
#include "mien/tools/people_import.h"
#include "people/names.h"
#include "people/photo_xmp.h"
#include "people/places_below.h"
#include "people/sidecars.h"
#include "people/xmp_names.h"

namespace mien {
namespace {

constexpr std::size_t kNotesMax = 5;

struct Photo {
  std::string path;
  std::string sha256;
  int width = 0;  // of the upright picture
  int height = 0;
  std::vector<Box> faces;
};

struct FoundName {
  std::string name;
  FacePlace place;
};

std::vector<Photo> photos_below(const Store& store, const std::vector<std::string>& sources) {
  std::vector<Photo> photos;
  for (const StoredPlace& place : places_below(store, sources)) {
    if (place.is_gone || place.sha256.empty()) continue;
    const std::optional<StoredImage> image = store.find_image(place.sha256);
    if (!image) continue;
    Photo photo{place.path, place.sha256, image->width, image->height, {}};
    for (const StoredFace& face : store.faces_of(image->id)) photo.faces.push_back(face.bbox);
    photos.push_back(std::move(photo));
  }
  return photos;
}

// What mien wrote from this store says nothing new, not even of people who were forgotten since.
std::set<std::string> tokens_of(const Store& store) {
  std::set<std::string> tokens;
  store.visit_person_tokens([&](const PersonToken& one) { tokens.insert(one.token); });
  return tokens;
}

class NameFinder {
 public:
  NameFinder(const std::vector<Photo>& photos, std::set<std::string> own_tokens, const ImportOptions& options)
      : photos_(photos), own_tokens_(std::move(own_tokens)), options_(options) {}

  ImportSummary run(const std::function<void(std::int64_t, std::int64_t)>& on_progress, const std::stop_token& stop) {
    const int asked = options_.threads > 0 ? options_.threads : usable_processors();
    std::vector<std::jthread> others;
    for (int i = 1; i < asked; ++i) others.emplace_back([&] { work(stop, {}); });
    work(stop, on_progress);
    others.clear();
    summary_.photos = static_cast<std::int64_t>(photos_.size());
    summary_.interrupted = stop.stop_requested();
    return std::move(summary_);
  }

  // By name and place, whatever the order of threads.
  std::vector<FoundName> take() {
    std::sort(found_.begin(), found_.end(), [](const FoundName& a, const FoundName& b) {
      return std::tie(a.name, a.place.sha256, a.place.bbox.x1, a.place.bbox.y1) <
             std::tie(b.name, b.place.sha256, b.place.bbox.x1, b.place.bbox.y1);
    });
    return std::move(found_);
  }

 private:
  void work(const std::stop_token& stop, const std::function<void(std::int64_t, std::int64_t)>& on_progress) {
    DecodedImage image;
    for (std::size_t i = next_++; i < photos_.size() && !stop.stop_requested(); i = next_++) {
      read(photos_[i], image, stop);
      if (on_progress) on_progress(static_cast<std::int64_t>(i), static_cast<std::int64_t>(photos_.size()));
    }
  }

  void read(const Photo& photo, DecodedImage& image, const std::stop_token& stop) {
    const Result<std::vector<std::uint8_t>> bytes = read_named_file(photo.path, options_.input.limits.bytes_max);
    if (!bytes) return fail(photo.path, bytes.error());
    const Result<Done> decoded = decode_image(*bytes, xmp_decoding(options_.input, stop), image);
    if (!decoded) return fail(photo.path, decoded.error());
    std::vector<Box> boxes;
    std::vector<std::string> names;
    int unusable = 0;
    const auto add = [&](const XmpNames& found) {
      unusable += found.unusable;
      for (const NamedRegion& region : found.regions) {
        if (own_tokens_.contains(region.person)) continue;
        const Box box = region_in_picture(region, found, image.orientation, photo.width, photo.height);
        bool is_there = false;
        for (std::size_t i = 0; i < boxes.size(); ++i) is_there |= names[i] == region.name && is_same(boxes[i], box);
        if (is_there) continue;
        boxes.push_back(box);
        names.push_back(region.name);
      }
    };
    // A packet that is broken is no failure of the photo.
    for (const std::vector<std::uint8_t>& packet : image.xmp) {
      if (const Result<XmpNames> found = read_xmp_names(packet)) add(*found);
    }
    for (const std::string& sidecar : sidecars_of(photo.path)) {
      const Result<std::vector<std::uint8_t>> text = read_named_file(sidecar, kSidecarBytesMax);
      const Result<XmpNames> found = text ? read_xmp_names(*text) : Result<XmpNames>(text.error());
      count_sidecar();
      if (found) {
        add(*found);
      } else {
        fail(sidecar, found.error());
      }
    }
    keep(photo, boxes, names, unusable);
  }

  static bool is_same(const Box& a, const Box& b) {
    const float reach = std::max(a.width(), a.height()) / 4;
    return std::abs(a.x1 - b.x1) <= reach && std::abs(a.y1 - b.y1) <= reach && std::abs(a.x2 - b.x2) <= reach &&
           std::abs(a.y2 - b.y2) <= reach;
  }

  void keep(const Photo& photo, const std::vector<Box>& boxes, const std::vector<std::string>& names, int unusable) {
    const std::vector<std::optional<std::size_t>> matches = match_regions(boxes, photo.faces);
    const std::lock_guard lock(mutex_);
    summary_.unusable += unusable;
    summary_.regions += unusable + static_cast<std::int64_t>(boxes.size());
    if (!boxes.empty()) ++summary_.with_names;
    for (std::size_t i = 0; i < boxes.size(); ++i) {
      if (matches[i]) {
        found_.push_back({names[i], {photo.sha256, photo.faces[*matches[i]]}});
      } else {
        ++summary_.no_face;
      }
    }
  }

  void fail(const std::string& path, const Error& error) {
    const std::lock_guard lock(mutex_);
    ++summary_.failed;
    if (summary_.notes.size() >= kNotesMax) return;
    summary_.notes.push_back(fmt::format("{}: {}", replace_invalid_utf8(path), error.message));
  }

  void count_sidecar() {
    const std::lock_guard lock(mutex_);
    ++summary_.sidecars;
  }

  const std::vector<Photo>& photos_;
  std::set<std::string> own_tokens_;
  const ImportOptions& options_;
  std::atomic<std::size_t> next_{0};
  std::mutex mutex_;  // guards what follows
  ImportSummary summary_;
  std::vector<FoundName> found_;
};

using PlaceId = std::tuple<PersonId, std::string, float, float, float, float>;

PlaceId place_id(PersonId person, const FacePlace& place) {
  return {person, place.sha256, place.bbox.x1, place.bbox.y1, place.bbox.x2, place.bbox.y2};
}

// What earlier imports said and nobody has undone.
std::set<PlaceId> read_imported(const Store& store) {
  std::set<PlaceId> imported;
  store.visit_operations([&](const PersonOperation& operation) {
    if (operation.is_undone || operation.kind != OperationKind::import) return;
    for (const Statement& one : operation.statements) {
      if (one.kind == VerdictKind::imported) imported.insert(place_id(one.person, one.place));
    }
  });
  return imported;
}

// One operation for each name; spellings that are one name are one person.
void state_names(Store& store, const People& people, std::vector<FoundName> found, ImportSummary& summary) {
  const std::set<PlaceId> imported = read_imported(store);
  std::vector<std::pair<std::string, std::vector<FacePlace>>> names;
  for (FoundName& one : found) {
    std::string name;
    try {
      name = check_name(one.name);
    } catch (const Exception&) {
      ++summary.unusable;
      continue;
    }
    auto known =
        std::find_if(names.begin(), names.end(), [&](const auto& row) { return is_same_name(row.first, name); });
    if (known == names.end()) known = names.emplace(known, std::move(name), std::vector<FacePlace>());
    known->second.push_back(std::move(one.place));
  }
  summary.persons = static_cast<std::int64_t>(names.size());
  for (auto& [name, places] : names) {
    const std::optional<PersonId> person = people.find_person(name);
    PersonOperation operation;
    operation.kind = OperationKind::import;
    operation.text = name;
    std::set<PlaceId> stated;
    for (FacePlace& place : places) {
      if (!stated.insert(place_id(0, place)).second) continue;  // two photos of one content
      if (person && imported.contains(place_id(*person, place))) {
        ++summary.known;
        continue;
      }
      operation.statements.push_back({std::move(place), VerdictKind::imported, 0});
    }
    if (operation.statements.empty()) continue;
    operation.person = person ? *person : store.add_person();
    for (Statement& one : operation.statements) one.person = operation.person;
    summary.stated += static_cast<std::int64_t>(operation.statements.size());
    store.add(operation);
  }
}

}  // namespace

ImportSummary import_names(Store& store, const People& people, const ImportOptions& options,
                           const std::function<void(std::int64_t, std::int64_t)>& on_progress,
                           const std::stop_token& stop) {
  const std::vector<Photo> photos = photos_below(store, options.sources);
  NameFinder finder(photos, tokens_of(store), options);
  ImportSummary summary = finder.run(on_progress, stop);
  if (!summary.interrupted) state_names(store, people, finder.take(), summary);
  return summary;
}

}  // namespace mien
