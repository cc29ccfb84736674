// Paths below the folders that were named.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/sqlite.h"

namespace mien {

struct SourceRow {
  std::int64_t id = 0;
  std::string folder;  // absolute
};

// Two boxes in one image are of one face from here on, by intersection over union.
inline constexpr float kSameFaceOverlap = 0.5F;

// How the place of a path is stored: source and path below it.
struct PlaceKey {
  std::int64_t source = 0;
  std::string path;
};

std::vector<SourceRow> read_sources(Database& database);
std::int64_t add_source(Database& database, const std::string& folder);

// Empty text: it is the folder itself; nothing: it is not below it.
std::optional<std::string> path_below(std::string_view folder, std::string_view path);
std::string path_in(std::string_view folder, std::string_view below);

// The row of the place and its key, whichever source it was found below.
struct PlaceRow {
  std::int64_t id = 0;
  PlaceKey key;
};
std::optional<PlaceRow> find_place(Database& database, const std::vector<SourceRow>& sources, const std::string& path);

}  // namespace mien
