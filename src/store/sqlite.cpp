#include "store/sqlite.h"

#include <sqlite3.h>

#include <cerrno>
#include <limits>
#include <new>
#include <system_error>
#include <utility>

#include "base/utf8.h"
#include "mien/tools/store.h"

namespace mien {
namespace {

constexpr std::string_view kLocked = ": another program is writing to it: wait until it has ended";

Error damaged(const std::string& shown_path, const std::string& place, const std::string& more) {
  return {ErrorCode::bad_data, "cannot read " + shown_path + place + ": it is damaged" + more +
                                   ": 'mien store check --store " + shown_path +
                                   "' says what is damaged, 'mien store restore' brings a backup back"};
}

Error busy(const std::string& shown_path) { return {ErrorCode::io, "cannot use " + shown_path + std::string(kLocked)}; }

bool is_full_disk(int reason) { return reason == ENOSPC || reason == EFBIG || reason == EDQUOT; }

Error failed_access(sqlite3* handle, int last_errno, const std::string& shown_path, const std::string& place) {
  // Of a commit that fails SQLite keeps no number, and the last one may be of anything else.
  const int kept = sqlite3_system_errno(handle);
  const int reason = kept == 0 && is_full_disk(last_errno) ? last_errno : kept;
  const std::string why = reason != 0 ? std::generic_category().message(reason) : std::string(sqlite3_errmsg(handle));
  const std::string advice = is_full_disk(reason) ? "; free space and do it again: nothing that was there is lost" : "";
  return {ErrorCode::io, "cannot read or write " + shown_path + place + ": " + why + advice};
}

Error error_of(sqlite3* handle, int code, const std::string& shown_path, const std::string& where) {
  const int last_errno = errno;
  const std::string place = where.empty() ? "" : " (" + where + ")";
  switch (code & 0xff) {
    case SQLITE_FULL:
      return {ErrorCode::io, "cannot write " + shown_path + place +
                                 ": no space is left: free some and do it again: nothing that was there is lost"};
    case SQLITE_IOERR: return failed_access(handle, last_errno, shown_path, place);
    case SQLITE_CANTOPEN: return failed_access(handle, last_errno, shown_path, place);
    case SQLITE_READONLY:
    case SQLITE_PERM: return {ErrorCode::io, "cannot write " + shown_path + ": this program may only read it"};
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL: return busy(shown_path);
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT: return damaged(shown_path, place, "");
    case SQLITE_ERROR:  // our statements fit the tables: those are other ones
    case SQLITE_SCHEMA: return damaged(shown_path, place, std::string(" (") + sqlite3_errmsg(handle) + ")");
    case SQLITE_TOOBIG:
      return {ErrorCode::limit_exceeded, "cannot write " + shown_path + place + ": a value is too long"};
    case SQLITE_CONSTRAINT:
      return {ErrorCode::invalid_argument, "cannot write " + shown_path + place +
                                               ": it has no such row, or has it already (" + sqlite3_errmsg(handle) +
                                               ")"};
    default:
      return {ErrorCode::internal,
              "cannot use " + shown_path + place + ": " + sqlite3_errmsg(handle) + " (" + std::to_string(code) + ")"};
  }
}

int open_flags(Database::Access access) {
  const int common = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI;
  return common | (access == Database::Access::write ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY);
}

// As a URI: a name that begins with "file:" is a name too, and only a URI can say that the file does not change.
std::string uri_of(const std::string& path, Database::Access access) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string uri = "file:";
  for (const char one : path) {
    const auto byte = static_cast<unsigned char>(one);
    const bool is_plain = byte > ' ' && byte < 0x7f && byte != '%' && byte != '?' && byte != '#';
    if (is_plain) {
      uri += one;
    } else {
      uri += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return uri + (access == Database::Access::unchanging ? "?immutable=1" : "");
}

}  // namespace

Database::Database(const std::string& path, Access access) : path_(path), shown_path_(replace_invalid_utf8(path)) {
  const int code = sqlite3_open_v2(uri_of(path, access).c_str(), &handle_, open_flags(access), nullptr);
  if (handle_ == nullptr) throw std::bad_alloc();
  try {
    if (code != SQLITE_OK) fail(code, "");
    sqlite3_extended_result_codes(handle_, 1);
    set_patience(kBusyMilliseconds);
    sqlite3_db_config(handle_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_db_config(handle_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    run("PRAGMA temp_store = MEMORY");
  } catch (...) {
    sqlite3_close_v2(handle_);
    throw;
  }
}

Database::~Database() {
  for (const auto& [sql, statements] : kept_) {
    for (sqlite3_stmt* const statement : statements) sqlite3_finalize(statement);
  }
  sqlite3_close_v2(handle_);
}

bool is_store_locked(const Error& error) { return error.code == ErrorCode::io && error.message.ends_with(kLocked); }

bool Database::is_writable() const { return sqlite3_db_readonly(handle_, "main") == 0; }

void Database::set_patience(int milliseconds) {
  patience_ = milliseconds;
  sqlite3_busy_timeout(handle_, milliseconds);
}

void Database::run(const std::string& sql) {
  const int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail(code, "");
}

std::int64_t Database::number(std::string_view table, std::string_view sql) {
  Query statement = prepare(table, sql);
  return statement.step() ? statement.integer(0) : 0;
}

std::int64_t Database::last_id() const { return sqlite3_last_insert_rowid(handle_); }
std::int64_t Database::changes() const { return sqlite3_changes(handle_); }

void Database::fail_damaged(const std::string& where) const {
  throw Exception(damaged(shown_path_, where.empty() ? "" : " (" + where + ")", ""));
}

void Database::fail(int code, const std::string& where) {
  if ((code & 0xff) == SQLITE_NOMEM) throw std::bad_alloc();
  throw Exception(error_of(handle_, code, shown_path_, where));
}

Query::Query(Database& database, std::string_view table, std::string_view sql)
    : database_(database), table_(table), sql_(sql) {
  std::vector<sqlite3_stmt*>& kept = database_.kept_[sql_];
  if (!kept.empty()) {
    statement_ = kept.back();
    kept.pop_back();
    return;
  }
  check(sqlite3_prepare_v3(database_.handle_, sql_.data(), static_cast<int>(sql_.size()), SQLITE_PREPARE_PERSISTENT,
                           &statement_, nullptr));
}

Query::~Query() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
  database_.kept_[sql_].push_back(statement_);
}

void Query::check(int code) {
  if (code == SQLITE_OK) return;
  const std::string row = row_ != 0 ? ", row " + std::to_string(row_) : "";
  database_.fail(code, table_.empty() ? "" : "table " + table_ + row);
}

Query& Query::bind(std::int64_t value) {
  check(sqlite3_bind_int64(statement_, next_parameter_++, value));
  return *this;
}

Query& Query::bind(double value) {
  check(sqlite3_bind_double(statement_, next_parameter_++, value));
  return *this;
}

Query& Query::bind_text(std::string_view value) {
  const char* const bytes = value.empty() ? "" : value.data();
  check(sqlite3_bind_text64(statement_, next_parameter_++, bytes, value.size(), SQLITE_STATIC, SQLITE_UTF8));
  return *this;
}

Query& Query::bind_text_or_null(std::string_view value) { return value.empty() ? bind_null() : bind_text(value); }

Query& Query::bind_blob(std::string_view value) {
  const char* const bytes = value.empty() ? "" : value.data();
  check(sqlite3_bind_blob64(statement_, next_parameter_++, bytes, value.size(), SQLITE_STATIC));
  return *this;
}

Query& Query::bind_null() {
  check(sqlite3_bind_null(statement_, next_parameter_++));
  return *this;
}

Query& Query::bind_id_or_null(std::int64_t value) { return value == 0 ? bind_null() : bind(value); }

bool Query::step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) check(code);
  return false;
}

void Query::run() {
  while (step()) continue;
  reset();
}

void Query::reset() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
  next_parameter_ = 1;
}

int Query::columns() const { return sqlite3_column_count(statement_); }
std::int64_t Query::integer(int column) const { return sqlite3_column_int64(statement_, column); }
double Query::real(int column) const { return sqlite3_column_double(statement_, column); }
bool Query::is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }

std::string_view Query::text(int column) const {
  const auto* const bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  return bytes == nullptr ? std::string_view() : std::string_view(bytes, sqlite3_column_bytes(statement_, column));
}

std::string_view Query::blob(int column) const {
  const auto* const bytes = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  return bytes == nullptr ? std::string_view() : std::string_view(bytes, sqlite3_column_bytes(statement_, column));
}

Transaction::Transaction(Database& database, Kind kind) : database_(database) {
  if (kind == Kind::read && sqlite3_get_autocommit(database_.handle()) == 0) {
    is_open_ = false;  // a part of one that is under way
    return;
  }
  database_.run(kind == Kind::write ? "BEGIN IMMEDIATE" : "BEGIN");
}

Transaction::~Transaction() {
  // After some failures (a full disk) SQLite has undone everything by itself.
  if (is_open_ && sqlite3_get_autocommit(database_.handle()) == 0) {
    sqlite3_exec(database_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
  }
}

void Transaction::commit() {
  database_.run("COMMIT");
  is_open_ = false;
}

}  // namespace mien
