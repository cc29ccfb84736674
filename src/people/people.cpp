#include "mien/tools/people.h"

#include <algorithm>

#include "index/similarity.h"
#include "people/half.h"
#include "people/names.h"
#include "people/state.h"

namespace mien {
namespace {

FaceState state_of(const FaceFacts* said) {
  if (said == nullptr || said->person == 0) return FaceState::found;
  if (said->how == VerdictKind::is) return FaceState::confirmed;
  return said->how == VerdictKind::imported ? FaceState::imported : FaceState::named;
}

}  // namespace

std::string_view face_state_name(FaceState state) {
  switch (state) {
    case FaceState::found: return "found";
    case FaceState::named: return "named";
    case FaceState::imported: return "imported";
    case FaceState::confirmed: break;
  }
  return "confirmed";
}

PersonFace People::State::person_face(std::size_t face) const {
  const StoredFace& stored = faces[face];
  const StoredImage& image = images.at(stored.image);
  PersonFace result;
  result.id = stored.id;
  result.group = group_of[face];
  result.number = stored.number;
  result.bbox = stored.bbox;
  result.taken = image.taken;
  result.state = state_of(facts_of(face));
  result.image = stored.image;
  if (entry_of[face] != kNone) result.person = entries[entry_of[face]].person;
  result.poor_reason = stored.poor_reason;
  if (image.is_gone || image.paths.empty()) return result;
  result.source = image.paths.front();
  result.copies.assign(image.paths.begin() + 1, image.paths.end());
  return result;
}

People::People(Store& store, const Settings& settings, int threads, bool needs_vectors)
    : state_(std::make_unique<State>(store, settings, threads)) {
  if (needs_vectors) {
    state_->ahead_of = store.data_version();
    state_->ahead = read_face_vectors_ahead(store.path());
  }
  state_->load();
}

People::~People() = default;

void refresh_people(Store& store, const Settings& settings, int threads) {
  const People people(store, settings, threads);
}

PeopleStatistics People::statistics() const {
  const State& state = *state_;
  PeopleStatistics result;
  result.faces = static_cast<std::int64_t>(state.faces.size());
  result.statements = state.facts.statements;
  result.without_face = state.facts.without_face;
  result.without_vector = result.faces - state.store.count_vectors();
  for (std::size_t i = 0; i < state.faces.size(); ++i) {
    const FaceFacts* const said = state.facts_of(i);
    const std::size_t entry = state.entry_of[i];
    if (said != nullptr && said->is_no_face) {
      ++result.not_faces;
    } else if (entry != State::kNone) {
      ++(state.entries[entry].person != 0 ? result.in_people : result.in_groups);
    } else if (state.is_poor(i)) {
      ++result.poor;
    }
  }
  return result;
}

std::vector<PersonEntry> People::list(bool with_hidden, int faces_min) const {
  std::vector<PersonEntry> result;
  for (const PersonEntry& entry : state_->entries) {
    const bool is_nothing = entry.faces == 0 && entry.name.empty();
    const bool is_small = entry.person == 0 && entry.faces < faces_min;
    if (is_nothing || is_small || (!with_hidden && (entry.is_hidden || entry.is_stranger))) continue;
    result.push_back(entry);
  }
  std::ranges::sort(result, [](const PersonEntry& a, const PersonEntry& b) {
    if ((a.person != 0) != (b.person != 0)) return a.person != 0;
    if (a.faces != b.faces) return a.faces > b.faces;
    return a.id != b.id ? a.id < b.id : a.person < b.person;
  });
  return result;
}

PersonEntry People::find(const std::string& who) const { return state_->resolve(who); }

std::optional<PersonId> People::find_person(const std::string& name) const {
  return state_->person_named(check_name(name));
}

std::vector<PersonFace> People::faces(const PersonEntry& entry) const {
  State& state = *state_;
  state.load_vectors();
  VectorSum all;
  for (const FaceId member : entry.members) {
    const std::size_t face = state.face_at(member);
    if (state.row_of[face] != State::kNone) all.add(state.row(face));
  }
  std::vector<PersonFace> result;
  for (const FaceId member : entry.members) {
    const std::size_t face = state.face_at(member);
    result.push_back(state.person_face(face));
    if (state.row_of[face] == State::kNone || all.count < 2) continue;
    const double others = dot(all.values, state.row(face)) - exact_similarity(state.row(face), state.row(face));
    result.back().similarity = static_cast<float>(others / static_cast<double>(all.count - 1));
  }
  return result;
}

PersonFace People::face(FaceId id) const { return state_->person_face(state_->face_at(id)); }

FaceId People::find_face(const std::string& photo_and_number) const {
  return state_->faces[state_->face_named(photo_and_number)].id;
}

FaceId People::cover(const PersonEntry& entry) const {
  const State& state = *state_;
  FaceId best = 0;
  std::pair<bool, float> best_rank;  // whether it is not poor; its area
  for (const FaceId member : entry.members) {
    const std::size_t at = state.face_at(member);
    const StoredFace& face = state.faces[at];
    if (state.images.at(face.image).is_gone) continue;
    const float area = (face.bbox.x2 - face.bbox.x1) * (face.bbox.y2 - face.bbox.y1);
    const std::pair<bool, float> rank{!state.is_poor(at), area};
    if (best != 0 && rank <= best_rank) continue;
    best = member;
    best_rank = rank;
  }
  return best;
}

std::string People::name_of(PersonId person) const {
  const auto known = state_->facts.persons.find(state_->facts.person_of(person));
  return known == state_->facts.persons.end() ? std::string() : known->second.name;
}

std::optional<float> People::search_threshold() const { return state_->embedder.threshold_search; }

std::vector<PersonOperation> People::history() const {
  return {state_->operations.rbegin(), state_->operations.rend()};
}

}  // namespace mien
