// What was said of the faces of one content, said of those of another.
#pragma once

#include <span>
#include <string_view>
#include <utility>

#include "mien/face.h"
#include "store/sqlite.h"

namespace mien {

void carry_verdicts(Database& database, std::string_view from_sha256, std::string_view to_sha256,
                    std::span<const std::pair<Box, Box>> pairs);

}  // namespace mien
