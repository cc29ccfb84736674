#include "store/copy.h"

#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

#include "base/utf8.h"
#include "store/file.h"

namespace mien {
namespace {

void require_sound_pages(Database& copy, const Database& from) {
  Query check = copy.prepare("", "PRAGMA quick_check(1)");
  if (check.step() && check.text(0) == "ok") return;
  from.fail_damaged("");
}

}  // namespace

void copy_pages(Database& from, Database& to) {
  sqlite3_backup* const backup = sqlite3_backup_init(to.handle(), "main", from.handle(), "main");
  if (backup == nullptr) to.fail(sqlite3_errcode(to.handle()), "");
  const int code = sqlite3_backup_step(backup, -1);
  sqlite3_backup_finish(backup);
  if (code != SQLITE_DONE) to.fail(code, "");
}

void remove_database(const std::string& path) {
  for (const char* suffix : {"", "-wal", "-shm", "-journal"}) ::unlink((path + suffix).c_str());
}

void copy_database(const std::string& store, const std::string& target) {
  const std::string partial = target + ".partial";
  remove_database(partial);
  make_private_file(partial);
  try {
    {
      Database from(store, Database::Access::read);
      Database to(partial, Database::Access::write);
      copy_pages(from, to);
      to.run("PRAGMA journal_mode = DELETE");
      require_sound_pages(to, from);
    }
    if (std::rename(partial.c_str(), target.c_str()) != 0) {
      throw Exception(ErrorCode::io,
                      "cannot write " + replace_invalid_utf8(target) + ": " + std::generic_category().message(errno));
    }
  } catch (...) {
    remove_database(partial);
    throw;
  }
}

}  // namespace mien
