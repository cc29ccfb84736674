// SQLite by objects: a connection, statements that are kept, transactions that end with their block. What fails is an
// Exception that names the file, the table and the row.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "mien/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace mien {

// How long SQLite waits for others. Somebody else's transaction is at most 200 images or a second long
// (docs/people.md).
inline constexpr int kBusyMilliseconds = 30'000;

class Database;

// A statement on its way: bound, stepped, read. At its end it goes back to its database, which keeps it prepared.
class Query {
 public:
  ~Query();
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  // The next parameter, from the first on.
  Query& bind(std::int64_t value);
  Query& bind(double value);
  Query& bind_text(std::string_view value);
  // Without bytes, or with std::nullopt: NULL. Bytes and texts must live until the statement is reset.
  Query& bind_text_or_null(std::string_view value);
  Query& bind_blob(std::string_view value);
  Query& bind_null();
  Query& bind_id_or_null(std::int64_t value);  // 0: NULL

  bool step();                                   // whether there is a row
  void run();                                    // to its end, then ready for the next parameters
  void reset();                                  // ready for the next parameters
  void at_row(std::int64_t row) { row_ = row; }  // for messages: what was read or written last

  int columns() const;
  std::int64_t integer(int column) const;
  double real(int column) const;
  bool is_null(int column) const;
  // Valid until the next step.
  std::string_view text(int column) const;
  std::string_view blob(int column) const;

 private:
  friend class Database;
  Query(Database& database, std::string_view table, std::string_view sql);
  void check(int code);

  Database& database_;
  std::string table_;
  std::string sql_;
  sqlite3_stmt* statement_ = nullptr;
  int next_parameter_ = 1;
  std::int64_t row_ = 0;
};

class Database {
 public:
  // `unchanging`: a file that nobody writes to, in a folder where nothing can be written. The file must be there.
  enum class Access { unchanging, read, write };
  Database(const std::string& path, Access access);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  const std::string& path() const { return path_; }
  // For messages.
  const std::string& shown_path() const { return shown_path_; }
  sqlite3* handle() const { return handle_; }
  bool is_writable() const;
  // How long it waits for others, from now on; kBusyMilliseconds before.
  void set_patience(int milliseconds);
  int patience() const { return patience_; }

  // `table` is named where it fails. Statements are kept by their text.
  Query prepare(std::string_view table, std::string_view sql) { return {*this, table, sql}; }
  // Several statements, without results.
  void run(const std::string& sql);
  std::int64_t number(std::string_view table, std::string_view sql);
  std::int64_t last_id() const;
  std::int64_t changes() const;  // rows of the last statement

  // The exception for a failure of SQLite; `where` names table and row, or is empty.
  [[noreturn]] void fail(int code, const std::string& where);
  // The exception for a row that holds what mien never wrote: "table image, row 5".
  [[noreturn]] void fail_damaged(const std::string& where) const;

 private:
  friend class Query;
  sqlite3* handle_ = nullptr;
  std::string path_;
  std::string shown_path_;
  int patience_ = kBusyMilliseconds;
  std::unordered_map<std::string, std::vector<sqlite3_stmt*>> kept_;
};

// All or nothing: what is not committed at its end is undone.
class Transaction {
 public:
  enum class Kind { read, write };
  explicit Transaction(Database& database, Kind kind = Kind::write);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  Database& database_;
  bool is_open_ = true;
};

}  // namespace mien
