#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <utility>

#include "base/file.h"
#include "base/processor.h"
#include "base/sha256.h"
#include "base/utf8.h"
#include "image/decode.h"
#include "index/parallel.h"
#include "mien/tools/people_write.h"
#include "ops/detect.h"
#include "people/images.h"
#include "people/names.h"
#include "people/photo_xmp.h"
#include "people/places_below.h"
#include "people/sidecars.h"
#include "people/write_plan.h"
#include "people/xmp_toolkit.h"
#include "store/places.h"

namespace mien {
namespace {

constexpr float kSmallestPixels = 1;

bool is_same_face(const Box& a, const Box& b) { return intersection_over_union(a, b) >= kSameFaceOverlap; }

Box cut(const Box& box, int width, int height) {
  const auto inside = [](float value, int side) { return std::clamp(value, 0.0F, static_cast<float>(side)); };
  return {inside(box.x1, width), inside(box.y1, height), inside(box.x2, width), inside(box.y2, height)};
}

struct NamedImage {
  int width = 0;  // of the upright photo
  int height = 0;
  std::vector<WantedName> names;
};

// What the store says: which names belong to which content.
class StoreNames {
 public:
  StoreNames(const Store& store, const People& people, bool also_found) {
    store.visit_person_tokens([&](const PersonToken& one) {
      tokens_[one.token] = one.is_forgotten;
      has_forgotten_ = has_forgotten_ || one.is_forgotten;
      by_person_[one.person] = one.token;
    });
    for (const FacePlace& place : store.suppressed()) suppressed_.emplace(place.sha256, place.bbox);
    for (const PersonOperation& operation : people.history()) {
      if (operation.is_undone || operation.kind != OperationKind::import) continue;
      for (const Statement& one : operation.statements) {
        if (one.kind != VerdictKind::imported) continue;
        imported_.emplace(one.place.sha256, Imported{one.place.bbox, operation.text});
      }
    }
    const Images images(store);
    for (const PersonEntry& person : people.list(false, 1)) {
      if (person.person == 0 || person.name.empty()) continue;
      for (const FaceId member : person.members) {
        const PersonFace face = people.face(member);
        // Another program may have changed the store since the people were read.
        if (const StoredImage& image = images.at(face.image); !image.sha256.empty()) {
          add(person, face, image, also_found);
        }
      }
    }
  }

  const NamedImage* find(const std::string& sha256) const {
    const auto found = images_.find(sha256);
    return found == images_.end() ? nullptr : &found->second;
  }
  const KnownTokens& tokens() const { return tokens_; }
  bool has_forgotten() const { return has_forgotten_; }

 private:
  struct Imported {
    Box bbox;
    std::string name;
  };

  void add(const PersonEntry& person, const PersonFace& face, const StoredImage& image, bool also_found) {
    if (face.state == FaceState::found && !also_found) return;
    if (face.state == FaceState::imported && stood_in_a_file(image.sha256, face.bbox, person.name)) return;
    if (is_suppressed(image.sha256, face.bbox)) return;
    const auto token = by_person_.find(person.person);
    if (token == by_person_.end()) return;
    const Box box = cut(face.bbox, image.width, image.height);
    if (box.width() < kSmallestPixels || box.height() < kSmallestPixels) return;
    NamedImage& named = images_[image.sha256];
    named.width = image.width;
    named.height = image.height;
    named.names.push_back({person.name, token->second, box});
  }

  bool stood_in_a_file(const std::string& sha256, const Box& bbox, const std::string& name) const {
    const auto [first, last] = imported_.equal_range(sha256);
    return std::any_of(first, last, [&](const auto& one) {
      return is_same_face(one.second.bbox, bbox) && is_same_name(one.second.name, name);
    });
  }

  bool is_suppressed(const std::string& sha256, const Box& bbox) const {
    const auto [first, last] = suppressed_.equal_range(sha256);
    return std::any_of(first, last, [&](const auto& one) { return is_same_face(one.second, bbox); });
  }

  KnownTokens tokens_;
  bool has_forgotten_ = false;
  std::unordered_map<PersonId, std::string> by_person_;
  std::unordered_multimap<std::string, Box> suppressed_;  // by sha256, as what follows
  std::unordered_multimap<std::string, Imported> imported_;
  std::unordered_map<std::string, NamedImage> images_;
};

// A sidecar that is there.
struct OpenSidecar {
  std::string path;
  bool is_own = false;
  ReadSidecar read;
  XmpNames names;
};

class NameWriter {
 public:
  NameWriter(const std::vector<StoredPlace>& places, const StoreNames& store, const WriteNamesOptions& options)
      : places_(places), store_(store), options_(options) {}

  WriteNamesSummary run(const std::function<void(std::int64_t, std::int64_t)>& on_progress,
                        const std::stop_token& stop) {
    const int asked = options_.threads > 0 ? options_.threads : usable_processors();
    const std::thread::id caller = std::this_thread::get_id();
    const std::function<void(std::int64_t, std::int64_t)> nobody;
    run_in_threads(asked, [&] { work(stop, std::this_thread::get_id() == caller ? on_progress : nobody); });
    summary_.photos = static_cast<std::int64_t>(places_.size());
    summary_.interrupted = stop.stop_requested();
    std::ranges::sort(summary_.files, {}, &SidecarChange::path);
    std::ranges::sort(summary_.left, {}, &LeftAlone::path);
    return std::move(summary_);
  }

 private:
  // What one thread keeps from photo to photo.
  struct Bench {
    std::optional<FolderImages> folder;
    DecodedImage image;
  };

  void work(const std::stop_token& stop, const std::function<void(std::int64_t, std::int64_t)>& on_progress) {
    Bench bench;
    try {
      for (std::size_t i = next_++; i < places_.size() && !stop.stop_requested(); i = next_++) {
        try {
          visit(places_[i], bench, stop);
        } catch (const Exception& failure) {
          leave(places_[i].path, failure.error());
        }
        if (on_progress) on_progress(static_cast<std::int64_t>(i), static_cast<std::int64_t>(places_.size()));
      }
    } catch (...) {
      next_ = places_.size();  // the other threads end too
      throw;
    }
  }

  void visit(const StoredPlace& place, Bench& bench, const std::stop_token& stop) {
    const NamedImage* const named = place.sha256.empty() ? nullptr : store_.find(place.sha256);
    const std::string folder = place.path.substr(0, place.path.rfind('/') + 1);
    if (!bench.folder || bench.folder->folder() != folder) bench.folder.emplace(folder, !options_.dry_run);
    const SidecarPlaces sidecars = find_sidecars(place.path, *bench.folder);
    // Photos of one name may have a sidecar in common.
    const std::lock_guard lock(lock_of(place.path));
    std::vector<OpenSidecar> files;
    if (!open(sidecars, named != nullptr, files)) return;
    if (named == nullptr && files.empty()) return;
    if (named != nullptr && place.is_gone) count(&WriteNamesSummary::gone);
    PhotoFrame frame;
    std::vector<ForeignName> foreign;
    const bool is_as_indexed = !place.is_gone && look_at(place, named, bench, stop, frame, foreign);
    if (stop.stop_requested()) return;
    if (!is_as_indexed) {
      for (const OpenSidecar& file : files) change(place.path, file, plan_forgetting(file.names, store_.tokens()));
      return;
    }
    for (const OpenSidecar& file : files) add_foreign(file.names, frame, store_.tokens(), foreign);
    write(place.path, sidecars.target, files, named, frame, foreign);
  }

  // False: what is there cannot be read, and was said to be left alone.
  bool open(const SidecarPlaces& sidecars, bool has_names, std::vector<OpenSidecar>& files) {
    bool is_good = true;
    const auto take = [&](const std::string& path, bool is_own) {
      Result<ReadSidecar> read = read_sidecar(path);
      // A sidecar without anything of mien's is nobody's business where nothing is to be written.
      const bool is_mien = read ? read->text.find(kMarkNamespace) != std::string::npos : store_.has_forgotten();
      if (!is_mien && !(has_names && is_own)) return;
      const Result<XmpNames> names =
          read ? read_xmp_names({reinterpret_cast<const std::uint8_t*>(read->text.data()), read->text.size()})
               : Result<XmpNames>(read.error());
      if (names) {
        files.push_back({path, is_own, std::move(*read), *names});
        return;
      }
      leave(path, names.error());
      is_good = is_good && !is_own;
    };
    for (const std::string& path : sidecars.own) take(path, true);
    for (const std::string& path : sidecars.shared) take(path, false);
    return is_good;
  }

  // Whether the photo is the one that was indexed; where it has names, how it lies in its file and what names are in
  // it.
  bool look_at(const StoredPlace& place, const NamedImage* named, Bench& bench, const std::stop_token& stop,
               PhotoFrame& frame, std::vector<ForeignName>& foreign) {
    const Result<std::vector<std::uint8_t>> bytes = read_named_file(place.path, options_.input.limits.bytes_max);
    if (!bytes) return leave(place.path, bytes.error());
    if (sha256_hex(sha256(*bytes)) != place.sha256) {
      return leave(place.path,
                   {ErrorCode::bad_data, "it has changed since it was indexed: 'mien index' reads it again"});
    }
    if (named == nullptr) return true;
    const Result<Done> decoded = decode_image(*bytes, xmp_decoding(options_.input, stop), bench.image);
    if (!decoded && decoded.error().code == ErrorCode::cancelled) return false;
    if (!decoded) return leave(place.path, decoded.error());
    frame = {bench.image.orientation, named->width, named->height};
    for (const std::vector<std::uint8_t>& packet : bench.image.xmp) {
      if (const Result<XmpNames> names = read_xmp_names(packet)) {
        add_foreign(*names, frame, store_.tokens(), foreign);
      }
    }
    return true;
  }

  void write(const std::string& photo, const std::string& target, const std::vector<OpenSidecar>& files,
             const NamedImage* named, const PhotoFrame& frame, const std::vector<ForeignName>& foreign) {
    WantedNames wanted;
    if (named != nullptr) wanted = leave_to_others(named->names, foreign);
    bool has_target = false;
    for (const OpenSidecar& file : files) {
      const bool is_target = file.path == target;
      has_target = has_target || is_target;
      const std::vector<WantedName> nothing;
      change(photo, file,
             file.is_own ? plan_file(file.names, is_target ? wanted.names : nothing, frame, store_.tokens())
                         : plan_forgetting(file.names, store_.tokens()));
    }
    if (!has_target && !wanted.names.empty() && is_taken(target)) {
      leave(target, {ErrorCode::io, "what has this name is no file, or a link to nothing"});
    } else if (!has_target && !wanted.names.empty()) {
      change(photo, target, nullptr, plan_file({}, wanted.names, frame, store_.tokens()));
    }
    const std::lock_guard lock(mutex_);
    if (named != nullptr) summary_.names += static_cast<std::int64_t>(named->names.size());
    summary_.elsewhere += wanted.elsewhere;
    summary_.beside_others += wanted.beside_others;
  }

  void change(const std::string& photo, const OpenSidecar& file, FilePlan plan) {
    change(photo, file.path, &file.read, std::move(plan));
  }

  void change(const std::string& photo, const std::string& path, const ReadSidecar* before, FilePlan plan) {
    count(&WriteNamesSummary::in_place, plan.in_place);
    if (plan.change.is_nothing()) return;
    const Result<std::string> text = change_regions(before == nullptr ? "" : before->text, plan.change);
    if (!text) {
      leave(path, text.error());
      return;
    }
    if (!options_.dry_run) {
      const auto read = before == nullptr ? std::nullopt : std::optional(*before);
      if (const Result<Done> written = write_sidecar(path, read, *text, photo); !written) {
        leave(path, written.error());
        return;
      }
    }
    count(&WriteNamesSummary::added, static_cast<std::int64_t>(plan.added.size()));
    count(&WriteNamesSummary::removed, static_cast<std::int64_t>(plan.removed.size()));
    const std::lock_guard lock(mutex_);
    summary_.files.push_back({path, photo, before == nullptr, std::move(plan.added), std::move(plan.removed)});
  }

  // False, for who says so.
  bool leave(const std::string& path, const Error& error) {
    const std::lock_guard lock(mutex_);
    summary_.left.push_back({path, error});
    return false;
  }

  void count(std::int64_t WriteNamesSummary::*what, std::int64_t by = 1) {
    const std::lock_guard lock(mutex_);
    summary_.*what += by;
  }

  // One for all photos whose names begin alike up to their first dot.
  std::mutex& lock_of(const std::string& path) {
    const std::size_t name = path.rfind('/') + 1;
    return locks_[std::hash<std::string>{}(path.substr(0, path.find('.', name + 1))) % locks_.size()];
  }

  const std::vector<StoredPlace>& places_;
  const StoreNames& store_;
  const WriteNamesOptions& options_;
  std::atomic<std::size_t> next_{0};
  std::array<std::mutex, 64> locks_;
  std::mutex mutex_;  // guards what follows
  WriteNamesSummary summary_;
};

}  // namespace

WriteNamesSummary write_names(const Store& store, const People& people, const WriteNamesOptions& options,
                              const std::function<void(std::int64_t, std::int64_t)>& on_progress,
                              const std::stop_token& stop) {
  if (Result<Done> toolkit = open_xmp_toolkit(); !toolkit) throw Exception(toolkit.error());
  const std::vector<StoredPlace> places = places_below(store, options.sources);
  const StoreNames names(store, people, options.also_found);
  return NameWriter(places, names, options).run(on_progress, stop);
}

}  // namespace mien
