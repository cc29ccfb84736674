// What People works on: the store's faces, what was said of them, and the groups that follow.
#pragma once

#include <future>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "index/key_table.h"
#include "mien/engine.h"
#include "mien/tools/people.h"
#include "people/facts.h"
#include "people/groups.h"
#include "people/images.h"
#include "people/vectors.h"

namespace mien {

// Faces are known by their place in `faces` here, which are in the order of their ids.
struct People::State {
  State(Store& store_, Settings settings_, int threads_);

  Store& store;
  Settings settings;
  int threads = 0;
  bool keeps = true;  // what is computed; false where the store may only be read

  std::string embedder_id;  // empty: no face has a vector
  ModelInfo embedder;
  Images images{store};
  std::vector<StoredFace> faces;
  FacesByImage by_image;  // those of images of which something was said
  std::vector<PersonOperation> operations;
  Facts facts;
  std::vector<FaceId> group_of;  // 0: none
  std::vector<PersonEntry> entries;
  std::vector<std::size_t> entry_of;  // a face's place in `entries`; kNone: in none

  // Rows of vectors, read when they are needed first: a face's row, or kNone.
  KeyTable by_key;
  std::future<FaceVectors> ahead;  // where they are read already
  std::int64_t ahead_of = 0;       // the store's data_version() before that
  int dimension = 0;
  std::vector<std::size_t> row_of;
  std::vector<std::size_t> row_faces;
  std::vector<std::uint16_t> rows;
  std::vector<std::vector<Neighbour>> neighbours;  // one a row

  static constexpr std::size_t kNone = SIZE_MAX;

  void load();
  // Adds what was said, makes groups again, and gives the operation's id.
  OperationId say(const PersonOperation& operation);
  void reload_operations();
  // Folds the operations again and makes groups again where they are not of what lies there now.
  void follow_facts();
  void load_vectors();

  const FaceFacts* facts_of(std::size_t face) const;
  bool is_poor(std::size_t face) const;
  bool is_on_page(std::size_t face) const;
  float search_threshold() const;  // throws Exception(invalid_argument) when it is not known
  FacePlace place_of(std::size_t face) const;
  std::span<const std::uint16_t> row(std::size_t face) const;
  std::size_t find_face(FaceId id) const;  // kNone: no face has it
  std::size_t face_at(FaceId id) const;    // throws Exception(not_found)
  std::size_t face_named(const std::string& photo_and_number) const;
  std::optional<PersonId> person_named(const std::string& name) const;
  const PersonEntry* entry_of_person(PersonId person) const;
  PersonEntry resolve(const std::string& who) const;
  PersonFace person_face(std::size_t face) const;

 private:
  void find_faces_of_statements();
  std::string made_from() const;
  FaceVectors take_vectors();
  void update_neighbours(const std::vector<FaceKey>& keys);
  void make_groups();
  std::vector<FaceEdge> edges_of(const GroupInput& input, const std::vector<std::size_t>& place) const;
  GroupInput group_input(std::vector<std::size_t>& inputs);
  void make_entries();
};

// The path from the root, without "." and "..", links not followed.
std::string absolute_path_of(const std::string& path);

}  // namespace mien
