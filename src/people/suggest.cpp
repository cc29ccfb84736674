// Questions that are worth asking: which groups may be one person, and which named faces may be somebody else.
#include <algorithm>
#include <map>
#include <optional>
#include <unordered_map>

#include "index/similarity.h"
#include "mien/tools/people.h"
#include "people/state.h"

namespace mien {
namespace {

using State = People::State;

// Below it hardly any two groups are one person, where nothing is known of the embedder's threshold for verifying.
constexpr float kShareOfThreshold = 0.8F;
constexpr std::int64_t kWorthAsking = 3;  // faces of a group without a name

struct GroupPair {
  FaceId a = 0;
  FaceId b = 0;
  bool operator==(const GroupPair&) const = default;
};
struct HashPair {
  std::size_t operator()(const GroupPair& pair) const {
    return std::hash<FaceId>{}(pair.a) * 1000003U + std::hash<FaceId>{}(pair.b);
  }
};
struct Closest {
  std::size_t face_a = 0;
  std::size_t face_b = 0;
  float similarity = -1;
};
// Of all faces of an entry.
struct EntryFacts {
  std::vector<ImageId> images;  // sorted; without pages
  std::vector<PersonId> rejected;
  std::vector<SplitSide> sides;
};
// A question about two entries, before anything of them is copied.
struct Proposal {
  bool is_open = false;
  Closest closest;
  float similarity = 0;
};

class Asking {
 public:
  explicit Asking(const State& state) : state_(state) {
    for (std::size_t i = 0; i < state.faces.size(); ++i) {
      if (state.group_of[i] != 0) members_[state.group_of[i]].push_back(i);
    }
  }
  std::vector<Suggestion> merges(std::size_t count_max);
  std::vector<Suggestion> members();
  std::optional<Suggestion> merge(std::size_t face_a, std::size_t face_b);
  std::optional<Suggestion> member(std::size_t face);

 private:
  const PersonEntry& entry(std::size_t face) const { return state_.entries[state_.entry_of[face]]; }
  std::unordered_map<GroupPair, Closest, HashPair> close_pairs() const;
  const VectorSum& sum(FaceId group);
  const EntryFacts& facts(const PersonEntry& entry);
  bool is_open(const PersonEntry& a, const PersonEntry& b);
  bool rejects(const PersonEntry& entry, PersonId person);
  bool was_split(const PersonEntry& a, const PersonEntry& b);
  bool are_on_one_photo(const PersonEntry& a, const PersonEntry& b);
  bool leads(const PersonEntry& a, const PersonEntry& b) const;
  float similarity_of_groups(const Closest& pair);
  Suggestion merge_question(const Proposal& candidate) const;

  const State& state_;
  std::unordered_map<FaceId, std::vector<std::size_t>> members_;
  std::unordered_map<FaceId, VectorSum> sums_;
  std::unordered_map<const PersonEntry*, EntryFacts> facts_;
};

const VectorSum& Asking::sum(FaceId group) {
  VectorSum& sum = sums_[group];
  if (sum.count > 0) return sum;
  for (const std::size_t face : members_.at(group)) {
    if (state_.row_of[face] != State::kNone && !state_.is_poor(face)) sum.add(state_.row(face));
  }
  return sum;
}

std::unordered_map<GroupPair, Closest, HashPair> Asking::close_pairs() const {
  std::unordered_map<GroupPair, Closest, HashPair> pairs;
  const float threshold = state_.search_threshold();
  const float least = std::min(state_.embedder.threshold_verify.value_or(threshold), threshold * kShareOfThreshold);
  for (std::size_t row = 0; row < state_.row_faces.size(); ++row) {
    const std::size_t face = state_.row_faces[row];
    if (state_.entry_of[face] == State::kNone || state_.is_poor(face)) continue;
    for (const Neighbour& neighbour : state_.neighbours[row]) {
      if (neighbour.similarity < least) break;
      const std::size_t other = state_.by_key.at(neighbour.key);
      if (state_.entry_of[other] == State::kNone || state_.is_poor(other)) continue;
      if (state_.entry_of[other] == state_.entry_of[face]) continue;
      const bool is_first = state_.group_of[face] < state_.group_of[other];
      const std::size_t a = is_first ? face : other;
      const std::size_t b = is_first ? other : face;
      Closest& closest = pairs[{state_.group_of[a], state_.group_of[b]}];
      if (neighbour.similarity > closest.similarity) closest = {a, b, neighbour.similarity};
    }
  }
  return pairs;
}

// An entry is asked about with many others: what that needs of its faces is gathered once.
const EntryFacts& Asking::facts(const PersonEntry& entry) {
  const auto [known, is_first] = facts_.try_emplace(&entry);
  EntryFacts& facts = known->second;
  if (!is_first) return facts;
  for (const FaceId id : entry.members) {
    const std::size_t face = state_.face_at(id);
    if (!state_.is_on_page(face)) facts.images.push_back(state_.faces[face].image);
    const FaceFacts* const said = state_.facts_of(face);
    if (said == nullptr) continue;
    facts.rejected.insert(facts.rejected.end(), said->rejected.begin(), said->rejected.end());
    facts.sides.insert(facts.sides.end(), said->sides.begin(), said->sides.end());
  }
  std::ranges::sort(facts.images);
  return facts;
}

bool Asking::rejects(const PersonEntry& entry, PersonId person) {
  return person != 0 && std::ranges::count(facts(entry).rejected, person) != 0;
}

bool Asking::was_split(const PersonEntry& a, const PersonEntry& b) {
  const std::vector<SplitSide>& sides = facts(a).sides;
  return !sides.empty() && std::ranges::any_of(facts(b).sides, [&](const SplitSide& side) {
    return std::ranges::count(sides, SplitSide{side.split, !side.is_off}) != 0;
  });
}

bool Asking::are_on_one_photo(const PersonEntry& a, const PersonEntry& b) {
  const bool a_is_smaller = a.faces < b.faces;
  const std::vector<ImageId>& few = facts(a_is_smaller ? a : b).images;
  const std::vector<ImageId>& many = facts(a_is_smaller ? b : a).images;
  return std::ranges::any_of(few, [&](ImageId image) { return std::ranges::binary_search(many, image); });
}

bool Asking::is_open(const PersonEntry& a, const PersonEntry& b) {
  const auto wants = [](const PersonEntry& entry) { return !entry.is_hidden && !entry.is_stranger; };
  const auto is_worth = [](const PersonEntry& entry) { return entry.person != 0 || entry.faces >= kWorthAsking; };
  if (!wants(a) || !wants(b) || (!is_worth(a) && !is_worth(b))) return false;
  if (!a.name.empty() && !b.name.empty()) return false;
  return !rejects(a, b.person) && !rejects(b, a.person) && !was_split(a, b) && !are_on_one_photo(a, b);
}

// Whether the first is `person` of a question about the two.
bool Asking::leads(const PersonEntry& a, const PersonEntry& b) const {
  if (a.person != 0 || b.person != 0) return a.person != 0;
  return a.faces != b.faces ? a.faces > b.faces : a.id < b.id;
}

float Asking::similarity_of_groups(const Closest& pair) {
  return static_cast<float>(mean_similarity(sum(state_.group_of[pair.face_a]), sum(state_.group_of[pair.face_b])));
}

Suggestion Asking::merge_question(const Proposal& candidate) const {
  const auto [face_a, face_b, face_similarity] = candidate.closest;
  const bool a_leads = leads(entry(face_a), entry(face_b));
  Suggestion question;
  question.person = entry(a_leads ? face_a : face_b);
  question.other = entry(a_leads ? face_b : face_a);
  question.similarity = candidate.similarity;
  question.face = state_.person_face(a_leads ? face_a : face_b);
  question.other_face = state_.person_face(a_leads ? face_b : face_a);
  question.face_similarity = face_similarity;
  return question;
}

std::vector<Suggestion> Asking::merges(std::size_t count_max) {
  std::map<std::pair<std::size_t, std::size_t>, Proposal> best;
  for (const auto& [groups, closest] : close_pairs()) {
    const auto places = std::minmax({state_.entry_of[closest.face_a], state_.entry_of[closest.face_b]});
    const auto [known, is_first] = best.try_emplace(places);
    Proposal& candidate = known->second;
    if (is_first) candidate.is_open = is_open(entry(closest.face_a), entry(closest.face_b));
    if (!candidate.is_open) continue;
    const float similarity = similarity_of_groups(closest);
    if (!is_first && candidate.similarity >= similarity) continue;
    candidate.closest = closest;
    candidate.similarity = similarity;
  }
  std::vector<Proposal> open;
  for (const auto& [places, candidate] : best) {
    if (candidate.is_open) open.push_back(candidate);
  }
  const auto ids = [this](const Proposal& candidate) {
    const PersonEntry& a = entry(candidate.closest.face_a);
    const PersonEntry& b = entry(candidate.closest.face_b);
    return leads(a, b) ? std::pair(a.id, b.id) : std::pair(b.id, a.id);
  };
  std::ranges::sort(open, [&](const Proposal& x, const Proposal& y) {
    return x.similarity != y.similarity ? x.similarity > y.similarity : ids(x) < ids(y);
  });
  open.resize(std::min(open.size(), count_max));
  std::vector<Suggestion> questions;
  for (const Proposal& candidate : open) questions.push_back(merge_question(candidate));
  return questions;
}

std::optional<Suggestion> Asking::merge(std::size_t face_a, std::size_t face_b) {
  const auto has_group = [this](std::size_t face) {
    return state_.entry_of[face] != State::kNone && state_.row_of[face] != State::kNone && !state_.is_poor(face);
  };
  if (!has_group(face_a) || !has_group(face_b) || state_.entry_of[face_a] == state_.entry_of[face_b]) return {};
  if (!is_open(entry(face_a), entry(face_b))) return {};
  Proposal candidate{
      .is_open = true,
      .closest = {face_a, face_b, exact_similarity(state_.row(face_a), state_.row(face_b))},
  };
  candidate.similarity = similarity_of_groups(candidate.closest);
  return merge_question(candidate);
}

// Of a face that was named with its group and lies in a group of its own now, less like the rest than groups are.
std::optional<Suggestion> Asking::member(std::size_t i) {
  const FaceFacts* const said = state_.facts_of(i);
  if (said == nullptr || said->person == 0 || said->how == VerdictKind::is || state_.is_poor(i)) return {};
  const FaceId group_of_face = state_.group_of[i];
  if (state_.row_of[i] == State::kNone || group_of_face == 0 || members_.at(group_of_face).size() > 1) return {};
  const PersonEntry& person = entry(i);
  FaceId largest = 0;
  for (const FaceId group : person.groups) {
    if (group == group_of_face || sum(group).count == 0) continue;
    if (largest == 0 || members_.at(group).size() > members_.at(largest).size()) largest = group;
  }
  if (largest == 0) return {};
  Suggestion question;
  question.kind = Suggestion::Kind::member;
  question.person = question.other = person;
  question.other.members = {state_.faces[i].id};
  question.other.id = state_.faces[i].id;
  question.other.faces = question.other.images = 1;
  question.other.groups = {group_of_face};
  question.similarity = static_cast<float>(mean_similarity(sum(largest), sum(group_of_face)));
  question.other_face = state_.person_face(i);
  for (const std::size_t face : members_.at(largest)) {
    if (state_.row_of[face] == State::kNone) continue;
    const float similarity = exact_similarity(state_.row(face), state_.row(i));
    if (question.face.id != 0 && similarity <= question.face_similarity) continue;
    question.face = state_.person_face(face);
    question.face_similarity = similarity;
  }
  return question;
}

std::vector<Suggestion> Asking::members() {
  std::vector<Suggestion> questions;
  for (std::size_t i = 0; i < state_.faces.size(); ++i) {
    if (std::optional<Suggestion> question = member(i)) questions.push_back(std::move(*question));
  }
  std::ranges::stable_sort(questions, {}, &Suggestion::similarity);
  return questions;
}

}  // namespace

bool People::is_open(const Suggestion& question) const {
  const State& state = *state_;
  const std::size_t a = state.find_face(question.face.id);
  const std::size_t b = state.find_face(question.other_face.id);
  if (a == State::kNone || b == State::kNone) return false;
  if (question.kind == Suggestion::Kind::member) {
    const FaceFacts* const said = state.facts_of(b);
    return said != nullptr && said->person == question.person.person && said->how != VerdictKind::is;
  }
  return state.entry_of[a] != State::kNone && state.entry_of[b] != State::kNone &&
         state.entry_of[a] != state.entry_of[b];
}

std::optional<Suggestion> People::question(Suggestion::Kind kind, FaceId face, FaceId other_face) const {
  const std::size_t a = state_->find_face(face);
  const std::size_t b = state_->find_face(other_face);
  if (state_->embedder_id.empty() || a == State::kNone || b == State::kNone) return {};
  state_->load_vectors();
  Asking asking(*state_);
  return kind == Suggestion::Kind::merge ? asking.merge(a, b) : asking.member(b);
}

std::vector<Suggestion> People::suggest(int count_max) const {
  if (state_->embedder_id.empty()) return {};
  state_->load_vectors();
  Asking asking(*state_);
  const auto most = static_cast<std::size_t>(count_max);
  std::vector<Suggestion> questions = asking.members();
  questions.resize(std::min(questions.size(), most));
  for (Suggestion& question : asking.merges(most - questions.size())) questions.push_back(std::move(question));
  return questions;
}

}  // namespace mien
