// Paths that went, came back, or lie elsewhere now.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "store/sqlite.h"

namespace mien {

void mark_gone(Database& database, std::span<const std::string> paths, bool is_gone);
std::int64_t prune_places(Database& database, std::span<const std::string> sources);
std::int64_t move_places(Database& database, const std::string& from, const std::string& to);

}  // namespace mien
