#include "scan/indexed.h"

#include <algorithm>
#include <utility>

#include "base/sha256.h"
#include "scan/source_state.h"
#include "store/places.h"

namespace mien {
namespace {

constexpr std::size_t kBatchPlaces = 4096;

struct AskedPlace {
  StoredPlace stored;
  bool is_asked = false;  // it lies below a source
  FoundSource found;
};

class IndexedFinder {
 public:
  IndexedFinder(const std::vector<std::string>& sources, const std::string& terms, KnownPaths& paths,
                KnownContents& contents)
      : sources_(sources), terms_(terms), paths_(paths), contents_(contents), gone_(sources) {}

  IndexedPhotos run(const Store& store) {
    std::vector<AskedPlace> batch;
    store.visit_places([&](const StoredPlace& place) {
      batch.push_back({place, is_asked(place.path), {}});
      if (batch.size() == kBatchPlaces) take(batch);
    });
    take(batch);
    photos_.all_gone = gone_.find_source_all_gone();
    return std::move(photos_);
  }

 private:
  bool is_asked(const std::string& path) const {
    return std::any_of(sources_.begin(), sources_.end(),
                       [&](const std::string& source) { return path_below(source, path).has_value(); });
  }

  void take(std::vector<AskedPlace>& batch) {
    ask_for_all(batch, [this](AskedPlace& place) {
      if (!place.is_asked) return;
      const std::string& path = place.stored.path;
      place.found =
          compare_source(path, open_item(path).state(), place.stored.size_bytes, place.stored.mtime_ns, identities_);
    });
    for (const AskedPlace& place : batch) {
      add_content(place.stored);
      if (place.is_asked) judge(place);
    }
    batch.clear();
  }

  void add_content(const StoredPlace& place) {
    if (place.terms != terms_ || place.can_be_repeated) return;
    if (const std::optional<Sha256Digest> digest = sha256_from_hex(place.sha256)) contents_.set_place(*digest, 0);
  }

  void judge(const AskedPlace& place) {
    const StoredPlace& stored = place.stored;
    if (place.found.now == SourceNow::gone) {
      gone_.add_gone(place.found.identity);
      if (!stored.is_gone) photos_.gone.push_back(stored.path);
      ++photos_.kept.gone;
      return keep(stored, true);
    }
    gone_.add_there(place.found.identity);
    if (place.found.now == SourceNow::changed) {
      ++photos_.kept.changed;
      return;
    }
    if (stored.terms != terms_ || stored.can_be_repeated || !paths_.insert(place.found.identity)) return;
    if (stored.is_gone) photos_.back.push_back(stored.path);
    keep(stored, false);
  }

  void keep(const StoredPlace& stored, bool is_gone) {
    ++photos_.kept.images;
    ++photos_.kept.resumed;
    if (!stored.error.empty() && !is_gone) ++photos_.kept.failed;
  }

  const std::vector<std::string>& sources_;
  const std::string& terms_;
  KnownPaths& paths_;
  KnownContents& contents_;
  Identities identities_;
  GoneSources gone_;
  IndexedPhotos photos_;
};

}  // namespace

IndexedPhotos find_indexed(const Store& store, const std::vector<std::string>& sources, const std::string& terms,
                           KnownPaths& paths, KnownContents& contents) {
  return IndexedFinder(sources, terms, paths, contents).run(store);
}

}  // namespace mien
