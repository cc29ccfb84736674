// What can be said of people: each call is one operation in the store's log.
#include <fmt/format.h>

#include <algorithm>

#include "base/utf8.h"
#include "mien/tools/people.h"
#include "people/names.h"
#include "people/state.h"
#include "store/places.h"

namespace mien {
namespace {

using State = People::State;

void state_faces(const State& state, const std::vector<FaceId>& faces, VerdictKind kind, PersonId person,
                 PersonOperation& operation) {
  for (const FaceId face : faces) {
    operation.statements.push_back({state.place_of(state.face_at(face)), kind, person});
  }
}

// Those of the entry of whom nobody said who they are.
std::vector<FaceId> unsaid(const State& state, const PersonEntry& entry) {
  std::vector<FaceId> faces;
  std::ranges::copy_if(entry.members, std::back_inserter(faces), [&](FaceId face) {
    const FaceFacts* const said = state.facts_of(state.face_at(face));
    return said == nullptr || said->person == 0;
  });
  return faces;
}

PeopleChange change(State& state, const PersonOperation& operation) {
  PeopleChange result;
  result.operation = state.say(operation);
  result.person = state.facts.person_of(operation.person);
  if (const auto known = state.facts.persons.find(result.person); known != state.facts.persons.end()) {
    result.name = known->second.name;
  }
  result.faces = static_cast<std::int64_t>(operation.statements.size());
  return result;
}

// A change that named faces, with the number of those that facts keep from the person.
PeopleChange name_faces(State& state, PersonOperation operation, const std::vector<FaceId>& faces) {
  state_faces(state, faces, VerdictKind::named, operation.person, operation);
  PeopleChange result = change(state, operation);
  result.left_out = std::ranges::count_if(faces, [&](FaceId face) {
    const FaceFacts* const said = state.facts_of(state.face_at(face));
    return said == nullptr || said->person != result.person;
  });
  return result;
}

PeopleChange no_change(const State& state, PersonId person) {
  PeopleChange result;
  result.person = person;
  if (const auto known = state.facts.persons.find(person); known != state.facts.persons.end()) {
    result.name = known->second.name;
  }
  return result;
}

PersonOperation operation_of(OperationKind kind, PersonId person, std::string text = {}) {
  PersonOperation operation;
  operation.kind = kind;
  operation.person = person;
  operation.text = std::move(text);
  return operation;
}

std::string shown(const PersonEntry& entry) {
  return entry.name.empty() ? fmt::format("group {}", entry.id) : entry.name;
}

// How a message names a face that is known by its number.
std::string numbered(FaceId face) { return fmt::format("face {}", face); }

// Of a face that somebody confirmed to be another person.
void refuse_second_claim(const State& state, std::size_t face, PersonId person, const std::string& shown_face) {
  const FaceFacts* const said = state.facts_of(face);
  if (said == nullptr || said->how != VerdictKind::is || said->person == 0 || said->person == person) return;
  const std::string& other = state.facts.persons.at(said->person).name;
  throw Exception(ErrorCode::invalid_argument,
                  fmt::format("{} is {}, as was said: say 'mien people not' of that first, or 'mien people merge' when "
                              "both are one person",
                              shown_face, other.empty() ? "somebody else" : other));
}

// A face by its place, and as a message names it.
struct NamedFace {
  std::size_t at = 0;
  std::string shown;
};

PeopleChange is_person(State& state, std::size_t face, const std::string& shown_face, const std::string& typed_name) {
  const std::string name = check_name(typed_name);
  const std::optional<PersonId> known = state.person_named(name);
  refuse_second_claim(state, face, known.value_or(0), shown_face);
  const FaceFacts* const said = state.facts_of(face);
  if (said != nullptr && known && said->person == *known && said->how == VerdictKind::is) {
    return no_change(state, *known);
  }
  const PersonId person = known ? *known : state.store.add_person();
  PersonOperation operation = operation_of(OperationKind::is, person, known ? state.facts.persons[person].name : name);
  state_faces(state, {state.faces[face].id}, VerdictKind::is, person, operation);
  return change(state, operation);
}

PeopleChange is_not_person(State& state, std::size_t face, const std::string& shown_face, const std::string& who) {
  const PersonEntry entry = state.resolve(who);
  if (entry.person == 0) {
    throw Exception(ErrorCode::invalid_argument,
                    fmt::format("nobody said who group {} is: 'mien people split {} {}' takes the face out of it",
                                entry.id, entry.id, shown_face));
  }
  PersonOperation operation = operation_of(OperationKind::not_person, entry.person);
  state_faces(state, {state.faces[face].id}, VerdictKind::is_not, entry.person, operation);
  return change(state, operation);
}

PeopleChange split_off(State& state, const PersonEntry& entry, const std::vector<NamedFace>& faces) {
  std::vector<FaceId> off;
  for (const NamedFace& face : faces) {
    const FaceId id = state.faces[face.at].id;
    if (std::ranges::count(entry.members, id) == 0) {
      throw Exception(ErrorCode::invalid_argument, fmt::format("{} is not of {}: 'mien people show {}' lists its faces",
                                                               face.shown, shown(entry), entry.id));
    }
    if (std::ranges::count(off, id) == 0) off.push_back(id);
  }
  if (off.empty() || off.size() == entry.members.size()) {
    throw Exception(ErrorCode::invalid_argument, fmt::format("a split needs some of the faces of {}, not {} of {}",
                                                             shown(entry), off.size(), entry.members.size()));
  }
  std::vector<FaceId> rest;
  std::ranges::copy_if(entry.members, std::back_inserter(rest),
                       [&](FaceId face) { return std::ranges::count(off, face) == 0; });
  PersonOperation operation = operation_of(OperationKind::split, entry.person);
  state_faces(state, off, VerdictKind::apart, 0, operation);
  state_faces(state, rest, VerdictKind::rest, 0, operation);
  PeopleChange result = change(state, operation);
  result.faces = static_cast<std::int64_t>(off.size());
  return result;
}

PeopleChange are_no_faces(State& state, const std::vector<NamedFace>& faces) {
  PersonOperation operation = operation_of(OperationKind::not_a_face, 0);
  for (const NamedFace& face : faces) {
    refuse_second_claim(state, face.at, 0, face.shown);
    state_faces(state, {state.faces[face.at].id}, VerdictKind::not_a_face, 0, operation);
  }
  return change(state, operation);
}

// All persons that the entry is by now, those who were merged into it included.
std::vector<PersonId> persons_of(const State& state, const PersonEntry& entry) {
  std::vector<PersonId> persons;
  if (entry.person != 0) persons.push_back(entry.person);
  for (const auto& [merged, into] : state.facts.merged) {
    if (state.facts.person_of(merged) == entry.person) persons.push_back(merged);
  }
  return persons;
}

}  // namespace

PeopleChange People::name(const std::string& who, const std::string& typed) {
  State& state = *state_;
  const std::string name = check_name(typed);
  const PersonEntry entry = state.resolve(who);
  const std::optional<PersonId> known = state.person_named(name);
  if (entry.person == 0) {
    const PersonId person = known ? *known : state.store.add_person();
    return name_faces(state, operation_of(OperationKind::name, person, known ? state.facts.persons[person].name : name),
                      entry.members);
  }
  if (known && *known != entry.person) {
    throw Exception(ErrorCode::invalid_argument,
                    fmt::format("{} and {} are two people here: 'mien people merge {} {}' makes them one", shown(entry),
                                state.facts.persons[*known].name, entry.id, state.facts.persons[*known].name));
  }
  if (!entry.name.empty() && entry.name != name) {
    return change(state, operation_of(OperationKind::rename, entry.person, name));
  }
  const std::vector<FaceId> faces = unsaid(state, entry);
  if (!entry.name.empty() && faces.empty()) return no_change(state, entry.person);
  return name_faces(state, operation_of(OperationKind::name, entry.person, name), faces);
}

PeopleChange People::is(const std::string& typed, const std::string& name) {
  return is_person(*state_, state_->face_named(typed), replace_invalid_utf8(typed), name);
}

PeopleChange People::is(FaceId face, const std::string& name) {
  return is_person(*state_, state_->face_at(face), numbered(face), name);
}

PeopleChange People::is_not(const std::string& typed, const std::string& who) {
  return is_not_person(*state_, state_->face_named(typed), replace_invalid_utf8(typed), who);
}

PeopleChange People::is_not(FaceId face, const std::string& who) {
  return is_not_person(*state_, state_->face_at(face), numbered(face), who);
}

PeopleChange People::merge(const std::string& who, const std::string& other_who) {
  State& state = *state_;
  PersonEntry entry = state.resolve(who);
  PersonEntry other = state.resolve(other_who);
  if ((entry.person != 0 && entry.person == other.person) || (entry.id != 0 && entry.id == other.id)) {
    throw Exception(ErrorCode::invalid_argument,
                    fmt::format("{} is one person already: merge two different groups or people", shown(entry)));
  }
  if (entry.person != 0 && other.person != 0) {
    PersonOperation operation = operation_of(OperationKind::merge, entry.person);
    operation.other = other.person;
    PeopleChange result = change(state, operation);
    result.faces = entry.faces + other.faces;
    return result;
  }
  if (entry.person == 0 && other.person != 0) std::swap(entry, other);
  std::vector<FaceId> faces = other.members;
  if (entry.person == 0) faces.insert(faces.begin(), entry.members.begin(), entry.members.end());
  const PersonId person = entry.person != 0 ? entry.person : state.store.add_person();
  return name_faces(state, operation_of(OperationKind::name, person, entry.name), faces);
}

PeopleChange People::split(const std::string& who, const std::vector<std::string>& typed) {
  const PersonEntry entry = state_->resolve(who);
  std::vector<NamedFace> faces;
  for (const std::string& face : typed) faces.push_back({state_->face_named(face), replace_invalid_utf8(face)});
  return split_off(*state_, entry, faces);
}

PeopleChange People::split(const std::string& who, std::span<const FaceId> ids) {
  const PersonEntry entry = state_->resolve(who);
  std::vector<NamedFace> faces;
  for (const FaceId face : ids) faces.push_back({state_->face_at(face), numbered(face)});
  return split_off(*state_, entry, faces);
}

PeopleChange People::hide(const std::string& who) {
  State& state = *state_;
  const PersonEntry entry = state.resolve(who);
  if (entry.is_hidden) return no_change(state, entry.person);
  if (entry.person != 0) return change(state, operation_of(OperationKind::hide, entry.person));
  return name_faces(state, operation_of(OperationKind::hide, state.store.add_person()), entry.members);
}

PeopleChange People::stranger(const std::string& who) {
  State& state = *state_;
  const PersonEntry entry = state.resolve(who);
  if (!entry.name.empty()) {
    throw Exception(
        ErrorCode::invalid_argument,
        fmt::format("{} has a name and is no stranger: 'mien people hide' takes people off the list", entry.name));
  }
  if (entry.is_stranger) return no_change(state, entry.person);
  const PersonId person = entry.person != 0 ? entry.person : state.store.add_person();
  return name_faces(state, operation_of(OperationKind::stranger, person), entry.members);
}

PeopleChange People::not_a_face(const std::vector<std::string>& typed) {
  std::vector<NamedFace> faces;
  for (const std::string& face : typed) faces.push_back({state_->face_named(face), replace_invalid_utf8(face)});
  return are_no_faces(*state_, faces);
}

PeopleChange People::not_a_face(std::span<const FaceId> ids) {
  std::vector<NamedFace> faces;
  for (const FaceId face : ids) faces.push_back({state_->face_at(face), numbered(face)});
  return are_no_faces(*state_, faces);
}

PeopleChange People::page(const std::string& path) {
  State& state = *state_;
  const std::string wanted = absolute_path_of(path);
  PersonOperation operation = operation_of(OperationKind::page, 0);
  state.store.visit_images([&](const StoredImage& image) {
    const bool is_meant =
        std::ranges::any_of(image.paths, [&](const std::string& at) { return path_below(wanted, at).has_value(); });
    if (!is_meant || state.facts.pages.contains(image.sha256)) return;
    operation.statements.push_back({{image.sha256, {}}, VerdictKind::not_a_face, 0});
  });
  std::ranges::sort(operation.statements, {}, [](const Statement& said) { return said.place.sha256; });
  if (operation.statements.empty()) {
    throw Exception(ErrorCode::not_found,
                    fmt::format("no photo of the store {} is at {} or below it that is not a page already",
                                state.store.path(), replace_invalid_utf8(wanted)));
  }
  return change(state, operation);
}

PeopleChange People::page(ImageId id) {
  State& state = *state_;
  const std::string& sha256 = state.images.at(id).sha256;
  if (sha256.empty()) throw Exception(ErrorCode::not_found, fmt::format("no photo has the number {}", id));
  if (state.facts.pages.contains(sha256)) return no_change(state, 0);
  PersonOperation operation = operation_of(OperationKind::page, 0);
  operation.statements.push_back({{sha256, {}}, VerdictKind::not_a_face, 0});
  return change(state, operation);
}

PersonOperation People::undo(std::optional<OperationId> asked) {
  State& state = *state_;
  const auto is_meant = [&](const PersonOperation& said) { return asked ? said.id == *asked : !said.is_undone; };
  const auto found = std::find_if(state.operations.rbegin(), state.operations.rend(), is_meant);
  if (found == state.operations.rend()) {
    throw Exception(ErrorCode::not_found, asked ? fmt::format("nothing that was said has the number {}: 'mien people "
                                                              "undo --list' shows what was",
                                                              *asked)
                                                : "nothing is left to undo");
  }
  const PersonOperation operation = *found;
  if (operation.kind == OperationKind::forget) {
    throw Exception(ErrorCode::invalid_argument,
                    fmt::format("what was forgotten is gone and cannot be undone (number {}); undo something else by "
                                "its number: 'mien people undo --list' shows what was said",
                                operation.id));
  }
  if (operation.is_undone) {
    throw Exception(ErrorCode::invalid_argument, fmt::format("number {} is undone already", operation.id));
  }
  state.store.set_undone(operation.id, true);
  state.reload_operations();
  return operation;
}

PeopleChange People::answer(const Suggestion& question, bool yes) {
  State& state = *state_;
  if (!is_open(question)) return no_change(state, question.person.person);
  const PersonEntry& person = question.person;
  const PersonEntry& other = question.other;
  if (question.kind == Suggestion::Kind::member) {
    PersonOperation operation =
        operation_of(yes ? OperationKind::is : OperationKind::not_person, person.person, yes ? person.name : "");
    state_faces(state, {question.other_face.id}, yes ? VerdictKind::is : VerdictKind::is_not, person.person, operation);
    return change(state, operation);
  }
  if (yes) return merge(fmt::format("{}", person.id), fmt::format("{}", other.id));
  if (person.person == 0 && other.person == 0) {
    PersonOperation operation = operation_of(OperationKind::split, 0);
    state_faces(state, other.members, VerdictKind::apart, 0, operation);
    state_faces(state, person.members, VerdictKind::rest, 0, operation);
    return change(state, operation);
  }
  const bool is_other = person.person == 0;
  const PersonId rejected = is_other ? other.person : person.person;
  PersonOperation operation = operation_of(OperationKind::not_person, rejected);
  state_faces(state, is_other ? person.members : other.members, VerdictKind::is_not, rejected, operation);
  return change(state, operation);
}

ForgottenPerson People::forget(const std::string& who) {
  State& state = *state_;
  const PersonEntry entry = state.resolve(who);
  ForgottenPerson result = state.store.forget(persons_of(state, entry), entry.members);
  state_ = std::make_unique<State>(state.store, state.settings, state.threads);
  state_->load();
  return result;
}

ForgottenPerson People::would_forget(const std::string& who) const {
  const PersonEntry entry = state_->resolve(who);
  return state_->store.would_forget(persons_of(*state_, entry), entry.members);
}

}  // namespace mien
