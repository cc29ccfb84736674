// What was said of faces and persons, all of it that was not undone, folded into what holds now.
#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "mien/tools/store.h"
#include "people/groups.h"

namespace mien {

// Statements name places; these are the faces that lie there now.
struct PlacedFace {
  FaceKey key = 0;
  Box bbox;
};
// By sha256.
using FacesByImage = std::unordered_map<std::string, std::vector<PlacedFace>>;

// The face whose box overlaps the place the most, by IoU and at least 0.5; the lower key of equal ones. Null: none.
const PlacedFace* find_face(const FacesByImage& faces, const FacePlace& place);

struct FaceFacts {
  PersonId person = 0;  // who the face is said to be; 0: nobody said
  // How: `is`, or the weaker `named` or `imported`.
  VerdictKind how = VerdictKind::named;
  std::vector<PersonId> rejected;
  std::vector<SplitSide> sides;
  OperationId together = 0;  // the last split that the face was split off by
  bool is_no_face = false;
};

struct PersonFacts {
  std::string name;  // empty: none
  bool is_hidden = false;
  bool is_stranger = false;
  bool is_imported = false;  // nobody here said anything of the person
};

struct Facts {
  // Persons of whom something was said; of merged ones that into which they were merged.
  std::map<PersonId, PersonFacts> persons;
  std::unordered_map<FaceKey, FaceFacts> faces;  // of whom something was said
  std::unordered_set<std::string> pages;         // sha256
  std::int64_t statements = 0;
  std::int64_t without_face = 0;  // statements whose face is not here (any more)
  std::map<PersonId, PersonId> merged;
  // The person that this one is now.
  PersonId person_of(PersonId person) const;
};

// `operations` in the order in which they were said, those that were undone included. The rules:
//  - of a face and a person the later of `is` and `is_not` counts; of persons that a face `is` said to be, the latest;
//  - `named` counts where neither `is` nor a rejection of that person was said, before or after, and no split since;
//    `imported` where nothing was said of the face by anybody here; of several the latest;
//  - within one import a rejection wins;
//  - a face that was split off is not of the person from whom it was split off, until that is said again;
//  - two faces of an image that is no page are one person only where `is` was said of both: else the first one counts.
Facts fold_facts(const std::vector<PersonOperation>& operations, const FacesByImage& faces);

}  // namespace mien
