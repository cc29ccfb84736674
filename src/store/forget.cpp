#include "store/forget.h"

#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <thread>

#include "base/utc_now.h"
#include "ops/detect.h"
#include "store/computed.h"
#include "store/encode.h"
#include "store/file.h"
#include "store/places.h"
#include "store/put.h"

namespace mien {
namespace {

constexpr std::chrono::seconds kReadersWait{60};
constexpr std::chrono::milliseconds kReadersStep{100};

bool is_positive(std::string_view verdict) {
  for (const VerdictKind kind : {VerdictKind::is, VerdictKind::named, VerdictKind::imported}) {
    if (verdict == verdict_kind_name(kind)) return true;
  }
  return false;
}

// In the caller's transaction.
class Forgetting {
 public:
  explicit Forgetting(Database& database) : database_(database) {}

  ForgottenPerson run(std::span<const PersonId> persons, std::span<const FaceId> faces) {
    for (const FaceId face : faces) forget_face(face);
    for (const PersonId person : persons) note_places_elsewhere(person);
    put_note(database_, note_);
    drop_lists();
    for (const PersonId person : persons) forget_person(person);
    forget_statements();
    if (!persons.empty()) {
      const std::string time = utc_now();
      database_
          .prepare(
              "operation",
              "INSERT INTO operation (kind, time, person, text, undone) SELECT 'forget', ?1, id, '', 0 FROM person "
              "WHERE id = ?2 AND NOT EXISTS (SELECT 1 FROM operation WHERE kind = 'forget' AND person = ?2)")
          .bind_text(time)
          .bind(persons.front())
          .run();
    }
    database_.run("INSERT OR IGNORE INTO state (name) VALUES ('forget')");
    for (const ForgottenNote::Place& place : note_.places) {
      result_.places.push_back({sha256_digits(place.sha256), box_of(place.box)});
    }
    return std::move(result_);
  }

 private:
  void forget_face(FaceId face) {
    Query query =
        database_.prepare("face", "SELECT sha256, box FROM face JOIN image ON image.id = face.image WHERE face.id = ?");
    query.bind(face);
    if (!query.step()) return;
    note_.places.insert({std::string(query.blob(0)), std::string(query.blob(1))});
    ++result_.faces;
    mark_face_stale(database_, face);
    database_.prepare("vector", "DELETE FROM vector WHERE face = ?").bind(face).run();
    result_.vectors += database_.changes();
    database_.prepare("grouping", "DELETE FROM grouping WHERE face = ?").bind(face).run();
  }

  // Faces that were said to be the person's and whose photos are not in the store now: they may come back.
  void note_places_elsewhere(PersonId person) {
    Query query = database_.prepare("verdict",
                                    "SELECT sha256, box, verdict.kind FROM verdict JOIN operation ON operation.id = "
                                    "verdict.operation WHERE verdict.person = ? AND undone = 0 AND NOT EXISTS "
                                    "(SELECT 1 FROM image WHERE image.sha256 = verdict.sha256) "
                                    "ORDER BY operation, number");
    query.bind(person);
    while (query.step()) {
      const ForgottenNote::Place place{std::string(query.blob(0)), std::string(query.blob(1))};
      if (query.text(2) == verdict_kind_name(VerdictKind::is_not)) {
        std::erase_if(note_.places, [&place](const ForgottenNote::Place& one) {
          return one.sha256 == place.sha256 &&
                 intersection_over_union(box_of(one.box), box_of(place.box)) >= kSameFaceOverlap;
        });
      } else if (is_positive(query.text(2))) {
        note_.places.insert(place);
      }
    }
  }

  // The lists of neighbours that name one of the faces: they are computed again.
  void drop_lists() {
    std::vector<std::int64_t> embedders;
    Query query = database_.prepare("embedder", "SELECT id FROM embedder");
    while (query.step()) embedders.push_back(query.integer(0));
    for (const std::int64_t embedder : embedders) drop_stale_neighbours(database_, embedder);
  }

  void forget_person(PersonId person) {
    database_.prepare("forgotten", "INSERT OR IGNORE INTO forgotten (token) SELECT token FROM person WHERE id = ?")
        .bind(person)
        .run();
    std::set<OperationId> touched;
    {
      Query query = database_.prepare("verdict", "SELECT DISTINCT operation FROM verdict WHERE person = ?");
      query.bind(person);
      while (query.step()) touched.insert(query.integer(0));
    }
    database_.prepare("verdict", "DELETE FROM verdict WHERE person = ?").bind(person).run();
    result_.verdicts += database_.changes();
    // Statements of others that were made in the same breath stay; an operation that states nothing any more goes.
    for (const OperationId operation : touched) {
      database_
          .prepare("operation",
                   "DELETE FROM operation WHERE id = ? AND NOT EXISTS (SELECT 1 FROM verdict WHERE operation = "
                   "operation.id)")
          .bind(operation)
          .run();
    }
    Query count =
        database_.prepare("verdict",
                          "SELECT count(*) FROM verdict WHERE operation IN "
                          "(SELECT id FROM operation WHERE (person = ?1 OR other = ?1) AND kind <> 'forget')");
    count.bind(person);
    if (count.step()) result_.verdicts += count.integer(0);
    count.reset();
    database_.prepare("operation", "DELETE FROM operation WHERE (person = ?1 OR other = ?1) AND kind <> 'forget'")
        .bind(person)
        .run();
  }

  // What was said of these faces and others than the person, "this is not Anna" or "hide this group": it would show the
  // faces as somebody else's. The operations stay, because they may name people.
  void forget_statements() {
    std::multimap<std::string, std::string> boxes;
    for (const ForgottenNote::Place& place : note_.places) boxes.emplace(place.sha256, place.box);
    std::vector<std::pair<std::int64_t, std::int64_t>> found;
    Query query = database_.prepare("verdict", "SELECT operation, number, sha256, box FROM verdict");
    while (query.step()) {
      const auto [first, last] = boxes.equal_range(std::string(query.blob(2)));
      const Box box = box_of(query.blob(3));
      const bool is_there = std::any_of(first, last, [&box](const auto& one) {
        return intersection_over_union(box_of(one.second), box) >= kSameFaceOverlap;
      });
      if (is_there) found.emplace_back(query.integer(0), query.integer(1));
    }
    for (const auto& [operation, number] : found) {
      database_.prepare("verdict", "DELETE FROM verdict WHERE operation = ? AND number = ?")
          .bind(operation)
          .bind(number)
          .run();
    }
    result_.verdicts += static_cast<std::int64_t>(found.size());
  }

  Database& database_;
  ForgottenPerson result_;
  ForgottenNote note_;
};

// Whether nothing of what was written is in the WAL any more.
bool empty_wal(Database& database) {
  Query query = database.prepare("", "PRAGMA wal_checkpoint(TRUNCATE)");
  return query.step() && query.integer(0) == 0;
}

// SQLite's own waiting is in steps of up to a tenth of a second; a reader that begins before the last one ends would
// starve it.
bool empty_wal_within(Database& database, std::chrono::milliseconds patience) {
  const auto end = std::chrono::steady_clock::now() + patience;
  for (;;) {
    if (empty_wal(database)) return true;
    if (std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(kReadersStep);
  }
}

void finish(Database& database, bool waits) {
  ForgottenNote note = note_of(database);
  note.merge(read_note(forgotten_path(database.path())));
  write_note(forgotten_path(database.path()), note);
  ::unlink(migration_copy_path(database.path()).c_str());
  if (!waits) sqlite3_busy_timeout(database.handle(), 0);
  const bool is_empty = empty_wal_within(database, waits ? kReadersWait : std::chrono::seconds{0});
  database.set_patience(database.patience());
  if (!is_empty) {
    throw Exception(ErrorCode::unavailable,
                    "forgotten, but another program has been reading " + database.shown_path() + " all the time, and " +
                        wal_path(database.shown_path()) +
                        " still holds what was removed: end that program; the next command empties it");
  }
  database.run("DELETE FROM state WHERE name = 'forget'");
}

}  // namespace

ForgottenPerson forget_persons(Database& database, std::span<const PersonId> persons, std::span<const FaceId> faces) {
  Transaction transaction(database);
  ForgottenPerson result = Forgetting(database).run(persons, faces);
  transaction.commit();
  finish_forgetting(database, true);
  return result;
}

ForgottenPerson forget_in_vain(Database& database, std::span<const PersonId> persons, std::span<const FaceId> faces) {
  const Transaction transaction(database);  // is never committed
  return Forgetting(database).run(persons, faces);
}

ForgottenPerson forget_again(Database& database, const ForgottenNote& note) {
  Transaction transaction(database);
  std::vector<PersonId> persons;
  for (const std::string& token : note.tokens) {
    Query query = database.prepare("person",
                                   "SELECT id FROM person WHERE token = ?1 AND NOT EXISTS "
                                   "(SELECT 1 FROM forgotten WHERE token = ?1)");
    query.bind_blob(token);
    if (query.step()) persons.push_back(query.integer(0));
  }
  std::vector<FaceId> faces;
  for (const ForgottenNote::Place& place : note.places) {
    Query query = database.prepare("face",
                                   "SELECT face.id, box FROM face JOIN image ON image.id = face.image WHERE sha256 = ? "
                                   "AND EXISTS (SELECT 1 FROM vector WHERE face = face.id)");
    query.bind_blob(place.sha256);
    while (query.step()) {
      const float overlap = intersection_over_union(box_of(query.blob(1)), box_of(place.box));
      if (overlap >= kSameFaceOverlap) faces.push_back(query.integer(0));
    }
  }
  put_note(database, note);
  ForgottenPerson result = Forgetting(database).run(persons, faces);
  transaction.commit();
  return result;
}

std::vector<FacePlace> read_suppressed(Database& database) {
  std::vector<FacePlace> places;
  Query query = database.prepare("suppressed", "SELECT sha256, box FROM suppressed ORDER BY sha256, box");
  while (query.step()) places.push_back({sha256_digits(query.blob(0)), box_of(query.blob(1))});
  return places;
}

void finish_forgetting(Database& database, bool waits) {
  if (!database.is_writable() || database.number("state", "SELECT count(*) FROM state WHERE name = 'forget'") == 0)
    return;
  try {
    finish(database, waits);
  } catch (const Exception&) {
    if (waits) throw;
  }
}

}  // namespace mien
