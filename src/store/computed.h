// Neighbours and groups: what can be thrown away and computed again.
#pragma once

#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "mien/tools/store.h"
#include "store/sqlite.h"

namespace mien {

void put_neighbour_rows(Database& database, std::string_view embedder_id, std::span<const Store::FaceNeighbours> batch);
void visit_neighbour_rows(Database& database, std::string_view embedder_id,
                          const std::function<void(const Store::FaceNeighbours&)>& visit);
// Removes the rows that name a stale key; in the caller's transaction.
void drop_stale_neighbours(Database& database, std::int64_t embedder);

void put_group_rows(Database& database, std::span<const FaceGroup> groups, std::string_view made_from);
std::string read_made_from(Database& database);
std::vector<FaceGroup> read_groups(Database& database);

}  // namespace mien
