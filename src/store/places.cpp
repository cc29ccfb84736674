#include "store/places.h"

namespace mien {

std::vector<SourceRow> read_sources(Database& database) {
  std::vector<SourceRow> rows;
  Query query = database.prepare("source", "SELECT id, folder FROM source ORDER BY id");
  while (query.step()) rows.push_back({query.integer(0), std::string(query.blob(1))});
  return rows;
}

std::int64_t add_source(Database& database, const std::string& folder) {
  database.prepare("source", "INSERT INTO source (folder) VALUES (?)").bind_blob(folder).run();
  return database.last_id();
}

std::optional<std::string> path_below(std::string_view folder, std::string_view path) {
  if (path == folder) return "";
  if (!path.starts_with(folder)) return std::nullopt;
  path.remove_prefix(folder.size());
  if (folder.ends_with('/')) return std::string(path);
  if (!path.starts_with('/')) return std::nullopt;
  return std::string(path.substr(1));
}

std::string path_in(std::string_view folder, std::string_view below) {
  if (below.empty()) return std::string(folder);
  if (below.starts_with('/')) return std::string(below);
  return std::string(folder) + (folder.ends_with('/') ? "" : "/") + std::string(below);
}

std::optional<PlaceRow> find_place(Database& database, const std::vector<SourceRow>& sources, const std::string& path) {
  Query query = database.prepare("place", "SELECT id FROM place WHERE source = ? AND path = ?");
  for (const SourceRow& source : sources) {
    for (const std::optional<std::string>& below : {path_below(source.folder, path), std::optional(path)}) {
      if (!below) continue;
      query.bind(source.id).bind_blob(*below);
      if (query.step()) return PlaceRow{query.integer(0), {source.id, *below}};
      query.reset();
    }
  }
  return std::nullopt;
}

}  // namespace mien
