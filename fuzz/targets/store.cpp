// A store that somebody has written into -> what is read of it, and what is written then. The input is no whole file,
// which has 40 pages and more: it says which bytes of a sound store are others.
#include <filesystem>
#include <fstream>
#include <iterator>

#include "../scratch_file.h"
#include "mien/result.h"
#include "mien/tools/store.h"
#include "support/store_scene.h"

namespace {

using namespace mien;

constexpr std::uint32_t kPhotos = 6;
constexpr const char* kEmbedder = "tiny-a";

Record photo(std::uint32_t content) { return made_up_record(content, {{10, 10, 50, 60}, {100, 20, 140, 70}}); }

void put_photo(Store& store, std::uint32_t content) {
  const Record record = photo(content);
  const Store::Entry entry{"/photos", "/photos/" + std::to_string(content), &record};
  store.put({&entry, 1});
}

// Photos, a person, lists of neighbours and groups.
std::vector<std::uint8_t> sound_store() {
  const StoreFolder folder;
  const std::string path = folder.file("people.mien");
  {
    Store store({path, StoreOptions::Access::create});
    for (std::uint32_t content = 0; content < kPhotos; ++content) put_photo(store, content);
    store.set_gone(std::vector<std::string>{"/photos/0"}, true);
    PersonOperation operation;
    operation.kind = OperationKind::is;
    operation.person = store.add_person();
    operation.text = "Anna";
    operation.statements.push_back({{made_up_sha256(1), {10, 10, 50, 60}}, VerdictKind::is, operation.person});
    store.add(operation);
    std::vector<Store::FaceNeighbours> lists;
    std::vector<FaceGroup> groups;
    store.visit_vectors(kEmbedder, [&](const StoredVector& vector) {
      lists.push_back({vector.face, {{vector.key, 0.5F}}});
      groups.push_back({vector.face, 1});
    });
    store.put_neighbours(kEmbedder, lists);
    store.put_groups(groups, "fuzz");
  }
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Four bytes an edit: which of the bytes that are used, and its value. The first byte says whether the file ends early.
std::vector<std::uint8_t> edited(std::vector<std::uint8_t> store, std::span<const std::uint8_t> input) {
  static const std::vector<std::size_t> used = [&] {
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < store.size(); ++i) {
      if (store[i] != 0) places.push_back(i);
    }
    return places;
  }();
  if (input.empty()) return store;
  for (std::size_t at = 1; at + 4 <= input.size(); at += 4) {
    const std::size_t number = input[at] | std::size_t{input[at + 1]} << 8 | std::size_t{input[at + 2]} << 16;
    store[used[number % used.size()]] = input[at + 3];
  }
  if ((input[0] & 1) != 0) store.resize(store.size() * input[0] / 256);
  return store;
}

void remove_beside(const std::string& path) {
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(path).parent_path())) {
    if (entry.path() != path) std::filesystem::remove_all(entry.path());
  }
}

void read_all(const Store& store) {
  (void)store.check();
  (void)store.statistics();
  std::vector<FaceKey> keys;
  store.visit_places([](const StoredPlace& /*place*/) {});
  store.visit_images([&](const StoredImage& image) {
    (void)store.find_record(image.sha256);
    for (const StoredFace& face : store.faces_of(image.id)) keys.push_back(face.key);
  });
  for (const std::string& embedder : store.embedders()) {
    store.visit_vectors(embedder, [](const StoredVector& /*vector*/) {});
    store.read_vectors(embedder, keys, [](const StoredVector& /*vector*/) {});
    store.visit_neighbours(embedder, [](const Store::FaceNeighbours& /*list*/) {});
  }
  (void)store.groups();
  (void)store.suppressed();
  store.visit_operations([](const PersonOperation& /*operation*/) {});
}

void change(Store& store) {
  put_photo(store, kPhotos);
  put_photo(store, 1);
  store.prune({});
  std::vector<FaceId> faces;
  store.visit_faces([&](const StoredFace& face) { faces.push_back(face.id); });
  const PersonId person = 1;
  (void)store.forget({&person, 1}, faces);
}

template <typename Work>
void expect_only_said_errors(const Work& work) {
  try {
    work();
  } catch (const Exception& error) {
    fuzz::require(error.error().code != ErrorCode::internal && !error.error().message.empty(),
                  "what is wrong with a store is said");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<std::uint8_t> sound = sound_store();
  static fuzz::ScratchFile scratch;
  const std::vector<std::uint8_t> bytes = edited(sound, {data, size});
  const std::string& path = scratch.put(bytes);
  expect_only_said_errors([&] { read_all(Store({path, StoreOptions::Access::read})); });
  expect_only_said_errors([&] {
    Store store({path, StoreOptions::Access::write});
    change(store);
    read_all(store);
  });
  remove_beside(path);
  return 0;
}
