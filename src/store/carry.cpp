#include "store/carry.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mien/tools/store.h"
#include "ops/detect.h"
#include "store/encode.h"
#include "store/places.h"

namespace mien {
namespace {

struct VerdictRow {
  std::int64_t operation = 0;
  std::string box;  // bytes
  std::string kind;
  std::int64_t person = 0;
  bool is_of_page = false;  // of the whole image: without a box
};

std::vector<VerdictRow> read_verdicts(Database& database, std::string_view sha256) {
  std::vector<VerdictRow> rows;
  Query query = database.prepare("verdict",
                                 "SELECT operation, box, verdict.kind, verdict.person, operation.kind FROM verdict "
                                 "JOIN operation ON operation.id = operation WHERE sha256 = ? ORDER BY 1, number");
  query.bind_blob(sha256);
  while (query.step()) {
    rows.push_back({query.integer(0), std::string(query.blob(1)), std::string(query.text(2)), query.integer(3),
                    query.text(4) == operation_name(OperationKind::page)});
  }
  return rows;
}

// The box of the same face in the other content.
std::optional<std::string> carried_box(const VerdictRow& row, std::span<const std::pair<Box, Box>> pairs) {
  if (row.is_of_page) return row.box;
  const Box box = box_of(row.box);
  float best = kSameFaceOverlap;
  const std::pair<Box, Box>* found = nullptr;
  for (const std::pair<Box, Box>& pair : pairs) {
    const float overlap = intersection_over_union(pair.first, box);
    if (overlap < best || (found != nullptr && overlap == best)) continue;
    best = overlap;
    found = &pair;
  }
  return found == nullptr ? std::nullopt : std::optional(box_bytes(found->second));
}

bool is_said(const std::vector<VerdictRow>& rows, const VerdictRow& row, const std::string& box) {
  for (const VerdictRow& other : rows) {
    if (other.operation != row.operation || other.kind != row.kind || other.person != row.person) continue;
    if (row.is_of_page || intersection_over_union(box_of(other.box), box_of(box)) >= kSameFaceOverlap) return true;
  }
  return false;
}

void add_verdict(Database& database, const VerdictRow& row, const std::string& sha256, const std::string& box) {
  database
      .prepare("verdict",
               "INSERT INTO verdict (operation, number, sha256, box, kind, person) "
               "SELECT ?1, 1 + max(number), ?2, ?3, ?4, ?5 FROM verdict WHERE operation = ?1")
      .bind(row.operation)
      .bind_blob(sha256)
      .bind_blob(box)
      .bind_text(row.kind)
      .bind_id_or_null(row.person)
      .run();
}

}  // namespace

void carry_verdicts(Database& database, std::string_view from_sha256, std::string_view to_sha256,
                    std::span<const std::pair<Box, Box>> pairs) {
  // Nothing of the one is in the other: it is another photo.
  if (pairs.empty()) return;
  const std::string from = sha256_bytes(from_sha256);
  const std::string to = sha256_bytes(to_sha256);
  if (from.empty() || to.empty() || from == to) return;
  Transaction transaction(database);
  const std::vector<VerdictRow> said = read_verdicts(database, from);
  const std::vector<VerdictRow> there = read_verdicts(database, to);
  for (const VerdictRow& row : said) {
    const std::optional<std::string> box = carried_box(row, pairs);
    if (box && !is_said(there, row, *box)) add_verdict(database, row, to, *box);
  }
  transaction.commit();
}

}  // namespace mien
