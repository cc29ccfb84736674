#include "store/copy.h"

#include <sqlite3.h>
#include <unistd.h>

#include "store/file.h"
#include "store/sqlite.h"

namespace mien {
namespace {

// In one step, which is one transaction of the source: others may write to it meanwhile.
void copy_pages(Database& from, Database& to) {
  sqlite3_backup* const backup = sqlite3_backup_init(to.handle(), "main", from.handle(), "main");
  if (backup == nullptr) to.fail(sqlite3_errcode(to.handle()), "");
  const int code = sqlite3_backup_step(backup, -1);
  sqlite3_backup_finish(backup);
  if (code != SQLITE_DONE) to.fail(code, "");
}

}  // namespace

void copy_database(const std::string& store, const std::string& target) {
  make_private_file(target);
  try {
    Database from(store, Database::Access::read);
    Database to(target, Database::Access::write);
    copy_pages(from, to);
  } catch (...) {
    ::unlink(target.c_str());
    throw;
  }
}

}  // namespace mien
