#include <cstdlib>
#include <set>
#include <utility>

#include "mien/tools/store.h"
#include "store/carry.h"
#include "store/change.h"
#include "store/check.h"
#include "store/computed.h"
#include "store/facts.h"
#include "store/file.h"
#include "store/forget.h"
#include "store/note.h"
#include "store/put.h"
#include "store/read.h"
#include "store/schema.h"

namespace mien {
namespace {

std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

// Only the folder that a user has not named is made.
std::string path_of(const StoreOptions& options) {
  if (!options.path.empty()) return absolute_path(options.path);
  const std::string path = default_store_path();
  if (options.access == StoreOptions::Access::create) make_folder(folder_of(path));
  return absolute_path(path);
}

// A store that is made anew where one was: who was forgotten stays so.
void take_note(Database& database) {
  if (database.number("suppressed", "SELECT EXISTS (SELECT 1 FROM suppressed) OR EXISTS (SELECT 1 FROM forgotten)") !=
      0) {
    return;
  }
  const ForgottenNote note = read_note(forgotten_path(database.path()));
  if (note.places.empty() && note.tokens.empty()) return;
  Transaction transaction(database);
  put_note(database, note);
  transaction.commit();
}

}  // namespace

struct Store::Impl {
  std::string path;
  bool is_read_only = false;
  std::unique_ptr<Database> database;
  std::int64_t data_version = 0;
  PersonId last_person = 0;
  std::set<PersonId> fresh_persons;

  Database& operator*() const { return *database; }
};

std::string default_store_path() {
  std::string folder = environment("XDG_DATA_HOME");
  if (!folder.starts_with('/')) folder = environment("HOME") + "/.local/share";
  return folder + "/mien/people.mien";
}

Store::Store(const StoreOptions& options) : impl_(std::make_unique<Impl>()) {
  impl_->path = path_of(options);
  impl_->is_read_only = options.access == StoreOptions::Access::read;
  impl_->database = open_database(impl_->path, options.access);
  finish_forgetting(**impl_, false);
  impl_->database->set_patience(static_cast<int>(options.patience.count()));
  if (options.access == StoreOptions::Access::create) take_note(**impl_);
  if (impl_->is_read_only) impl_->database->run("PRAGMA query_only = ON");
  has_changed();
}

Store::~Store() = default;
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;

const std::string& Store::path() const { return impl_->path; }
bool Store::is_read_only() const { return impl_->is_read_only; }
StoreStatistics Store::statistics() const { return read_statistics(**impl_); }
std::vector<std::string> Store::check() const { return check_store(**impl_); }

bool Store::has_changed() {
  const std::int64_t version = data_version();
  return std::exchange(impl_->data_version, version) != version;
}

std::int64_t Store::data_version() const { return impl_->database->number("", "PRAGMA data_version"); }

void Store::put(std::span<const Entry> batch) { put_records(**impl_, batch); }

void Store::visit_places(const std::function<void(const StoredPlace&)>& visit) const {
  visit_place_rows(**impl_, visit);
}

std::optional<StoredPlace> Store::find_place(const std::string& path) const { return read_place_at(**impl_, path); }

std::optional<Record> Store::find_record(std::string_view sha256) const { return read_record(**impl_, sha256); }

void Store::set_gone(std::span<const std::string> paths, bool is_gone) { mark_gone(**impl_, paths, is_gone); }

std::int64_t Store::prune(std::span<const std::string> sources) { return prune_places(**impl_, sources); }

std::int64_t Store::move_source(const std::string& from, const std::string& to) {
  return move_places(**impl_, from, to);
}

std::optional<StoredImage> Store::image(ImageId id) const { return read_image(**impl_, id); }

std::optional<StoredImage> Store::find_image(std::string_view sha256) const { return read_image_of(**impl_, sha256); }

std::unordered_map<std::string, ImageId> Store::find_images(const std::unordered_set<std::string>& sha256s) const {
  return find_images_of(**impl_, sha256s);
}

std::optional<StoredImage> Store::find_image_at(const std::string& path) const { return read_image_at(**impl_, path); }

std::optional<StoredFace> Store::face(FaceId id) const { return read_face(**impl_, id); }

void Store::visit_images(const std::function<void(StoredImage&)>& visit) const { visit_image_rows(**impl_, visit); }

std::vector<StoredFace> Store::faces_of(ImageId image) const { return read_faces_of(**impl_, image); }

void Store::visit_faces(const std::function<void(const StoredFace&)>& visit, FaceId after) const {
  visit_face_rows(**impl_, after, visit);
}

std::vector<std::string> Store::embedders() const { return read_embedders(**impl_); }

std::string Store::embedder_name(std::string_view embedder_id) const {
  return read_embedder_name(**impl_, embedder_id);
}

std::int64_t Store::count_vectors() const { return read_vector_count(**impl_); }

void Store::visit_vectors(std::string_view embedder_id, const std::function<void(const StoredVector&)>& visit,
                          FaceId after) const {
  visit_vector_rows(**impl_, embedder_id, after, visit);
}

void Store::read_vectors(std::string_view embedder_id, std::span<const FaceKey> keys,
                         const std::function<void(const StoredVector&)>& visit) const {
  visit_vectors_of(**impl_, embedder_id, keys, visit);
}

void Store::put_neighbours(std::string_view embedder_id, std::span<const FaceNeighbours> batch) {
  put_neighbour_rows(**impl_, embedder_id, batch);
}

void Store::visit_neighbours(std::string_view embedder_id,
                             const std::function<void(const FaceNeighbours&)>& visit) const {
  visit_neighbour_rows(**impl_, embedder_id, visit);
}

void Store::put_groups(std::span<const FaceGroup> groups, std::string_view made_from) {
  put_group_rows(**impl_, groups, made_from);
}
std::string Store::groups_made_from() const { return read_made_from(**impl_); }
std::vector<FaceGroup> Store::groups() const { return read_groups(**impl_); }

PersonId Store::add_person() {
  impl_->last_person = next_person(**impl_, impl_->last_person);
  impl_->fresh_persons.insert(impl_->last_person);
  return impl_->last_person;
}

OperationId Store::add(const PersonOperation& operation) {
  return add_operation(**impl_, operation, impl_->fresh_persons);
}

void Store::visit_person_tokens(const std::function<void(const PersonToken&)>& visit) const {
  visit_token_rows(**impl_, visit);
}

void Store::visit_operations(const std::function<void(const PersonOperation&)>& visit) const {
  visit_operation_rows(**impl_, visit);
}

void Store::set_undone(OperationId operation, bool is_undone) { mark_undone(**impl_, operation, is_undone); }

ForgottenPerson Store::forget(std::span<const PersonId> persons, std::span<const FaceId> faces) {
  return forget_persons(**impl_, persons, faces);
}

ForgottenPerson Store::would_forget(std::span<const PersonId> persons, std::span<const FaceId> faces) const {
  return forget_in_vain(**impl_, persons, faces);
}

void Store::carry_facts(std::string_view from_sha256, std::string_view to_sha256,
                        std::span<const std::pair<Box, Box>> pairs) {
  carry_verdicts(**impl_, from_sha256, to_sha256, pairs);
}

std::vector<FacePlace> Store::suppressed() const { return read_suppressed(**impl_); }

}  // namespace mien
