// Copies of a store, and their way back.
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <optional>
#include <system_error>

#include "base/utf8.h"
#include "mien/tools/store.h"
#include "store/check.h"
#include "store/copy.h"
#include "store/file.h"
#include "store/forget.h"
#include "store/note.h"
#include "store/schema.h"

namespace mien {
namespace {

constexpr const char* kDamagedSuffix = ".damaged";

bool is_there(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0;
}

void rename_file(const std::string& from, const std::string& to) {
  if (std::rename(from.c_str(), to.c_str()) == 0) return;
  throw Exception(ErrorCode::io, "cannot rename " + replace_invalid_utf8(from) + " to " + replace_invalid_utf8(to) +
                                     ": " + std::generic_category().message(errno));
}

std::string counted(std::int64_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

// What stands in the store that is there and not in the copy.
std::vector<std::string> differences(Database& present, const std::string& copy) {
  std::vector<std::string> lacks;
  Query attach = present.prepare("", "ATTACH DATABASE ? AS copy");
  attach.bind_text(copy).run();
  const std::int64_t statements =
      present.number("operation",
                     "SELECT count(*) FROM main.operation AS now WHERE kind <> 'forget' AND NOT EXISTS (SELECT 1 FROM "
                     "copy.operation AS old WHERE old.id = now.id AND old.kind = now.kind AND old.time = now.time)");
  const std::int64_t undone =
      present.number("operation",
                     "SELECT count(*) FROM main.operation AS now JOIN copy.operation AS old ON old.id = now.id AND "
                     "old.kind = now.kind AND old.time = now.time WHERE old.undone <> now.undone");
  const std::int64_t paths = present.number(
      "place",
      "SELECT count(*) FROM main.place AS now JOIN main.source AS folder ON folder.id = now.source WHERE "
      "NOT EXISTS (SELECT 1 FROM copy.place AS old JOIN copy.source AS other ON other.id = old.source "
      "WHERE other.folder = folder.folder AND old.path = now.path)");
  present.run("DETACH DATABASE copy");
  if (statements > 0) {
    lacks.push_back(counted(statements, "statement about people was", "statements about people were") +
                    " made since the backup and must be made again");
  }
  if (undone > 0) {
    lacks.push_back(counted(undone, "statement was", "statements were") + " undone, or done again, since the backup");
  }
  if (paths > 0) {
    lacks.push_back(counted(paths, "photo was", "photos were") + " indexed since the backup: 'mien index' reads " +
                    (paths == 1 ? "it" : "them") + " again");
  }
  return lacks;
}

// Ids of persons, faces and operations are never given twice, whatever the backup knows of them.
void raise_ids(Database& copy, Database& present) {
  Query query = present.prepare("sqlite_sequence", "SELECT name, seq FROM sqlite_sequence");
  while (query.step()) {
    const std::string name(query.text(0));
    copy.prepare("sqlite_sequence",
                 "INSERT INTO sqlite_sequence (name, seq) SELECT ?1, 0 WHERE NOT EXISTS "
                 "(SELECT 1 FROM sqlite_sequence WHERE name = ?1)")
        .bind_text(name)
        .run();
    copy.prepare("sqlite_sequence", "UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?")
        .bind(query.integer(1))
        .bind_text(name)
        .run();
  }
}

std::unique_ptr<Database> open_present(const std::string& store) {
  if (!is_there(store) || file_bytes(store) == 0) return nullptr;
  try {
    std::unique_ptr<Database> database = open_database(store, StoreOptions::Access::write);
    if (check_store(*database).empty()) return database;
  } catch (const Exception& failure) {
    const ErrorCode code = failure.error().code;
    // Another format may be what is left of a store whose beginning was lost; it is kept in any case.
    if (code != ErrorCode::bad_data && code != ErrorCode::invalid_argument) throw;
  }
  return nullptr;
}

// Another program may have the file open; it sees the new content as if it had been written there.
void take_over(Database& copy, Database& present) {
  copy_pages(copy, present);
  present.run("PRAGMA journal_mode = WAL");
  finish_forgetting(present, false);
}

void put_in_place(const std::string& copy, const std::string& store, std::vector<std::string>& lacks) {
  if (is_there(store) && file_bytes(store) > 0) {
    std::string damaged = store + kDamagedSuffix;
    for (int number = 2; is_there(damaged); ++number) damaged = store + kDamagedSuffix + "." + std::to_string(number);
    for (const char* suffix : {"-wal", "-shm", ""}) {
      if (is_there(store + suffix)) rename_file(store + suffix, damaged + suffix);
    }
    lacks.push_back(
        "the store that was there could not be read, so that what it had beyond the backup is not known; it is " +
        replace_invalid_utf8(damaged) + " now");
  } else {
    remove_database(store);
  }
  rename_file(copy, store);
}

void describe(const ForgottenPerson& again, std::vector<std::string>& lacks) {
  if (again.verdicts == 0 && again.vectors == 0) return;
  lacks.push_back(fmt::format(
      "people who were forgotten since the backup were forgotten again: {} and {} were removed "
      "from it",
      counted(again.verdicts, "statement", "statements"), counted(again.vectors, "embedding", "embeddings")));
}

void require_backup(Database& copy, const std::string& backup) {
  const std::vector<std::string> findings = check_store(copy);
  if (findings.empty()) return;
  throw Exception(ErrorCode::bad_data, "cannot restore " + replace_invalid_utf8(backup) +
                                           ": it is damaged: " + findings.front() + ": restore another backup");
}

}  // namespace

void back_up_store(const std::string& store, const std::string& target) {
  const Store source({store, StoreOptions::Access::read});
  const std::string copy = absolute_path(target);
  if (is_there(copy)) {
    throw Exception(ErrorCode::invalid_argument,
                    replace_invalid_utf8(target) + " is there already: name a file that is not there yet");
  }
  copy_database(source.path(), copy);
}

std::vector<std::string> restore_store(const std::string& backup, const std::string& store) {
  const std::string from = absolute_path(backup);
  const std::string to = absolute_path(store.empty() ? default_store_path() : store);
  if (from == to) throw Exception(ErrorCode::invalid_argument, "a store cannot be restored from itself");
  if (inspect_store_file(from) != StoreFileState::store) {
    throw Exception(ErrorCode::not_found, "there is no backup in " + replace_invalid_utf8(from));
  }
  const std::string working = to + ".restoring";
  std::vector<std::string> lacks;
  remove_database(working);
  copy_database(from, working);
  try {
    const std::unique_ptr<Database> present = open_present(to);
    {
      std::unique_ptr<Database> copy = open_database(working, StoreOptions::Access::write);
      require_backup(*copy, from);
      ForgottenNote note = read_note(forgotten_path(to));
      if (present) {
        note.merge(note_of(*present));
        raise_ids(*copy, *present);
        lacks = differences(*present, working);
      }
      describe(forget_again(*copy, note), lacks);
      copy->run("PRAGMA journal_mode = DELETE");
      if (present) take_over(*copy, *present);
    }
    if (!present) put_in_place(working, to, lacks);
  } catch (...) {
    remove_database(working);
    throw;
  }
  remove_database(working);
  const Store restored({to, StoreOptions::Access::write});  // writes FILE.forgotten
  return lacks;
}

}  // namespace mien
