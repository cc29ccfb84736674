#include "people/state.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <unordered_set>

#include "base/processor.h"
#include "base/utf8.h"
#include "index/neighbours.h"
#include "index/parallel.h"
#include "models/catalog.h"
#include "models/thresholds.h"
#include "people/names.h"
#include "sources/source.h"
#include "store/file.h"

namespace mien {
namespace {

constexpr std::string_view kMethod = "means 1";  // another one makes groups again
constexpr std::size_t kNeighbours = 10;          // of each face

// What the catalogue knows of the embedder, whose file need not be here.
ModelInfo embedder_info(const Settings& settings, const std::string& name, const std::string& id) {
  ModelInfo info;
  const Catalog catalog = load_catalog(settings).take();
  if (const CatalogRow* const row = catalog.find_row(name)) info = model_info(*row, {});
  info.name = name;
  info.id = id;
  return info;
}

// Writes what is computed again wherever it is not there. While another program writes to the store this is left for
// the next time: what was said holds already, and who only looks changes nothing.
template <typename Put>
void keep_if_free(Put put) {
  try {
    put();
  } catch (const Exception& failure) {
    if (!is_store_locked(failure.error())) throw;
  }
}

}  // namespace

People::State::State(Store& store_, Settings settings_, int threads_)
    : store(store_),
      settings(std::move(settings_)),
      threads(threads_ > 0 ? threads_ : usable_processors()),
      keeps(!store.is_read_only() && can_write(store.path())) {}

void People::State::load() {
  const std::vector<std::string> embedders = store.embedders();
  if (!embedders.empty()) {
    embedder_id = embedders.front();
    embedder = embedder_info(settings, store.embedder_name(embedder_id), embedder_id);
  }
  store.visit_faces([&](const StoredFace& face) { faces.push_back(face); });
  store.visit_operations([&](const PersonOperation& operation) { operations.push_back(operation); });
  follow_facts();
}

OperationId People::State::say(const PersonOperation& operation) {
  const OperationId id = store.add(operation);
  reload_operations();
  return id;
}

void People::State::reload_operations() {
  operations.clear();
  store.visit_operations([&](const PersonOperation& said) { operations.push_back(said); });
  follow_facts();
}

// Of images of which nothing was said, as of most, nobody asks.
void People::State::find_faces_of_statements() {
  std::unordered_set<std::string> wanted;
  for (const PersonOperation& operation : operations) {
    for (const Statement& statement : operation.statements) {
      if (!by_image.contains(statement.place.sha256)) wanted.insert(statement.place.sha256);
    }
  }
  if (wanted.empty()) return;
  std::unordered_map<ImageId, std::vector<PlacedFace>*> faces_of;
  for (const auto& [sha256, image] : store.find_images(wanted)) faces_of.emplace(image, &by_image[sha256]);
  for (const StoredFace& face : faces) {
    if (const auto of = faces_of.find(face.image); of != faces_of.end()) of->second->push_back({face.key, face.bbox});
  }
}

std::string People::State::made_from() const {
  std::size_t undone = 0;
  OperationId undone_sum = 0;
  for (const PersonOperation& operation : operations) {
    if (!operation.is_undone) continue;
    ++undone;
    undone_sum += operation.id;
  }
  return fmt::format("{}; embedder {} at {}; faces {} to {}; vectors {}; operations {} to {}, undone {} ({}); {} of {}",
                     kMethod, embedder_id, embedder.threshold_search.value_or(-1), faces.size(),
                     faces.empty() ? 0 : faces.back().id, store.count_vectors(), operations.size(),
                     operations.empty() ? 0 : operations.back().id, undone, undone_sum, facts.without_face,
                     facts.statements);
}

void People::State::follow_facts() {
  find_faces_of_statements();
  facts = fold_facts(operations, by_image);
  const std::string now = made_from();
  group_of.assign(faces.size(), 0);
  if (store.groups_made_from() == now) {
    for (const FaceGroup& group : store.groups()) {
      if (const std::size_t face = find_face(group.face); face != kNone) group_of[face] = group.group;
    }
  } else {
    make_groups();
    std::vector<FaceGroup> groups;
    for (std::size_t face = 0; face < faces.size(); ++face) {
      if (group_of[face] != 0) groups.push_back({faces[face].id, group_of[face]});
    }
    if (keeps) keep_if_free([&] { store.put_groups(groups, now); });
  }
  make_entries();
}

FaceVectors People::State::take_vectors() {
  if (ahead.valid()) {
    try {
      FaceVectors read = ahead.get();
      // What somebody has changed since then may be in the faces and not in these.
      if (read.embedder_id == embedder_id && store.data_version() == ahead_of) return read;
    } catch (const Exception&) {
      // What is wrong is said of the store that is asked below.
    }
  }
  return read_face_vectors(store, embedder_id);
}

void People::State::load_vectors() {
  if (row_of.size() == faces.size()) return;
  row_of.assign(faces.size(), kNone);
  by_key = KeyTable(faces.size());
  for (std::size_t place = 0; place < faces.size(); ++place) by_key.insert(faces[place].key, place);
  FaceVectors read = take_vectors();
  dimension = read.dimension;
  rows = std::move(read.rows);
  neighbours = std::move(read.neighbours);
  std::vector<FaceKey> keys;
  std::size_t kept = 0;
  for (std::size_t row = 0; row < read.faces.size(); ++row) {
    const std::size_t face = find_face(read.faces[row]);
    if (face == kNone) continue;  // it came after the faces were read
    if (kept != row) {
      const auto size = static_cast<std::ptrdiff_t>(dimension);
      std::copy_n(rows.begin() + static_cast<std::ptrdiff_t>(row) * size, size,
                  rows.begin() + static_cast<std::ptrdiff_t>(kept) * size);
      neighbours[kept] = std::move(neighbours[row]);
    }
    row_of[face] = kept++;
    row_faces.push_back(face);
    keys.push_back(faces[face].key);
  }
  rows.resize(kept * static_cast<std::size_t>(dimension));
  neighbours.resize(kept);
  if (!embedder_id.empty()) update_neighbours(keys);
}

void People::State::update_neighbours(const std::vector<FaceKey>& keys) {
  const HalfRows half_rows{static_cast<std::size_t>(dimension), keys, rows};
  const std::vector<std::size_t> changed = mien::update_neighbours(half_rows, kNeighbours, threads, neighbours);
  if (changed.empty() || !keeps) return;
  std::vector<Store::FaceNeighbours> batch;
  for (const std::size_t row : changed) batch.push_back({faces[row_faces[row]].id, neighbours[row]});
  keep_if_free([&] { store.put_neighbours(embedder_id, batch); });
}

GroupInput People::State::group_input(std::vector<std::size_t>& inputs) {
  load_vectors();
  GroupInput input;
  input.dimension = dimension;
  input.threshold = embedder.threshold_search.value_or(2);
  for (std::size_t i = 0; i < faces.size(); ++i) {
    const FaceFacts* const said = facts_of(i);
    const bool has_vector = row_of[i] != kNone;
    if (said != nullptr && said->is_no_face) continue;
    if ((!has_vector || is_poor(i)) && (said == nullptr || said->person == 0)) continue;
    GroupFace face{.key = faces[i].key,
                   .image = faces[i].image,
                   .is_page = is_on_page(i),
                   .joins = has_vector && !is_poor(i),
                   .has_more = {},
                   .person = {},
                   .rejected = {},
                   .sides = {},
                   .together = {}};
    if (face.joins) {
      const std::vector<Neighbour>& list = neighbours[row_of[i]];
      face.has_more = list.size() >= kNeighbours && list.back().similarity >= input.threshold;
    }
    if (said != nullptr) {
      face.person = said->person;
      face.rejected = said->rejected;
      face.sides = said->sides;
      face.together = said->together;
    }
    inputs.push_back(i);
    input.faces.push_back(std::move(face));
  }
  return input;
}

// Of all faces that may join, in several threads: looking up where a neighbour lies takes the most.
std::vector<FaceEdge> People::State::edges_of(const GroupInput& input, const std::vector<std::size_t>& place) const {
  constexpr std::size_t kAtATime = 4096;
  std::vector<std::vector<FaceEdge>> parts((input.faces.size() + kAtATime - 1) / kAtATime);
  std::atomic<std::size_t> next{0};
  run_in_threads(threads, [&] {
    for (std::size_t part = next++; part < parts.size(); part = next++) {
      const std::size_t end = std::min((part + 1) * kAtATime, input.faces.size());
      for (std::size_t i = part * kAtATime; i < end; ++i) {
        if (!input.faces[i].joins) continue;
        for (const Neighbour& neighbour : neighbours[input.row_of[i]]) {
          if (neighbour.similarity < input.threshold) break;  // the most similar come first
          const std::size_t other = place[by_key.at(neighbour.key)];
          if (other == kNone) continue;
          parts[part].push_back(
              {static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(other), neighbour.similarity});
        }
      }
    }
  });
  std::vector<FaceEdge> edges;
  for (const std::vector<FaceEdge>& part : parts) edges.insert(edges.end(), part.begin(), part.end());
  return edges;
}

void People::State::make_groups() {
  std::vector<std::size_t> inputs;
  GroupInput input = group_input(inputs);
  std::vector<std::size_t> place(faces.size(), kNone);
  for (std::size_t i = 0; i < inputs.size(); ++i) place[inputs[i]] = i;
  input.row_of.assign(inputs.size(), 0);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (input.faces[i].joins) input.row_of[i] = row_of[inputs[i]];
  }
  input.edges = edges_of(input, place);
  input.rows = rows;
  const std::vector<std::uint32_t> groups = group_faces(input);
  // A group's id is its oldest face's; faces are in the order of their ids.
  std::vector<FaceId> ids(inputs.size(), 0);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (groups[i] == kNoGroup) continue;
    FaceId& id = ids[groups[i]];
    if (id == 0) id = faces[inputs[i]].id;
    group_of[inputs[i]] = id;
  }
}

void People::State::make_entries() {
  entries.clear();
  entry_of.assign(faces.size(), kNone);
  std::unordered_map<FaceId, PersonId> persons;
  for (std::size_t i = 0; i < faces.size(); ++i) {
    const FaceFacts* const said = facts_of(i);
    if (group_of[i] != 0 && said != nullptr && said->person != 0) persons[group_of[i]] = said->person;
  }
  std::unordered_map<PersonId, std::size_t> of_person;  // or, below 0, of a group that is nobody yet
  for (const auto& [person, known] : facts.persons) {
    of_person[person] = entries.size();
    entries.push_back({.person = person,
                       .name = known.name,
                       .is_hidden = known.is_hidden,
                       .is_stranger = known.is_stranger,
                       .is_imported = known.is_imported,
                       .members = {},
                       .groups = {}});
  }
  for (std::size_t i = 0; i < faces.size(); ++i) {
    if (group_of[i] == 0) continue;
    const auto person = persons.find(group_of[i]);
    const auto [at, is_first] = person != persons.end() ? of_person.try_emplace(person->second, entries.size())
                                                        : of_person.try_emplace(-group_of[i], entries.size());
    if (is_first) entries.emplace_back();
    PersonEntry& entry = entries[at->second];
    entry_of[i] = at->second;
    if (entry.id == 0) entry.id = faces[i].id;
    entry.members.push_back(faces[i].id);
    ++entry.faces;
    const FaceFacts* const said = facts_of(i);
    if (person != persons.end() && (said == nullptr || said->person == 0)) ++entry.new_faces;
    if (faces[i].id == group_of[i]) entry.groups.push_back(group_of[i]);
  }
  for (PersonEntry& entry : entries) {
    std::vector<ImageId> on;
    for (const FaceId member : entry.members) on.push_back(faces[face_at(member)].image);
    std::ranges::sort(on);
    on.erase(std::unique(on.begin(), on.end()), on.end());
    entry.images = static_cast<std::int64_t>(on.size());
  }
}

const FaceFacts* People::State::facts_of(std::size_t face) const {
  const auto found = facts.faces.find(faces[face].key);
  return found == facts.faces.end() ? nullptr : &found->second;
}

bool People::State::is_poor(std::size_t face) const {
  return faces[face].recognition_quality && *faces[face].recognition_quality < kRecognitionFloor;
}

float People::State::search_threshold() const { return choose_threshold(embedder, {}); }

FacePlace People::State::place_of(std::size_t face) const {
  const StoredImage& image = images.at(faces[face].image);
  if (image.sha256.empty()) {
    throw Exception(ErrorCode::not_found,
                    fmt::format("the photo of face {} is not in the store any more: somebody else "
                                "has dropped it",
                                faces[face].id));
  }
  return {image.sha256, faces[face].bbox};
}

bool People::State::is_on_page(std::size_t face) const {
  return !facts.pages.empty() && facts.pages.contains(images.at(faces[face].image).sha256);
}

std::span<const std::uint16_t> People::State::row(std::size_t face) const {
  const std::size_t size = static_cast<std::size_t>(dimension);
  return {rows.data() + row_of[face] * size, size};
}

std::size_t People::State::find_face(FaceId id) const {
  if (faces.empty() || id < faces.front().id || id > faces.back().id) return kNone;
  // Ids ascend: a face lies where it would lie if none were missing, or before that.
  const auto last = std::min(faces.size() - 1, static_cast<std::size_t>(id - faces.front().id));
  if (faces[last].id == id) return last;
  const auto end = faces.begin() + static_cast<std::ptrdiff_t>(last);
  const auto found = std::lower_bound(faces.begin(), end, id, [](const StoredFace& a, FaceId b) { return a.id < b; });
  return found != end && found->id == id ? static_cast<std::size_t>(found - faces.begin()) : kNone;
}

std::size_t People::State::face_at(FaceId id) const {
  const std::size_t face = find_face(id);
  if (face == kNone) throw Exception(ErrorCode::not_found, fmt::format("no face has the number {}", id));
  return face;
}

std::string absolute_path_of(const std::string& path) {
  std::error_code error;
  std::string absolute = std::filesystem::absolute(path, error).lexically_normal().string();
  while (absolute.size() > 1 && absolute.back() == '/') absolute.pop_back();
  return absolute;
}

std::size_t People::State::face_named(const std::string& text) const {
  const std::string shown = replace_invalid_utf8(text);
  const std::size_t mark = text.rfind('#');
  const std::string digits = mark == std::string::npos ? "" : text.substr(mark + 1);
  if (digits.empty() || digits.size() > 6 || digits.find_first_not_of("0123456789") != std::string::npos) {
    throw Exception(ErrorCode::invalid_argument,
                    fmt::format("'{}' names no face: a face is PHOTO#N, as 'mien people show' lists them", shown));
  }
  const std::string absolute = absolute_path_of(text.substr(0, mark));
  std::optional<StoredImage> image = store.find_image_at(absolute);
  if (!image) image = store.find_image_at(canonical_path(absolute));
  if (!image) {
    throw Exception(ErrorCode::not_found, fmt::format("{} is not in the store {}: 'mien index' reads it",
                                                      replace_invalid_utf8(absolute), store.path()));
  }
  const int number = std::stoi(digits);
  int count = 0;
  for (std::size_t i = 0; i < faces.size(); ++i) {
    if (faces[i].image != image->id) continue;
    if (faces[i].number == number) return i;
    ++count;
  }
  throw Exception(ErrorCode::not_found,
                  fmt::format("{} has no face {}: it has {}, counted from 0", shown, number, count));
}

std::optional<PersonId> People::State::person_named(const std::string& name) const {
  std::optional<PersonId> found;
  for (const auto& [person, known] : facts.persons) {
    if (known.name.empty() || !is_same_name(known.name, name)) continue;
    if (found) {
      throw Exception(ErrorCode::invalid_argument,
                      fmt::format("two people are called '{}': say which by a group's id, and 'mien people merge' them "
                                  "or give one another name",
                                  name));
    }
    found = person;
  }
  return found;
}

const PersonEntry* People::State::entry_of_person(PersonId person) const {
  const auto found = std::ranges::find(entries, person, &PersonEntry::person);
  return found == entries.end() ? nullptr : &*found;
}

PersonEntry People::State::resolve(const std::string& who) const {
  const std::string shown = replace_controls(replace_invalid_utf8(who.substr(0, 100)));
  if (!who.empty() && who.size() < 19 && who.find_first_not_of("0123456789") == std::string::npos) {
    const std::size_t face = find_face(std::stoll(who));
    if (face == kNone || entry_of[face] == kNone) {
      throw Exception(ErrorCode::not_found, fmt::format("there is no group {}: 'mien people list' shows them", who));
    }
    return entries[entry_of[face]];
  }
  const std::optional<PersonId> person = person_named(check_name(who));
  const PersonEntry* const entry = person ? entry_of_person(*person) : nullptr;
  if (entry == nullptr) {
    throw Exception(ErrorCode::not_found, fmt::format("nobody is called '{}': 'mien people list' shows who is", shown));
  }
  return *entry;
}

}  // namespace mien
