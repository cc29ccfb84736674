// People in one's own photos: groups of faces that are one person, what was said of them, and where they are. A store
// (mien/tools/store.h) holds what was said; groups are computed from faces and facts and can be thrown away.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mien/engine.h"
#include "mien/export.h"
#include "mien/settings.h"
#include "mien/tools/store.h"

namespace mien {

// A person, or a group that nobody said anything of.
struct PersonEntry {
  FaceId id = 0;        // its oldest face's; 0: a person without a face here
  PersonId person = 0;  // 0: nobody said who it is
  std::string name;     // empty: none
  bool is_hidden = false;
  bool is_stranger = false;  // people whom nobody wants to see
  bool is_imported = false;  // the name stood in a file, nobody here said it
  std::int64_t faces = 0;
  std::int64_t images = 0;      // contents, not paths
  std::int64_t new_faces = 0;   // of a person: those that joined by similarity alone
  std::vector<FaceId> members;  // by id
  std::vector<FaceId> groups;   // the ids of its groups
};

// How a face came to its person: by similarity, or by what was said.
enum class FaceState { found, named, imported, confirmed };
MIEN_API std::string_view face_state_name(FaceState state);  // "found", ...

struct PersonFace {
  FaceId id = 0;
  FaceId group = 0;
  std::string source;               // a path of the photo; empty: it is gone
  std::vector<std::string> copies;  // other paths of the same content
  int number = 0;                   // N of PHOTO#N
  Box bbox;
  std::string taken;
  FaceState state = FaceState::found;
  // To the person's other faces, the mean; empty: it has no others, or no vector.
  std::optional<float> similarity;
  ImageId image = 0;
  PersonId person = 0;  // whose it is now; 0: of a group that nobody named, or of none
  std::optional<PoorReason> poor_reason;
};

struct PeopleStatistics {
  std::int64_t faces = 0;
  std::int64_t in_people = 0;  // of them: in persons
  std::int64_t in_groups = 0;  // in groups that nobody said anything of
  std::int64_t poor = 0;       // too poor to be in a group, and of nobody as far as was said
  std::int64_t not_faces = 0;  // were said to be none
  std::int64_t without_vector = 0;
  std::int64_t statements = 0;
  std::int64_t without_face = 0;  // statements about faces that are not here (any more)
};

// What a change did.
struct PeopleChange {
  OperationId operation = 0;  // for undo; 0: it was so already
  PersonId person = 0;
  std::string name;           // of the person
  std::int64_t faces = 0;     // that something was said of
  std::int64_t left_out = 0;  // of a group that was named: faces that are not the person's, since the photo shows the
                              // person already or the opposite was said
};

// A question whether two are one person.
struct Suggestion {
  enum class Kind {
    member,  // a face that was named with its group is not like the person's others: is it the person?
    merge    // are these one?
  } kind = Kind::merge;
  PersonEntry person;    // the larger one, or the one with a name
  PersonEntry other;     // of `member`: the face alone
  float similarity = 0;  // the mean of all pairs
  // The pair of faces that is the most similar.
  PersonFace face;
  PersonFace other_face;
  float face_similarity = 0;
};

struct FindOptions {
  std::vector<std::string> names;  // names, or ids of groups
  // Photos of people to look for, each with its analysis (with embeddings): the largest face, if it has twice the area
  // of the next.
  std::vector<std::pair<std::string, const Analysis*>> photos;
  bool all = false;                  // photos with all of them, else with any
  std::vector<std::string> without;  // names of people who must not be on the photo
  std::string since;                 // "2019", "2019-07-04": taken then or later
  std::string folder;                // below it
  std::optional<float> threshold;    // cosine, of photos; empty: the embedder's search threshold
};

struct FoundFace {
  FaceId face = 0;
  int number = 0;
  std::string name;                 // whom or which photo it was found for
  std::optional<float> similarity;  // of those found for a photo
};

struct FoundPhoto {
  std::string source;               // a path that is there
  std::vector<std::string> copies;  // other paths of it, and photos that look the same (perceptual hash)
  std::string taken;
  std::vector<FoundFace> faces;
};

struct FindResult {
  std::vector<FoundPhoto> photos;  // the best first, then by the time they were taken and by path
  std::int64_t without_date = 0;   // left out by `since`: it is not known when they were taken
  std::int64_t compared = 0;       // faces, where a photo was looked for
  float threshold = 0;
  double expected_false_matches = 0;  // among them; 0: not known, or no photo was looked for
  std::vector<std::string> notes;     // what the user should know, one sentence each
};

// The operations of people over one store. Everything that is said is one transaction, and groups are made again after
// it. Not for several threads at once. A face is "PHOTO#N", the path in any spelling; `who` is a group's id (that of
// any face in it) or a name, whatever its case and Unicode form. Throws Exception: invalid_argument (what was typed
// makes no sense: the message says why and what to do), not_found (no such person, group, photo or face), and what
// Store throws.
class MIEN_API People {
 public:
  // Of the embedder that knows most of the faces that are there. Groups are made where those in the store are not of
  // what lies there now; so are the neighbours of faces that have none. `threads` 0: one a core. `needs_vectors`: a
  // change or a person's faces are asked for next; the vectors for that are read at the same time as the rest.
  People(Store& store, const Settings& settings, int threads = 0, bool needs_vectors = false);
  ~People();
  People(const People&) = delete;
  People& operator=(const People&) = delete;

  PeopleStatistics statistics() const;
  // Persons by falling number of faces, then groups of at least `faces_min` likewise. Hidden ones and strangers where
  // they are asked for.
  std::vector<PersonEntry> list(bool with_hidden = false, int faces_min = 2) const;
  PersonEntry find(const std::string& who) const;
  std::optional<PersonId> find_person(const std::string& name) const;
  std::vector<PersonFace> faces(const PersonEntry& entry) const;
  PersonFace face(FaceId id) const;
  FaceId find_face(const std::string& photo_and_number) const;
  // The largest face of those whose photo is there, one that is not poor before others; 0: none.
  FaceId cover(const PersonEntry& entry) const;
  // Of the person, or of whom they were merged into; empty: none.
  std::string name_of(PersonId person) const;
  // Cosine from which on faces are one person's among many; empty: it is not known of the embedder.
  std::optional<float> search_threshold() const;

  // The group is this person; a person gets another name.
  PeopleChange name(const std::string& who, const std::string& name);
  PeopleChange is(const std::string& face, const std::string& name);
  PeopleChange is_not(const std::string& face, const std::string& name);
  PeopleChange merge(const std::string& who, const std::string& other);
  PeopleChange split(const std::string& who, const std::vector<std::string>& faces);
  PeopleChange hide(const std::string& who);
  PeopleChange stranger(const std::string& who);
  PeopleChange not_a_face(const std::vector<std::string>& faces);
  // A photo, or all photos below a folder, are pages: two faces on one may be one person.
  PeopleChange page(const std::string& path);
  // The same of faces and photos by their numbers, be the photo there or gone.
  PeopleChange is(FaceId face, const std::string& name);
  PeopleChange is_not(FaceId face, const std::string& name);
  PeopleChange split(const std::string& who, std::span<const FaceId> faces);
  PeopleChange not_a_face(std::span<const FaceId> faces);
  PeopleChange page(ImageId image);
  // The last thing that was said and is not undone, or this one.
  PersonOperation undo(std::optional<OperationId> operation = {});
  // The newest first.
  std::vector<PersonOperation> history() const;

  // The best first.
  std::vector<Suggestion> suggest(int count_max = 50) const;
  // The question about the persons or groups of these two faces, or of `member` whether `other_face` is the person, as
  // suggest() would ask it now; nothing where it would not.
  std::optional<Suggestion> question(Suggestion::Kind kind, FaceId face, FaceId other_face) const;
  // Whether the question is one still, after other answers.
  bool is_open(const Suggestion& suggestion) const;
  PeopleChange answer(const Suggestion& suggestion, bool yes);

  FindResult find_photos(const FindOptions& options) const;
  // Removes the person for good. Afterwards `list` knows nothing of them.
  ForgottenPerson forget(const std::string& who);
  // What that would remove; nothing is changed.
  ForgottenPerson would_forget(const std::string& who) const;

  struct State;

 private:
  std::unique_ptr<State> state_;
};

// For comparing and sorting names: two that differ in case or Unicode form alone become one text.
MIEN_API std::u32string folded_name(std::string_view name);

// Makes neighbours and groups where they are not of what lies in the store.
MIEN_API void refresh_people(Store& store, const Settings& settings, int threads = 0);

}  // namespace mien
