#include "store/change.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

#include "mien/result.h"
#include "store/places.h"

namespace mien {
namespace {

std::string without_last_slash(std::string folder) {
  while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
  return folder;
}

// Contents that no path leads to, with their faces, and sources that hold nothing.
void drop_unreachable(Database& database) {
  database.run(
      "INSERT OR IGNORE INTO stale SELECT embedder, vector.key FROM vector JOIN face ON face.id = vector.face "
      "WHERE face.image IN (SELECT id FROM image WHERE NOT EXISTS (SELECT 1 FROM place WHERE place.image = image.id));"
      "DELETE FROM image WHERE NOT EXISTS (SELECT 1 FROM place WHERE place.image = image.id);"
      "DELETE FROM source WHERE NOT EXISTS (SELECT 1 FROM place WHERE place.source = source.id)");
}

struct MovingPlace {
  std::int64_t id = 0;
  std::string path;  // absolute
};

std::vector<MovingPlace> places_below(Database& database, const std::string& folder) {
  std::vector<MovingPlace> places;
  Query query = database.prepare("place",
                                 "SELECT place.id, folder, path FROM place JOIN source ON source.id = place.source "
                                 "ORDER BY place.id");
  while (query.step()) {
    std::string path = path_in(query.blob(1), query.blob(2));
    if (path_below(folder, path)) places.push_back({query.integer(0), std::move(path)});
  }
  return places;
}

// Where the files of a source that begins at `folder` are from now on.
std::int64_t moved_source(Database& database, const std::string& folder) {
  for (const SourceRow& source : read_sources(database)) {
    if (source.folder == folder) return source.id;
  }
  return add_source(database, folder);
}

}  // namespace

void mark_gone(Database& database, std::span<const std::string> paths, bool is_gone) {
  Transaction transaction(database);
  const std::vector<SourceRow> sources = read_sources(database);
  Query update = database.prepare("place", "UPDATE place SET gone = ? WHERE id = ?");
  for (const std::string& path : paths) {
    const std::optional<PlaceRow> place = find_place(database, sources, path);
    if (place) update.bind(std::int64_t{is_gone ? 1 : 0}).bind(place->id).run();
  }
  transaction.commit();
}

std::int64_t prune_places(Database& database, std::span<const std::string> sources) {
  Transaction transaction(database);
  std::vector<std::int64_t> rows;
  {
    Query query = database.prepare("place",
                                   "SELECT place.id, folder, path FROM place JOIN source ON source.id = place.source "
                                   "WHERE gone = 1");
    while (query.step()) {
      const std::string path = path_in(query.blob(1), query.blob(2));
      const auto holds = [&path](const std::string& folder) {
        return path_below(without_last_slash(folder), path).has_value();
      };
      if (sources.empty() || std::any_of(sources.begin(), sources.end(), holds)) rows.push_back(query.integer(0));
    }
  }
  Query drop = database.prepare("place", "DELETE FROM place WHERE id = ?");
  for (const std::int64_t row : rows) drop.bind(row).run();
  drop_unreachable(database);
  transaction.commit();
  return static_cast<std::int64_t>(rows.size());
}

std::int64_t move_places(Database& database, const std::string& from, const std::string& to) {
  const std::string old_folder = without_last_slash(from);
  const std::string new_folder = without_last_slash(to);
  if (path_below(old_folder, new_folder) || path_below(new_folder, old_folder)) {
    throw Exception(ErrorCode::invalid_argument, "cannot move " + from + " to " + to + ": one is inside the other");
  }
  Transaction transaction(database);
  const std::vector<MovingPlace> places = places_below(database, old_folder);
  const std::int64_t source = places.empty() ? 0 : moved_source(database, new_folder);
  // What was found there in the meantime stays as it was found, and what was gone is gone.
  Query move = database.prepare("place", "UPDATE OR IGNORE place SET source = ?, path = ? WHERE id = ?");
  Query drop = database.prepare("place", "DELETE FROM place WHERE id = ?");
  for (const MovingPlace& place : places) {
    const std::string below = *path_below(old_folder, place.path);
    const std::string path = path_in(new_folder, below);
    const std::optional<PlaceRow> there = find_place(database, read_sources(database), path);
    if (there) {
      drop.bind(place.id).run();
    } else {
      move.bind(source).bind_blob(below).bind(place.id).run();
    }
  }
  if (!places.empty()) drop_unreachable(database);
  transaction.commit();
  return static_cast<std::int64_t>(places.size());
}

}  // namespace mien
