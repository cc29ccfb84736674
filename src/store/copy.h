// Complete copies of a store while others write to it.
#pragma once

#include <string>

#include "store/sqlite.h"

namespace mien {

// Makes `target` with mode 0600, a file without a WAL. It has its name only when it is complete and its pages were
// checked; what is killed leaves TARGET.partial. Throws Exception: bad_data when the store is damaged, io.
void copy_database(const std::string& store, const std::string& target);
// All pages, in one transaction of either.
void copy_pages(Database& from, Database& to);
// A file of SQLite with what lies beside it.
void remove_database(const std::string& path);

}  // namespace mien
