// Questions that are worth asking: which groups may be one person, and which named faces may be somebody else.
#include <algorithm>
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

class Asking {
 public:
  explicit Asking(const State& state) : state_(state) {
    for (std::size_t i = 0; i < state.faces.size(); ++i) {
      if (state.group_of[i] != 0) members_[state.group_of[i]].push_back(i);
    }
  }
  std::vector<Suggestion> merges();
  std::vector<Suggestion> members();

 private:
  const PersonEntry& entry(std::size_t face) const { return state_.entries[state_.entry_of[face]]; }
  std::unordered_map<GroupPair, Closest, HashPair> close_pairs() const;
  const VectorSum& sum(FaceId group);
  bool is_open(const PersonEntry& a, const PersonEntry& b) const;
  bool rejects(const PersonEntry& entry, PersonId person) const;
  bool was_split(const PersonEntry& a, const PersonEntry& b) const;
  bool are_on_one_photo(const PersonEntry& a, const PersonEntry& b) const;

  const State& state_;
  std::unordered_map<FaceId, std::vector<std::size_t>> members_;
  std::unordered_map<FaceId, VectorSum> sums_;
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

bool Asking::rejects(const PersonEntry& entry, PersonId person) const {
  return person != 0 && std::ranges::any_of(entry.members, [&](FaceId id) {
           const FaceFacts* const said = state_.facts_of(state_.by_id.at(id));
           return said != nullptr && std::ranges::count(said->rejected, person) != 0;
         });
}

bool Asking::was_split(const PersonEntry& a, const PersonEntry& b) const {
  std::vector<SplitSide> sides;
  for (const FaceId id : a.members) {
    const FaceFacts* const said = state_.facts_of(state_.by_id.at(id));
    if (said != nullptr) sides.insert(sides.end(), said->sides.begin(), said->sides.end());
  }
  return !sides.empty() && std::ranges::any_of(b.members, [&](FaceId id) {
    const FaceFacts* const said = state_.facts_of(state_.by_id.at(id));
    return said != nullptr && std::ranges::any_of(said->sides, [&](const SplitSide& side) {
             return std::ranges::count(sides, SplitSide{side.split, !side.is_off}) != 0;
           });
  });
}

bool Asking::are_on_one_photo(const PersonEntry& a, const PersonEntry& b) const {
  std::vector<ImageId> images;
  for (const FaceId id : a.members) images.push_back(state_.faces[state_.by_id.at(id)].image);
  std::ranges::sort(images);
  return std::ranges::any_of(b.members, [&](FaceId id) {
    const ImageId image = state_.faces[state_.by_id.at(id)].image;
    return std::ranges::binary_search(images, image) && !state_.facts.pages.contains(state_.images.at(image).sha256);
  });
}

bool Asking::is_open(const PersonEntry& a, const PersonEntry& b) const {
  const auto wants = [](const PersonEntry& entry) { return !entry.is_hidden && !entry.is_stranger; };
  const auto is_worth = [](const PersonEntry& entry) { return entry.person != 0 || entry.faces >= kWorthAsking; };
  if (!wants(a) || !wants(b) || (!is_worth(a) && !is_worth(b))) return false;
  if (!a.name.empty() && !b.name.empty()) return false;
  return !rejects(a, b.person) && !rejects(b, a.person) && !was_split(a, b) && !are_on_one_photo(a, b);
}

std::vector<Suggestion> Asking::merges() {
  std::map<std::pair<std::size_t, std::size_t>, Suggestion> best;
  for (const auto& [groups, closest] : close_pairs()) {
    const PersonEntry& a = entry(closest.face_a);
    const PersonEntry& b = entry(closest.face_b);
    const auto similarity = static_cast<float>(mean_similarity(sum(groups.a), sum(groups.b)));
    const auto places = std::minmax({state_.entry_of[closest.face_a], state_.entry_of[closest.face_b]});
    const auto known = best.find(places);
    if (known != best.end() && known->second.similarity >= similarity) continue;
    if (known == best.end() && !is_open(a, b)) continue;
    const bool a_leads = a.person != 0 || b.person != 0 ? a.person != 0 : a.faces >= b.faces;
    Suggestion question;
    question.person = a_leads ? a : b;
    question.other = a_leads ? b : a;
    question.similarity = similarity;
    question.face = state_.person_face(a_leads ? closest.face_a : closest.face_b);
    question.other_face = state_.person_face(a_leads ? closest.face_b : closest.face_a);
    question.face_similarity = closest.similarity;
    best[places] = std::move(question);
  }
  std::vector<Suggestion> questions;
  for (auto& [places, question] : best) questions.push_back(std::move(question));
  std::ranges::sort(questions, [](const Suggestion& x, const Suggestion& y) {
    if (x.similarity != y.similarity) return x.similarity > y.similarity;
    return x.person.id != y.person.id ? x.person.id < y.person.id : x.other.id < y.other.id;
  });
  return questions;
}

// Faces that were named with their group and lie in a group of their own now, less like the rest than groups are.
std::vector<Suggestion> Asking::members() {
  std::vector<Suggestion> questions;
  for (std::size_t i = 0; i < state_.faces.size(); ++i) {
    const FaceFacts* const said = state_.facts_of(i);
    if (said == nullptr || said->person == 0 || said->how == VerdictKind::is || state_.is_poor(i)) continue;
    if (state_.row_of[i] == State::kNone || members_.at(state_.group_of[i]).size() > 1) continue;
    const PersonEntry& person = entry(i);
    FaceId largest = 0;
    for (const FaceId group : person.groups) {
      if (group == state_.group_of[i] || sum(group).count == 0) continue;
      if (largest == 0 || members_.at(group).size() > members_.at(largest).size()) largest = group;
    }
    if (largest == 0) continue;
    Suggestion question;
    question.kind = Suggestion::Kind::member;
    question.person = question.other = person;
    question.other.members = {state_.faces[i].id};
    question.other.id = state_.faces[i].id;
    question.other.faces = question.other.images = 1;
    question.other.groups = {state_.group_of[i]};
    question.similarity = static_cast<float>(mean_similarity(sum(largest), sum(state_.group_of[i])));
    question.other_face = state_.person_face(i);
    for (const std::size_t face : members_.at(largest)) {
      if (state_.row_of[face] == State::kNone) continue;
      const float similarity = exact_similarity(state_.row(face), state_.row(i));
      if (question.face.id != 0 && similarity <= question.face_similarity) continue;
      question.face = state_.person_face(face);
      question.face_similarity = similarity;
    }
    questions.push_back(std::move(question));
  }
  std::ranges::stable_sort(questions, {}, &Suggestion::similarity);
  return questions;
}

}  // namespace

bool People::is_open(const Suggestion& question) const {
  const State& state = *state_;
  const auto a = state.by_id.find(question.face.id);
  const auto b = state.by_id.find(question.other_face.id);
  if (a == state.by_id.end() || b == state.by_id.end()) return false;
  if (question.kind == Suggestion::Kind::member) {
    const FaceFacts* const said = state.facts_of(b->second);
    return said != nullptr && said->person == question.person.person && said->how != VerdictKind::is;
  }
  return state.entry_of[a->second] != State::kNone && state.entry_of[b->second] != State::kNone &&
         state.entry_of[a->second] != state.entry_of[b->second];
}

std::vector<Suggestion> People::suggest(int count_max) const {
  if (state_->embedder_id.empty()) return {};
  state_->load_vectors();
  Asking asking(*state_);
  std::vector<Suggestion> questions = asking.members();
  for (Suggestion& question : asking.merges()) questions.push_back(std::move(question));
  if (questions.size() > static_cast<std::size_t>(count_max)) questions.resize(static_cast<std::size_t>(count_max));
  return questions;
}

}  // namespace mien
