#include "store/schema.h"

#include <fcntl.h>
#include <unistd.h>

#include <string>

#include "store/copy.h"
#include "store/file.h"

namespace mien {
namespace {

// Pages of 8 KiB hold seven vectors of 512 dimensions each with little left over.
constexpr const char* kTables = R"(
CREATE TABLE source (
  id INTEGER PRIMARY KEY,
  folder BLOB NOT NULL UNIQUE -- absolute
) STRICT;
CREATE TABLE image ( -- a content
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  sha256 BLOB NOT NULL UNIQUE CHECK (length(sha256) = 32),
  width INTEGER NOT NULL,
  height INTEGER NOT NULL,
  phash TEXT NOT NULL,
  taken TEXT NOT NULL,
  terms TEXT NOT NULL,
  error TEXT, -- the code of it; NULL: it was read
  record BLOB NOT NULL -- JSON, deflated
) STRICT;
CREATE TABLE place (
  id INTEGER PRIMARY KEY,
  source INTEGER NOT NULL REFERENCES source (id),
  path BLOB NOT NULL, -- below the source; absolute where it is not below it; empty where it is the source
  size INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL,
  image INTEGER REFERENCES image (id), -- NULL: the file could not be read
  error TEXT, -- the code of it; NULL: that of the image
  terms TEXT, -- NULL: those of the image
  gone INTEGER NOT NULL CHECK (gone IN (0, 1)),
  UNIQUE (source, path)
) STRICT;
CREATE INDEX place_image ON place (image);
CREATE TABLE face (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  image INTEGER NOT NULL REFERENCES image (id) ON DELETE CASCADE,
  key INTEGER NOT NULL,
  number INTEGER NOT NULL,
  box BLOB NOT NULL CHECK (length(box) = 16), -- x1, y1, x2, y2: floats, little-endian
  det_score REAL NOT NULL,
  recognition_quality REAL,
  poor_reason TEXT
) STRICT;
CREATE INDEX face_image ON face (image);
CREATE INDEX face_key ON face (key);
CREATE TABLE embedder (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  embedder_id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  dimensions INTEGER NOT NULL CHECK (dimensions > 0)
) STRICT;
CREATE TABLE vector (
  id INTEGER PRIMARY KEY CHECK (id = (embedder << 40) + face),
  embedder INTEGER NOT NULL REFERENCES embedder (id),
  face INTEGER NOT NULL REFERENCES face (id) ON DELETE CASCADE,
  key INTEGER NOT NULL, -- the face's
  half BLOB NOT NULL -- half floats, little-endian, of length 1
) STRICT;
CREATE INDEX vector_face ON vector (face, embedder);
CREATE TABLE neighbour (
  id INTEGER PRIMARY KEY REFERENCES vector (id) ON DELETE CASCADE,
  list BLOB NOT NULL CHECK (length(list) % 12 = 0) -- key and similarity (a float), little-endian, most similar first
) STRICT;
CREATE TABLE stale ( -- keys whose vector went or changed; rows of neighbours that name them do not count
  embedder INTEGER NOT NULL REFERENCES embedder (id),
  key INTEGER NOT NULL,
  PRIMARY KEY (embedder, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE grouping (
  face INTEGER PRIMARY KEY REFERENCES face (id) ON DELETE CASCADE,
  first INTEGER NOT NULL -- the oldest face of the group
) STRICT;
CREATE TABLE grouped ( -- from what the groups were made, in the words of who made them
  id INTEGER PRIMARY KEY CHECK (id = 1),
  made_from TEXT NOT NULL
) STRICT;
CREATE TABLE person (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  token BLOB NOT NULL UNIQUE -- random: knows the person in backups too, where ids may mean others
) STRICT;
CREATE TABLE operation (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  time TEXT NOT NULL,
  person INTEGER REFERENCES person (id),
  other INTEGER REFERENCES person (id),
  text TEXT NOT NULL,
  undone INTEGER NOT NULL CHECK (undone IN (0, 1))
) STRICT;
CREATE TABLE verdict (
  operation INTEGER NOT NULL REFERENCES operation (id) ON DELETE CASCADE,
  number INTEGER NOT NULL,
  sha256 BLOB NOT NULL CHECK (length(sha256) = 32),
  box BLOB NOT NULL CHECK (length(box) = 16),
  kind TEXT NOT NULL,
  person INTEGER REFERENCES person (id),
  PRIMARY KEY (operation, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE suppressed ( -- places of faces that are not to be embedded again
  sha256 BLOB NOT NULL CHECK (length(sha256) = 32),
  box BLOB NOT NULL CHECK (length(box) = 16),
  PRIMARY KEY (sha256, box)
) STRICT, WITHOUT ROWID;
CREATE TABLE forgotten ( -- tokens of persons
  token BLOB PRIMARY KEY
) STRICT, WITHOUT ROWID;
CREATE TABLE state ( -- what is to be done yet: 'forget': empty the WAL, write FILE.forgotten
  name TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
)";

constexpr Schema kSchema = {1, kTables, {}};

void set_up_connection(Database& database, const FileSystem& file_system) {
  database.run("PRAGMA foreign_keys = ON");
  database.run("PRAGMA secure_delete = ON");
  database.run("PRAGMA cache_size = -32768");
  database.run("PRAGMA synchronous = FULL");
  if (!database.is_writable()) return;
  // A WAL needs memory that all its users share, which computers do not.
  database.run(file_system.is_network ? "PRAGMA journal_mode = DELETE" : "PRAGMA journal_mode = WAL");
}

int version_of(Database& database) { return static_cast<int>(database.number("", "PRAGMA user_version")); }

// In one transaction, with its application id, and without a WAL yet: what is killed here leaves an empty file.
void create_tables(Database& database, const Schema& schema) {
  database.run("PRAGMA page_size = 8192");
  Transaction transaction(database);
  if (version_of(database) != 0) return;  // somebody else was faster
  database.run(schema.statements);
  database.run("PRAGMA application_id = " + std::to_string(kApplicationId));
  database.run("PRAGMA user_version = " + std::to_string(schema.version));
  transaction.commit();
}

[[noreturn]] void refuse_version(Database& database, int version, const Schema& schema) {
  throw Exception(ErrorCode::invalid_argument, "cannot use " + database.shown_path() +
                                                   ": a newer mien wrote it (version " + std::to_string(version) +
                                                   " of the file, this mien knows " + std::to_string(schema.version) +
                                                   "): update mien, or name another file (--store)");
}

void require_sound(Database& database, const std::string& copy) {
  const std::string found = [&database] {
    Query check = database.prepare("", "PRAGMA integrity_check(1)");
    return check.step() ? std::string(check.text(0)) : std::string();
  }();
  if (found == "ok" && !database.prepare("", "PRAGMA foreign_key_check").step()) return;
  throw Exception(ErrorCode::bad_data, database.shown_path() + " is damaged after it was brought to a newer version: " +
                                           "what it was before is in " + copy);
}

void migrate(Database& database, const Schema& schema) {
  const std::string copy = migration_copy_path(database.path());
  if (version_of(database) != schema.version) {
    if (!database.is_writable()) {
      throw Exception(ErrorCode::invalid_argument,
                      "cannot read " + database.shown_path() +
                          ": an older mien wrote it, and it must be written to once: open it where you may write");
    }
    Transaction transaction(database);
    const int version = version_of(database);
    if (version > schema.version) refuse_version(database, version, schema);
    if (version < schema.version) {
      ::unlink(copy.c_str());
      copy_database(database.path(), copy);
      for (const Migration& migration : schema.migrations) {
        if (migration.version > version) database.run(migration.statements);
      }
      database.run("PRAGMA user_version = " + std::to_string(schema.version));
    }
    transaction.commit();
  }
  if (database.is_writable() && ::access(copy.c_str(), F_OK) == 0) {
    require_sound(database, copy);
    ::unlink(copy.c_str());
  }
}

std::unique_ptr<Database> open_existing(const std::string& path, StoreOptions::Access access) {
  if (access != StoreOptions::Access::read) return std::make_unique<Database>(path, Database::Access::write);
  if (can_write(path)) return std::make_unique<Database>(path, Database::Access::write);
  if (file_bytes(wal_path(path)) == 0) return std::make_unique<Database>(path, Database::Access::unchanging);
  return std::make_unique<Database>(path, Database::Access::read);
}

}  // namespace

const Schema& store_schema() { return kSchema; }

std::unique_ptr<Database> open_database(const std::string& path, StoreOptions::Access access, const Schema& schema) {
  const StoreFileState state = inspect_store_file(path);
  if (state != StoreFileState::store && access != StoreOptions::Access::create) {
    throw Exception(ErrorCode::not_found,
                    "there is no store in " + path + ": 'mien index PHOTOS' makes one, --store names another");
  }
  const FileSystem file_system = inspect_file_system(path);
  require_locks(path, file_system);
  if (access != StoreOptions::Access::read) make_private_file(path);
  std::unique_ptr<Database> database = open_existing(path, access);
  if (state != StoreFileState::store) create_tables(*database, schema);
  const int version = version_of(*database);
  if (version > schema.version) refuse_version(*database, version, schema);
  set_up_connection(*database, file_system);
  migrate(*database, schema);
  return database;
}

}  // namespace mien
