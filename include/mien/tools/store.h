// The index of one's own photos: one SQLite file with images, faces, embeddings, groups and all that was ever said of
// people. It is the only truth: what is faster to scan is made in memory from it. The file holds biometric data and is
// its owner's alone (mode 0600).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "mien/export.h"
#include "mien/face.h"
#include "mien/scan.h"

namespace mien {

// A running number, never used again: smaller is older.
using FaceId = std::int64_t;
using ImageId = std::int64_t;
using PersonId = std::int64_t;
using OperationId = std::int64_t;
// 63 bits of a hash of the image's content and the box: the same in every store, in whatever order photos came. Equal
// similarities are ordered by it.
using FaceKey = std::int64_t;

// A unit vector of IEEE half floats, as it is stored.
using HalfVector = std::vector<std::uint16_t>;

struct StoredImage {
  ImageId id = 0;
  std::string sha256;  // of the file's bytes, 64 hex digits
  int width = 0;       // pixels of the upright image
  int height = 0;
  std::string phash;
  std::string taken;               // "2019-07-04T12:30:00", empty: the photo does not say
  std::vector<std::string> paths;  // absolute, those that are there; raw bytes
  bool is_gone = false;            // no path of it is there any more
};

struct StoredFace {
  FaceId id = 0;
  FaceKey key = 0;
  ImageId image = 0;
  int number = 0;  // N of PHOTO#N: its place among the image's faces by falling det_score, from 0
  Box bbox;        // pixels of the upright image
  float det_score = 0;
  std::optional<float> recognition_quality;
  std::optional<PoorReason> poor_reason;
};

// Where a face lies, whatever detector finds it: facts are about this.
struct FacePlace {
  std::string sha256;  // of the image, 64 hex digits
  Box bbox;
};

struct StoredVector {
  FaceId face = 0;
  FaceKey key = 0;
  std::span<const std::uint16_t> half;  // valid during the visit
};

struct Neighbour {
  FaceKey key = 0;
  float similarity = 0;  // cosine of the stored vectors
};

// One thing that a person said.
enum class OperationKind {
  name,        // a group is a person: a verdict `named` for each face that is in it now
  is,          // a face is a person
  not_person,  // a face is not a person
  rename,      // the person's name is `text`
  merge,       // `other` is `person`: what was said of the other holds for the person
  split,       // these faces are not with the others of their group: they stand alone together
  hide,        // the person is not listed unless asked for
  stranger,    // the faces are of a person whom nobody wants to see: `person` has no name
  not_a_face,  // the faces are none
  page,        // two faces of this image may be one person
  import,      // names that stood in a file: verdicts `imported`
  forget       // what is left of a person who was forgotten: no name, no verdicts; cannot be undone
};

// `rest`: in the group that others were split off from, which are `apart`.
enum class VerdictKind { is, is_not, named, imported, not_a_face, apart, rest };

struct Statement {
  FacePlace place;
  VerdictKind kind = VerdictKind::is;
  PersonId person = 0;  // 0: of no person
};

struct PersonOperation {
  OperationId id = 0;  // set by the store
  OperationKind kind = OperationKind::name;
  std::string time;     // set by the store: UTC, "2026-11-30T06:30:00Z"
  PersonId person = 0;  // 0: none
  PersonId other = 0;
  std::string text;                   // the name that was given; where it came from, of an import
  std::vector<Statement> statements;  // in the order they were made
  bool is_undone = false;
};

// A random number of 32 hex digits, by which a person is known outside of the store, where ids may mean others.
struct PersonToken {
  std::string token;
  PersonId person = 0;  // 0: the store has only the note that they were forgotten
  bool is_forgotten = false;
};

struct FaceGroup {
  FaceId face = 0;
  FaceId group = 0;  // the oldest face of the group; a face that is in no group has no row
};

struct StoreOptions {
  std::string path;  // empty: default_store_path()
  enum class Access { read, write, create } access = Access::read;
  // How long what reads or writes waits for another program that writes; then it is an error (is_store_locked).
  std::chrono::milliseconds patience{30'000};
};

struct StoreStatistics {
  std::int64_t images = 0;  // contents
  std::int64_t paths = 0;   // that are there
  std::int64_t gone = 0;    // paths that are not there any more
  std::int64_t failed = 0;  // paths whose image could not be read
  std::int64_t faces = 0;
  std::int64_t vectors = 0;  // of the first of Store::embedders()
  std::int64_t bytes = 0;    // of the file and its WAL
};

// What lies in the store for one path.
struct StoredPlace {
  std::string source;  // absolute: the folder or file that was named
  std::string path;    // absolute
  std::int64_t size_bytes = -1;
  std::int64_t mtime_ns = 0;
  std::string sha256;  // empty: could not be read
  std::string terms;   // of the record, see Record::terms
  bool is_gone = false;
  std::string error;             // the code of the reason; empty: it was read
  bool can_be_repeated = false;  // an error that may be over by now
};

struct ForgottenPerson {
  std::int64_t verdicts = 0;
  std::int64_t faces = 0;
  std::int64_t vectors = 0;
  std::vector<FacePlace> places;  // not embedded again by a later index
};

// The store's file in the user's data folder (XDG_DATA_HOME, else ~/.local/share): mien/people.mien.
MIEN_API std::string default_store_path();
// `PersonOperation::kind` and `Statement::kind` as they stand in the file and in JSON.
MIEN_API std::string_view operation_name(OperationKind kind);
MIEN_API std::string_view verdict_kind_name(VerdictKind kind);

// For one thread; several stores on one file may be open at once, also in several programs. What changes the file is
// one transaction each. Throws Exception: not_found (no such store), invalid_argument (a file that is no store, one of
// a newer version, a file system without locks), io, bad_data (damaged: the message names `mien store check`).
class MIEN_API Store {
 public:
  explicit Store(const StoreOptions& options);
  ~Store();
  Store(Store&&) noexcept;
  Store& operator=(Store&&) noexcept;

  const std::string& path() const;
  bool is_read_only() const;  // by StoreOptions::access
  StoreStatistics statistics() const;
  // What is wrong with the file: one sentence a finding, which names table and row; empty: nothing.
  std::vector<std::string> check() const;
  // Whether somebody else has changed the file since the last call.
  bool has_changed();
  // Another number whenever somebody else has changed the file; this store's own changes leave it.
  std::int64_t data_version() const;

  // ---- What was read

  // A record and the folder it was found below. Of faces with an embedding the vector is stored under
  // `record.analysis.models.embedder_id`. The same record again changes nothing; another one of the same content on
  // other terms takes its place, and faces at the same place (IoU 0.5) keep their ids.
  struct Entry {
    std::string source;  // absolute
    std::string path;    // absolute
    const Record* record = nullptr;
  };
  void put(std::span<const Entry> batch);
  void visit_places(const std::function<void(const StoredPlace&)>& visit) const;
  // What lies at this absolute path, there or gone.
  std::optional<StoredPlace> find_place(const std::string& path) const;
  // The record that was made of this content, without a source and without embeddings.
  std::optional<Record> find_record(std::string_view sha256) const;
  void set_gone(std::span<const std::string> paths, bool is_gone);
  // Drops the paths that are gone and lie below one of the sources (all sources when empty), and images and faces that
  // have no path left. Facts stay. Returns the number of paths.
  std::int64_t prune(std::span<const std::string> sources);
  // The files below a folder, gone ones too, lie below another one now. Returns how many; nothing is read again.
  std::int64_t move_source(const std::string& from, const std::string& to);

  // ---- What lies there

  std::optional<StoredImage> image(ImageId id) const;
  std::optional<StoredImage> find_image(std::string_view sha256) const;
  // Those that are here of these contents, by sha256.
  std::unordered_map<std::string, ImageId> find_images(const std::unordered_set<std::string>& sha256s) const;
  // By its absolute path, there or gone.
  std::optional<StoredImage> find_image_at(const std::string& path) const;
  std::optional<StoredFace> face(FaceId id) const;
  // Each may be moved from.
  void visit_images(const std::function<void(StoredImage&)>& visit) const;
  // By number.
  std::vector<StoredFace> faces_of(ImageId image) const;
  // By id, those newer than `after`.
  void visit_faces(const std::function<void(const StoredFace&)>& visit, FaceId after = 0) const;

  // ---- Vectors; those of different embedders never meet

  // Embedder ids (ModelNames::embedder_id) with vectors, the one of most faces that are there first, then the newest.
  std::vector<std::string> embedders() const;
  std::string embedder_name(std::string_view embedder_id) const;  // "fr_feature"
  std::int64_t count_vectors() const;                             // of the first of them
  void visit_vectors(std::string_view embedder_id, const std::function<void(const StoredVector&)>& visit,
                     FaceId after = 0) const;
  // Visits those of the keys that have one, in the order of the keys.
  void read_vectors(std::string_view embedder_id, std::span<const FaceKey> keys,
                    const std::function<void(const StoredVector&)>& visit) const;

  // ---- What is computed from them

  struct FaceNeighbours {
    FaceId face = 0;
    std::vector<Neighbour> neighbours;  // the most similar first
  };
  void put_neighbours(std::string_view embedder_id, std::span<const FaceNeighbours> batch);
  void visit_neighbours(std::string_view embedder_id, const std::function<void(const FaceNeighbours&)>& visit) const;
  // Takes the place of all groups that were there. `made_from` says from what they were made, in the caller's words.
  void put_groups(std::span<const FaceGroup> groups, std::string_view made_from);
  std::string groups_made_from() const;  // empty: no groups were put
  std::vector<FaceGroup> groups() const;

  // ---- What people said

  // The number of a new person, who is in the file from the first operation on that names them: a program that is
  // killed in between leaves nobody without a name.
  PersonId add_person();
  // Of all who were ever here: those who were merged into others and those who were forgotten too.
  void visit_person_tokens(const std::function<void(const PersonToken&)>& visit) const;
  OperationId add(const PersonOperation& operation);
  // All that is there, undone or not, in the order it was said.
  void visit_operations(const std::function<void(const PersonOperation&)>& visit) const;
  void set_undone(OperationId operation, bool is_undone);
  // A photo changed under its name: what was said of a face of the one content (the first of a pair) is said of the
  // same face in the other too, by the same operations, so that undo undoes both. Again: changes nothing.
  void carry_facts(std::string_view from_sha256, std::string_view to_sha256,
                   std::span<const std::pair<Box, Box>> pairs);
  // Removes, in one transaction: the persons (one and whom it was merged with), every operation and verdict that names
  // them, and of the faces given the vectors, the neighbours and their place in the neighbours of others; then empties
  // the WAL. Afterwards no file of the store holds anything of them but the places, which are also noted beside the
  // store in FILE.forgotten. Throws Exception(unavailable) when another program reads the store all the time.
  ForgottenPerson forget(std::span<const PersonId> persons, std::span<const FaceId> faces);
  // What forget() would remove, as it would tell it; nothing is changed.
  ForgottenPerson would_forget(std::span<const PersonId> persons, std::span<const FaceId> faces) const;
  // Places that must not be embedded again.
  std::vector<FacePlace> suppressed() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Whether an error of a store says that another program kept it locked: the same may work later.
MIEN_API bool is_store_locked(const Error& error);

// A complete copy that others may go on writing beside; mode 0600. Throws Exception(invalid_argument) when the target
// is there.
MIEN_API void back_up_store(const std::string& store, const std::string& target);
// Puts a copy in the place of the store, after it was checked; people who were forgotten since are forgotten again.
// Returns what the restored store lacks, one sentence each.
MIEN_API std::vector<std::string> restore_store(const std::string& backup, const std::string& store);

}  // namespace mien
