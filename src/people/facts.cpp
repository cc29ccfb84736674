#include "people/facts.h"

#include <algorithm>
#include <optional>

#include "ops/detect.h"
#include "store/places.h"

namespace mien {
namespace {

// Larger is later: operations, and statements within them.
using Moment = std::pair<std::size_t, std::size_t>;

// What was said last of one face and one person, by each kind of saying.
struct Claim {
  PersonId person = 0;
  std::optional<Moment> is, is_not, named, imported, imported_not, split_off;
};

struct Told {
  std::vector<Claim> claims;
  std::vector<SplitSide> sides;
  std::optional<Moment> split, no_face, is_a_face;
  OperationId together = 0;

  Claim& claim(PersonId person) {
    const auto found = std::ranges::find(claims, person, &Claim::person);
    if (found != claims.end()) return *found;
    claims.push_back(
        {.person = person, .is = {}, .is_not = {}, .named = {}, .imported = {}, .imported_not = {}, .split_off = {}});
    return claims.back();
  }
};

void set_claim(Claim& claim, VerdictKind kind, bool is_import, Moment now) {
  if (kind == VerdictKind::is) claim.is = now;
  if (kind == VerdictKind::named) claim.named = now;
  if (kind == VerdictKind::imported) claim.imported = now;
  if (kind == VerdictKind::is_not) (is_import ? claim.imported_not : claim.is_not) = now;
}

void tell(Told& told, const PersonOperation& operation, const Statement& statement, PersonId person, Moment now) {
  switch (statement.kind) {
    case VerdictKind::is:
    case VerdictKind::named:
    case VerdictKind::imported:
    case VerdictKind::is_not:
      if (statement.kind == VerdictKind::is) told.is_a_face = now;
      if (person != 0) set_claim(told.claim(person), statement.kind, operation.kind == OperationKind::import, now);
      return;
    case VerdictKind::not_a_face: told.no_face = now; return;
    case VerdictKind::apart:
      told.split = now;
      told.together = operation.id;
      told.sides.push_back({operation.id, true});
      if (person != 0) told.claim(person).split_off = now;
      return;
    case VerdictKind::rest: told.sides.push_back({operation.id, false}); return;
  }
}

bool is_rejected(const Claim& claim) {
  if (claim.is_not) return !claim.is || *claim.is_not > *claim.is;
  if (claim.split_off && (!claim.is || *claim.split_off > *claim.is)) {
    return !claim.named || *claim.split_off > *claim.named;
  }
  if (!claim.imported_not || claim.is || claim.named) return false;
  // Within one import a rejection wins, wherever it stands.
  return !claim.imported || claim.imported_not->first >= claim.imported->first;
}

struct Choice {
  PersonId person = 0;
  VerdictKind how = VerdictKind::named;
  Moment when;
};

// The latest of the claims of a kind, of those that hold.
template <typename Holds>
std::optional<Choice> latest(const Told& told, VerdictKind how, std::optional<Moment> Claim::*when,
                             const Holds& holds) {
  std::optional<Choice> best;
  for (const Claim& claim : told.claims) {
    if (!(claim.*when) || !holds(claim) || (best && *(claim.*when) < best->when)) continue;
    best = {claim.person, how, *(claim.*when)};
  }
  return best;
}

std::optional<Choice> choose(const Told& told) {
  if (const auto is = latest(told, VerdictKind::is, &Claim::is,
                             [](const Claim& claim) { return !claim.is_not || *claim.is_not < *claim.is; })) {
    return is;
  }
  const auto named = latest(told, VerdictKind::named, &Claim::named, [&](const Claim& claim) {
    return !is_rejected(claim) && (!told.split || *told.split < *claim.named);
  });
  if (named) return named;
  const bool has_left = told.split.has_value();
  return latest(told, VerdictKind::imported, &Claim::imported,
                [&](const Claim& claim) { return !has_left && !is_rejected(claim); });
}

FaceFacts face_facts(Told&& told) {
  FaceFacts facts;
  facts.is_no_face = told.no_face && (!told.is_a_face || *told.is_a_face < *told.no_face);
  facts.sides = std::move(told.sides);
  facts.together = told.together;
  for (const Claim& claim : told.claims) {
    if (is_rejected(claim)) facts.rejected.push_back(claim.person);
  }
  return facts;
}

// Persons and pages, before faces: a merge holds for what was said before it too.
void fold_persons(const PersonOperation& operation, Facts& facts) {
  const PersonId person = facts.person_of(operation.person);
  if (operation.kind == OperationKind::page) {
    for (const Statement& statement : operation.statements) facts.pages.insert(statement.place.sha256);
    return;
  }
  if (operation.kind == OperationKind::merge) {
    const PersonId other = facts.person_of(operation.other);
    if (other == 0 || person == 0 || other == person) return;
    facts.merged[other] = person;
    PersonFacts& kept = facts.persons[person];
    const PersonFacts& gone = facts.persons[other];
    if (kept.name.empty()) kept.name = gone.name;
    kept.is_stranger = kept.is_stranger && gone.is_stranger;
    kept.is_imported = false;
    facts.persons.erase(other);
    return;
  }
  if (person == 0 || operation.kind == OperationKind::forget) return;
  const bool is_import = operation.kind == OperationKind::import;
  const auto [at, is_first] = facts.persons.try_emplace(person);
  PersonFacts& known = at->second;
  known.is_imported = is_import && (is_first || known.is_imported);
  const bool is_rename = operation.kind == OperationKind::rename;
  const bool names =
      is_import || is_rename || operation.kind == OperationKind::name || operation.kind == OperationKind::is;
  if (names && !operation.text.empty() && (known.name.empty() || is_rename)) {
    known.name = operation.text;
    known.is_stranger = false;
  }
  if (operation.kind == OperationKind::hide) known.is_hidden = true;
  if (operation.kind == OperationKind::stranger && known.name.empty()) known.is_stranger = true;
}

// Of two faces of one image that are said to be one person the weaker word yields, of equal ones the later.
void keep_one_of_an_image(const std::vector<PlacedFace>& faces, const std::unordered_map<FaceKey, Choice>& choices,
                          Facts& facts) {
  for (const PlacedFace& face : faces) {
    const auto mine = choices.find(face.key);
    if (mine == choices.end() || mine->second.how == VerdictKind::is) continue;
    const bool yields = std::ranges::any_of(faces, [&](const PlacedFace& other) {
      const auto theirs = choices.find(other.key);
      if (other.key == face.key || theirs == choices.end() || theirs->second.person != mine->second.person)
        return false;
      if (theirs->second.how != mine->second.how) {
        return theirs->second.how == VerdictKind::is || mine->second.how == VerdictKind::imported;
      }
      return theirs->second.when < mine->second.when;
    });
    if (yields) facts.faces[face.key].person = 0;
  }
}

}  // namespace

const PlacedFace* find_face(const FacesByImage& faces, const FacePlace& place) {
  const auto image = faces.find(place.sha256);
  if (image == faces.end()) return nullptr;
  const PlacedFace* best = nullptr;
  float best_overlap = kSameFaceOverlap;
  for (const PlacedFace& face : image->second) {
    const float overlap = intersection_over_union(face.bbox, place.bbox);
    const bool is_better =
        overlap > best_overlap || (overlap == best_overlap && (best == nullptr || face.key < best->key));
    if (!is_better) continue;
    best = &face;
    best_overlap = overlap;
  }
  return best;
}

PersonId Facts::person_of(PersonId person) const {
  for (auto into = merged.find(person); into != merged.end(); into = merged.find(person)) person = into->second;
  return person;
}

Facts fold_facts(const std::vector<PersonOperation>& operations, const FacesByImage& faces) {
  Facts facts;
  for (const PersonOperation& operation : operations) {
    if (!operation.is_undone) fold_persons(operation, facts);
  }
  std::unordered_map<FaceKey, Told> told;
  std::unordered_set<std::string> images;
  for (std::size_t i = 0; i < operations.size(); ++i) {
    const PersonOperation& operation = operations[i];
    if (operation.is_undone || operation.kind == OperationKind::page) continue;
    for (std::size_t j = 0; j < operation.statements.size(); ++j) {
      const Statement& statement = operation.statements[j];
      ++facts.statements;
      PersonId person = facts.person_of(statement.person);
      if (statement.kind == VerdictKind::apart) person = facts.person_of(operation.person);
      const PlacedFace* const face = find_face(faces, statement.place);
      if (face == nullptr) {
        ++facts.without_face;
        continue;
      }
      if (person != 0) facts.persons.try_emplace(person);
      tell(told[face->key], operation, statement, person, {i, j});
      images.insert(statement.place.sha256);
    }
  }
  std::unordered_map<FaceKey, Choice> choices;
  for (auto& [key, of_face] : told) {
    const std::optional<Choice> choice = choose(of_face);
    FaceFacts known = face_facts(std::move(of_face));
    if (choice && !known.is_no_face) {
      known.person = choice->person;
      known.how = choice->how;
      choices[key] = *choice;
    }
    facts.faces[key] = std::move(known);
  }
  for (const std::string& image : images) {
    if (!facts.pages.contains(image)) keep_one_of_an_image(faces.at(image), choices, facts);
  }
  return facts;
}

}  // namespace mien
