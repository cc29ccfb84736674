#include "store/computed.h"

#include <algorithm>
#include <unordered_set>

#include "store/encode.h"
#include "store/read.h"
#include "store/schema.h"

namespace mien {
namespace {

std::unordered_set<FaceKey> stale_keys(Database& database, std::int64_t embedder) {
  std::unordered_set<FaceKey> keys;
  Query query = database.prepare("stale", "SELECT key FROM stale WHERE embedder = ?");
  query.bind(embedder);
  while (query.step()) keys.insert(query.integer(0));
  return keys;
}

using VisitRow = std::function<void(std::int64_t row, std::vector<Neighbour> neighbours, bool is_stale)>;

void visit_rows(Database& database, std::int64_t embedder, const VisitRow& visit) {
  const std::unordered_set<FaceKey> stale = stale_keys(database, embedder);
  Query query = database.prepare("neighbour", "SELECT id, list FROM neighbour WHERE id > ? AND id < ? ORDER BY id");
  query.bind(vector_row(embedder, 0)).bind(vector_row(embedder + 1, 0));
  while (query.step()) {
    query.at_row(query.integer(0));
    std::vector<Neighbour> neighbours = neighbours_of(query.blob(1));
    const bool is_stale =
        !stale.empty() && std::any_of(neighbours.begin(), neighbours.end(),
                                      [&stale](const Neighbour& one) { return stale.contains(one.key); });
    visit(query.integer(0), std::move(neighbours), is_stale);
  }
}

}  // namespace

void drop_stale_neighbours(Database& database, std::int64_t embedder) {
  Query any = database.prepare("stale", "SELECT 1 FROM stale WHERE embedder = ?");
  any.bind(embedder);
  if (!any.step()) return;
  any.reset();
  std::vector<std::int64_t> rows;
  visit_rows(database, embedder, [&rows](std::int64_t row, const std::vector<Neighbour>&, bool is_stale) {
    if (is_stale) rows.push_back(row);
  });
  for (const std::int64_t row : rows) {
    database.prepare("neighbour", "DELETE FROM neighbour WHERE id = ?").bind(row).run();
  }
  database.prepare("stale", "DELETE FROM stale WHERE embedder = ?").bind(embedder).run();
}

void put_neighbour_rows(Database& database, std::string_view embedder_id,
                        std::span<const Store::FaceNeighbours> batch) {
  Transaction transaction(database);
  const std::int64_t embedder = embedder_row(database, embedder_id);
  drop_stale_neighbours(database, embedder);
  // A face that has no vector any more is passed over.
  Query put = database.prepare("neighbour",
                               "INSERT INTO neighbour (id, list) SELECT id, ? FROM vector WHERE id = ? "
                               "ON CONFLICT (id) DO UPDATE SET list = excluded.list");
  for (const Store::FaceNeighbours& one : batch) {
    const std::string list = neighbour_bytes(one.neighbours);
    put.bind_blob(list).bind(vector_row(embedder, one.face)).run();
  }
  transaction.commit();
}

void visit_neighbour_rows(Database& database, std::string_view embedder_id,
                          const std::function<void(const Store::FaceNeighbours&)>& visit) {
  const Transaction transaction(database, Transaction::Kind::read);
  visit_rows(database, embedder_row(database, embedder_id),
             [&visit](std::int64_t row, std::vector<Neighbour> neighbours, bool is_stale) {
               if (!is_stale) visit({row % kFacesMax, std::move(neighbours)});
             });
}

void put_group_rows(Database& database, std::span<const FaceGroup> groups, std::string_view made_from) {
  std::vector<FaceGroup> wanted(groups.begin(), groups.end());
  const auto by_face = [](const FaceGroup& a, const FaceGroup& b) { return a.face < b.face; };
  std::sort(wanted.begin(), wanted.end(), by_face);
  Transaction transaction(database);
  const std::vector<FaceGroup> present = read_groups(database);
  Query put = database.prepare("grouping",
                               "INSERT INTO grouping (face, first) SELECT id, ? FROM face WHERE id = ? "
                               "ON CONFLICT (face) DO UPDATE SET first = excluded.first");
  Query drop = database.prepare("grouping", "DELETE FROM grouping WHERE face = ?");
  // Only what differs is written: after a correction that is little.
  auto old_row = present.begin();
  for (const FaceGroup& one : wanted) {
    for (; old_row != present.end() && old_row->face < one.face; ++old_row) drop.bind(old_row->face).run();
    const bool is_there = old_row != present.end() && old_row->face == one.face;
    if (!is_there || old_row->group != one.group) put.bind(one.group).bind(one.face).run();
    if (is_there) ++old_row;
  }
  for (; old_row != present.end(); ++old_row) drop.bind(old_row->face).run();
  database
      .prepare("grouped",
               "INSERT INTO grouped (id, made_from) VALUES (1, ?) "
               "ON CONFLICT (id) DO UPDATE SET made_from = excluded.made_from")
      .bind_text(made_from)
      .run();
  transaction.commit();
}

std::string read_made_from(Database& database) {
  Query query = database.prepare("grouped", "SELECT made_from FROM grouped");
  return query.step() ? std::string(query.text(0)) : std::string();
}

std::vector<FaceGroup> read_groups(Database& database) {
  std::vector<FaceGroup> groups;
  Query query = database.prepare("grouping", "SELECT face, first FROM grouping ORDER BY face");
  while (query.step()) groups.push_back({query.integer(0), query.integer(1)});
  return groups;
}

}  // namespace mien
