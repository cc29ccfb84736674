// Store: what lies in the file of an index, as objects and as arrays.
#include "store.h"

#include <nanobind/stl/function.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <limits>
#include <utility>

#include "arrays.h"
#include "attended.h"
#include "engine.h"
#include "mien/tools/index.h"
#include "scan.h"

namespace mien::python {
namespace {

using Access = StoreOptions::Access;

// Thrown by what a store shows its rows to, where a block has all that it holds.
struct BlockIsFull {};

struct FaceBlock {
  std::vector<std::int64_t> ids, keys, images;
  std::vector<std::int32_t> numbers;
  std::vector<float> boxes, det_scores, recognition_qualities;
};

struct VectorBlock {
  std::vector<std::int64_t> ids, keys;
  std::vector<std::uint16_t> halves;
  std::size_t dimension = 0;
};

Access access_from_name(const std::string& name) {
  if (name == "read") return Access::read;
  if (name == "write") return Access::write;
  if (name == "create") return Access::create;
  throw Exception(ErrorCode::invalid_argument, "access='" + name + "' is not known: use 'read', 'write', 'create'");
}

std::string path_or_default(const std::string& path) { return path.empty() ? default_store_path() : path; }

// Who only looks has what is computed of faces and facts kept all the same, as `mien people list` does.
bool can_keep(const std::string& path) {
  const std::filesystem::path file = path_or_default(path);
  const std::filesystem::path folder = file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
  return ::access(file.c_str(), W_OK) == 0 && ::access(folder.c_str(), W_OK) == 0;
}

void open_store(PythonStore* self, const Settings& settings, const nb::str& path, const std::string& access,
                int threads) {
  StoreOptions options{from_path(path), access_from_name(access)};
  const bool only_looks = options.access == Access::read;
  if (only_looks && can_keep(options.path)) options.access = Access::write;
  new (self) PythonStore(settings, options, only_looks, threads);
}

template <typename Visit>
void fill(const Visit& visit) {
  try {
    visit();
  } catch (const BlockIsFull&) {  // the next one begins after it
  }
}

nb::tuple faces_after(PythonStore& self, FaceId after, std::size_t count_max) {
  FaceBlock block = with_store(self, [&](const Store& store) {
    FaceBlock filled;
    const auto take = [&](const StoredFace& face) {
      constexpr float kNone = std::numeric_limits<float>::quiet_NaN();
      filled.ids.push_back(face.id);
      filled.keys.push_back(face.key);
      filled.images.push_back(face.image);
      filled.numbers.push_back(face.number);
      filled.boxes.insert(filled.boxes.end(), {face.bbox.x1, face.bbox.y1, face.bbox.x2, face.bbox.y2});
      filled.det_scores.push_back(face.det_score);
      filled.recognition_qualities.push_back(face.recognition_quality.value_or(kNone));
      if (filled.ids.size() == count_max) throw BlockIsFull();
    };
    fill([&] { store.visit_faces(take, after); });
    return filled;
  });
  const std::size_t count = block.ids.size();
  return nb::make_tuple(own_array(std::move(block.ids), {count}), own_array(std::move(block.keys), {count}),
                        own_array(std::move(block.images), {count}), own_array(std::move(block.numbers), {count}),
                        own_array(std::move(block.boxes), {count, 4}), own_array(std::move(block.det_scores), {count}),
                        own_array(std::move(block.recognition_qualities), {count}));
}

// The id of the embedder by its id or name; empty where the first is meant and there is none.
std::string chosen_embedder(const Store& store, const std::string& wanted) {
  const std::vector<std::string> embedders = store.embedders();
  if (wanted.empty()) return embedders.empty() ? std::string() : embedders.front();
  std::string known;
  for (const std::string& id : embedders) {
    const std::string name = store.embedder_name(id);
    if (id == wanted || name == wanted) return id;
    known += (known.empty() ? "" : ", ") + name;
  }
  throw Exception(ErrorCode::not_found, "the store " + store.path() + " has no vectors of an embedder '" + wanted +
                                            "': it has those of " + (known.empty() ? "none" : known));
}

void take_vector(const Store& store, const StoredVector& vector, VectorBlock& block, std::size_t count_expected) {
  if (block.ids.empty()) {
    block.dimension = vector.half.size();
    block.ids.reserve(count_expected);
    block.keys.reserve(count_expected);
    block.halves.reserve(count_expected * block.dimension);
  }
  if (vector.half.size() != block.dimension) {
    throw Exception(ErrorCode::bad_data, "the store " + store.path() + " is damaged: the vector of face " +
                                             std::to_string(vector.face) + " has " +
                                             std::to_string(vector.half.size()) + " numbers where others have " +
                                             std::to_string(block.dimension) + ": 'mien store check' says what is");
  }
  block.ids.push_back(vector.face);
  block.keys.push_back(vector.key);
  block.halves.insert(block.halves.end(), vector.half.begin(), vector.half.end());
}

// For how many vectors memory is reserved, so that it need not be moved: what is not used is address space alone. Small
// blocks do without counting, which reads the whole index.
std::size_t expected_count(const Store& store, std::size_t count_max) {
  constexpr std::size_t kNotCounted = 1 << 16;
  if (count_max != 0 && count_max <= kNotCounted) return count_max;
  const std::size_t faces = static_cast<std::size_t>(store.statistics().faces);
  return count_max == 0 ? faces : std::min(faces, count_max);
}

// `count_max` 0: all that are left.
nb::tuple vectors_after(PythonStore& self, const std::string& embedder, FaceId after, std::size_t count_max) {
  VectorBlock block = with_store(self, [&](const Store& store) {
    VectorBlock filled;
    const std::string id = chosen_embedder(store, embedder);
    if (id.empty()) return filled;
    const std::size_t expected = expected_count(store, count_max);
    const auto take = [&](const StoredVector& vector) {
      take_vector(store, vector, filled, expected);
      if (filled.ids.size() == count_max) throw BlockIsFull();
    };
    fill([&] { store.visit_vectors(id, take, after); });
    return filled;
  });
  const std::size_t count = block.ids.size();
  return nb::make_tuple(own_array(std::move(block.ids), {count}), own_array(std::move(block.keys), {count}),
                        own_array(std::move(block.halves), {count, block.dimension}, kHalf));
}

nb::dict embedders_of(PythonStore& self) {
  const auto named = with_store(self, [](const Store& store) {
    std::vector<std::pair<std::string, std::string>> all;
    for (const std::string& id : store.embedders()) all.emplace_back(id, store.embedder_name(id));
    return all;
  });
  nb::dict result;
  for (const auto& [id, name] : named) result[to_text(id)] = to_path(name);
  return result;
}

std::vector<StoredImage> images_of(PythonStore& self) {
  return with_store(self, [](const Store& store) {
    std::vector<StoredImage> all;
    store.visit_images([&](StoredImage& image) { all.push_back(std::move(image)); });
    return all;
  });
}

std::vector<StoredPlace> places_of(PythonStore& self) {
  return with_store(self, [](const Store& store) {
    std::vector<StoredPlace> all;
    store.visit_places([&](const StoredPlace& place) { all.push_back(place); });
    return all;
  });
}

ScanSummary index_sources(PythonStore& self, PythonEngine& engine, const std::vector<nb::str>& sources,
                          const AnalyzeOptions& analyze, const std::vector<nb::str>& excludes, bool no_skip,
                          const std::string& prune, int threads, const nb::object& on_progress,
                          const nb::object& stop) {
  self.require_write();
  self.get();
  IndexOptions options;
  for (const nb::str& source : sources) options.sources.push_back(from_path(source));
  for (const nb::str& exclude : excludes) options.excludes.push_back(from_path(exclude));
  options.no_skip = no_skip;
  options.prune = prune_from_name(prune);
  options.threads = threads;
  options.analyze = analyze;
  options.store = self.path();
  // By a connection of its own: others may use the store meanwhile.
  const OpenFile file(options.store);
  using Indexing = Attended<ScanSummary, ScanProgress>;
  const auto work = [opened = engine.get(), options](const Indexing::Report& report, const std::stop_token& token) {
    ScanCallbacks callbacks;
    callbacks.on_progress = report;
    return index_photos(opened->engine, options, callbacks, token);
  };
  return attend<ScanSummary, ScanProgress>(work, on_progress, stop);
}

std::int64_t move_sources(PythonStore& self, const nb::str& from, const nb::str& to) {
  self.require_write();
  self.get();
  return without_lock([path = self.path(), old_folder = from_path(from), new_folder = from_path(to)] {
    return move_index(path, old_folder, new_folder);
  });
}

void back_up(PythonStore& self, const nb::str& target) {
  self.get();
  without_lock([path = self.path(), to = from_path(target)] { back_up_store(path, to); });
}

void bind_arrays(nb::class_<PythonStore>& store) {
  store
      .def("faces_after", faces_after, nb::arg("after"), nb::arg("count_max"),
           nb::sig("def faces_after(self, after: int, count_max: int) -> tuple[numpy.typing.NDArray[numpy.int64], "
                   "numpy.typing.NDArray[numpy.int64], numpy.typing.NDArray[numpy.int64], "
                   "numpy.typing.NDArray[numpy.int32], numpy.typing.NDArray[numpy.float32], "
                   "numpy.typing.NDArray[numpy.float32], numpy.typing.NDArray[numpy.float32]]"),
           "Faces with larger ids, at most so many: ids, keys, images, numbers, boxes, det_scores, "
           "recognition_qualities.")
      .def("vectors_after", vectors_after, nb::arg("embedder"), nb::arg("after"), nb::arg("count_max"),
           nb::sig("def vectors_after(self, embedder: str, after: int, count_max: int) -> "
                   "tuple[numpy.typing.NDArray[numpy.int64], numpy.typing.NDArray[numpy.int64], "
                   "numpy.typing.NDArray[numpy.float16]]"),
           "Vectors of faces with larger ids, at most so many (0: all): ids, keys, vectors.")
      .def_prop_ro("embedders", embedders_of, nb::sig("def embedders(self) -> dict[str, str]"));
}

}  // namespace

OpenStore::OpenStore(const StoreOptions& options, Settings settings, int threads)
    : settings_(std::move(settings)), threads_(threads), store_(std::in_place, options) {}

OpenStore::Turn OpenStore::take_turn_with_lock() {
  constexpr std::chrono::milliseconds kMoment{50};
  Turn turn(mutex_, std::defer_lock);
  while (!without_lock([&] { return turn.try_lock_for(kMoment); })) {
    if (PyErr_CheckSignals() != 0) throw nb::python_error();
  }
  return turn;
}

Store& OpenStore::store() {
  if (!store_) throw Exception(ErrorCode::invalid_argument, "the store was closed meanwhile, by another thread");
  return *store_;
}

void OpenStore::look() {
  if (!store().has_changed()) return;
  was_changed_ = true;
  forget_people();
}

People& OpenStore::people() {
  look();
  if (!people_) people_ = std::make_unique<People>(store(), settings_, threads_);
  return *people_;
}

bool OpenStore::has_changed() {
  look();
  return std::exchange(was_changed_, false);
}

void OpenStore::close() {
  forget_people();
  store_.reset();
}

PythonStore::PythonStore(const Settings& settings, const StoreOptions& options, bool only_looks, int threads)
    : only_looks_(only_looks),
      file_(std::in_place, path_or_default(options.path)),
      opened_(without_lock([&] { return std::make_shared<OpenStore>(options, settings, threads); })) {
  path_ = opened_.get()->store().path();
  file_->look_again(path_);
}

std::shared_ptr<OpenStore> PythonStore::get() {
  if (is_closed_) {
    throw Exception(ErrorCode::invalid_argument,
                    "the store " + path_ + " is closed: open it again with mien.Store(path)");
  }
  if (!opened_.is_own()) refuse_inherited(path_);
  return opened_.get();
}

void PythonStore::require_write() const {
  if (!only_looks_) return;
  throw Exception(ErrorCode::invalid_argument,
                  "the store " + path_ + " was opened with access='read': open it with access='write' to change it");
}

void PythonStore::close() {
  if (std::exchange(is_closed_, true) || !opened_.is_own()) return;
  const std::shared_ptr<OpenStore> opened = opened_.get();
  without_lock([&] {
    const OpenStore::Turn turn = opened->take_turn();
    opened->close();
  });
  file_.reset();
}

nb::list to_paths(const std::vector<std::string>& paths) {
  nb::list all;
  for (const std::string& path : paths) all.append(to_path(path));
  return all;
}

nb::tuple to_tuple(const Box& box) { return nb::make_tuple(box.x1, box.y1, box.x2, box.y2); }

void bind_store(nb::module_& module) {
  bind_store_results(module);
  bind_people_results(module);
  nb::class_<PythonStore> store(module, "NativeStore", "What mien.Store is made of. Threads take turns in it.");
  store.def("__init__", open_store, nb::arg("settings"), nb::arg("path"), nb::arg("access"), nb::arg("threads"))
      .def("close", &PythonStore::close)
      .def_prop_ro("is_closed", &PythonStore::is_closed)
      .def_prop_ro(
          "path", [](const PythonStore& self) { return to_path(self.path()); }, nb::sig("def path(self) -> str"))
      .def("has_changed",
           [](PythonStore& self) { return with_turn(self, [](OpenStore& opened) { return opened.has_changed(); }); })
      .def("statistics",
           [](PythonStore& self) { return with_store(self, [](const Store& held) { return held.statistics(); }); })
      .def(
          "check",
          [](PythonStore& self) { return to_texts(with_store(self, [](const Store& held) { return held.check(); })); },
          nb::sig("def check(self) -> list[str]"))
      .def("images", images_of)
      .def("places", places_of)
      .def(
          "image",
          [](PythonStore& self, ImageId id) { return with_store(self, [&](const Store& s) { return s.image(id); }); },
          nb::arg("id"))
      .def(
          "find_image_at",
          [](PythonStore& self, const nb::str& path) {
            return with_store(self, [at = from_path(path)](const Store& held) { return held.find_image_at(at); });
          },
          nb::arg("path"))
      .def(
          "faces_of",
          [](PythonStore& self, ImageId image) {
            return with_store(self, [&](const Store& held) { return held.faces_of(image); });
          },
          nb::arg("image"))
      .def(
          "stored_face",
          [](PythonStore& self, FaceId id) {
            return with_store(self, [&](const Store& held) { return held.face(id); });
          },
          nb::arg("id"))
      .def("index", index_sources, nb::arg("engine"), nb::arg("sources"), nb::arg("analyze"), nb::kw_only(),
           nb::arg("excludes"), nb::arg("no_skip"), nb::arg("prune"), nb::arg("threads"), nb::arg("on_progress").none(),
           nb::arg("stop").none())
      .def("move", move_sources, nb::arg("old_folder"), nb::arg("new_folder"))
      .def("back_up", back_up, nb::arg("target"));
  bind_arrays(store);
  bind_people(store);
}

}  // namespace mien::python
