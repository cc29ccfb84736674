#include "store/facts.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "base/utc_now.h"
#include "store/encode.h"

namespace mien {
namespace {

template <typename Kind>
using KindRow = std::pair<Kind, std::string_view>;

constexpr std::array<KindRow<OperationKind>, 12> kOperationKinds = {{{OperationKind::name, "name"},
                                                                     {OperationKind::is, "is"},
                                                                     {OperationKind::not_person, "not_person"},
                                                                     {OperationKind::rename, "rename"},
                                                                     {OperationKind::merge, "merge"},
                                                                     {OperationKind::split, "split"},
                                                                     {OperationKind::hide, "hide"},
                                                                     {OperationKind::stranger, "stranger"},
                                                                     {OperationKind::not_a_face, "not_a_face"},
                                                                     {OperationKind::page, "page"},
                                                                     {OperationKind::import, "import"},
                                                                     {OperationKind::forget, "forget"}}};
constexpr std::array<KindRow<VerdictKind>, 7> kVerdictKinds = {{{VerdictKind::is, "is"},
                                                                {VerdictKind::is_not, "is_not"},
                                                                {VerdictKind::named, "named"},
                                                                {VerdictKind::imported, "imported"},
                                                                {VerdictKind::not_a_face, "not_a_face"},
                                                                {VerdictKind::apart, "apart"},
                                                                {VerdictKind::rest, "rest"}}};

template <typename Rows, typename Kind>
std::string_view name_of(const Rows& rows, Kind kind) {
  for (const auto& [one, name] : rows) {
    if (one == kind) return name;
  }
  return {};
}

template <typename Rows>
auto kind_of(const Rows& rows, std::string_view name, const Database& database, const std::string& place) {
  for (const auto& [kind, one] : rows) {
    if (one == name) return kind;
  }
  database.fail_damaged(place);
}

std::vector<Statement> statements_of(Database& database, OperationId operation) {
  std::vector<Statement> statements;
  Query query =
      database.prepare("verdict", "SELECT sha256, box, kind, person FROM verdict WHERE operation = ? ORDER BY number");
  query.bind(operation);
  while (query.step()) {
    Statement& one = statements.emplace_back();
    one.place = {sha256_digits(query.blob(0)), box_of(query.blob(1))};
    one.kind = kind_of(kVerdictKinds, query.text(2), database, "table verdict, row " + std::to_string(operation));
    one.person = query.integer(3);
  }
  return statements;
}

std::vector<PersonId> make_persons(Database& database, const PersonOperation& operation,
                                   const std::set<PersonId>& fresh) {
  std::set<PersonId> named = {operation.person, operation.other};
  for (const Statement& one : operation.statements) named.insert(one.person);
  std::vector<PersonId> made;
  Query there = database.prepare("person", "SELECT 1 FROM person WHERE id = ?");
  for (const PersonId person : named) {
    if (!fresh.contains(person)) continue;
    there.bind(person);
    if (there.step()) {
      throw Exception(ErrorCode::io, "another program has named somebody in " + database.shown_path() +
                                         " at the same moment: do it again");
    }
    there.reset();
    database.prepare("person", "INSERT INTO person (id, token) VALUES (?, randomblob(16))").bind(person).run();
    made.push_back(person);
  }
  return made;
}

}  // namespace

std::string_view operation_name(OperationKind kind) { return name_of(kOperationKinds, kind); }
std::string_view verdict_kind_name(VerdictKind kind) { return name_of(kVerdictKinds, kind); }

PersonId next_person(Database& database, PersonId last) {
  return std::max(last, database.number("person", "SELECT seq FROM sqlite_sequence WHERE name = 'person'")) + 1;
}

OperationId add_operation(Database& database, const PersonOperation& operation, std::set<PersonId>& fresh) {
  Transaction transaction(database);
  const std::vector<PersonId> made = make_persons(database, operation, fresh);
  const std::string time = utc_now();
  database
      .prepare("operation", "INSERT INTO operation (kind, time, person, other, text, undone) VALUES (?, ?, ?, ?, ?, ?)")
      .bind_text(operation_name(operation.kind))
      .bind_text(time)
      .bind_id_or_null(operation.person)
      .bind_id_or_null(operation.other)
      .bind_text(operation.text)
      .bind(std::int64_t{operation.is_undone ? 1 : 0})
      .run();
  const OperationId id = database.last_id();
  Query put = database.prepare("verdict",
                               "INSERT INTO verdict (operation, number, sha256, box, kind, person) "
                               "VALUES (?, ?, ?, ?, ?, ?)");
  std::int64_t number = 0;
  for (const Statement& one : operation.statements) {
    const std::string sha256 = sha256_bytes(one.place.sha256);
    if (sha256.empty()) {
      throw Exception(ErrorCode::invalid_argument, "a statement is of no image: '" + one.place.sha256 + "'");
    }
    const std::string box = box_bytes(one.place.bbox);
    put.bind(id).bind(number++).bind_blob(sha256).bind_blob(box).bind_text(verdict_kind_name(one.kind));
    put.bind_id_or_null(one.person).run();
  }
  transaction.commit();
  for (const PersonId person : made) fresh.erase(person);
  return id;
}

void visit_token_rows(Database& database, const std::function<void(const PersonToken&)>& visit) {
  Query query = database.prepare("person",
                                 "SELECT lower(hex(token)), id, token IN (SELECT token FROM forgotten) FROM person "
                                 "UNION ALL SELECT lower(hex(token)), 0, 1 FROM forgotten "
                                 "WHERE token NOT IN (SELECT token FROM person)");
  while (query.step()) visit({std::string(query.text(0)), query.integer(1), query.integer(2) != 0});
}

void visit_operation_rows(Database& database, const std::function<void(const PersonOperation&)>& visit) {
  Query query =
      database.prepare("operation", "SELECT id, kind, time, person, other, text, undone FROM operation ORDER BY id");
  while (query.step()) {
    PersonOperation operation;
    operation.id = query.integer(0);
    query.at_row(operation.id);
    operation.kind =
        kind_of(kOperationKinds, query.text(1), database, "table operation, row " + std::to_string(operation.id));
    operation.time = query.text(2);
    operation.person = query.integer(3);
    operation.other = query.integer(4);
    operation.text = query.text(5);
    operation.is_undone = query.integer(6) != 0;
    operation.statements = statements_of(database, operation.id);
    visit(operation);
  }
}

void mark_undone(Database& database, OperationId operation, bool is_undone) {
  Transaction transaction(database);
  Query query = database.prepare("operation", "SELECT kind FROM operation WHERE id = ?");
  query.bind(operation);
  const std::string kind = query.step() ? std::string(query.text(0)) : std::string();
  query.reset();
  if (kind.empty()) {
    throw Exception(ErrorCode::not_found, "nothing with the number " + std::to_string(operation) + " was said");
  }
  if (kind == operation_name(OperationKind::forget)) {
    throw Exception(ErrorCode::invalid_argument,
                    "who was forgotten cannot be brought back: nothing is left of what was known");
  }
  database.prepare("operation", "UPDATE operation SET undone = ? WHERE id = ?")
      .bind(std::int64_t{is_undone ? 1 : 0})
      .bind(operation)
      .run();
  transaction.commit();
}

}  // namespace mien
