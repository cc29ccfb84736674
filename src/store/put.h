// Records into the tables.
#pragma once

#include <span>
#include <string_view>

#include "mien/tools/store.h"
#include "store/sqlite.h"

namespace mien {

void put_records(Database& database, std::span<const Store::Entry> batch);

// Whether a face there was forgotten: it is not embedded again.
bool is_suppressed(Database& database, std::string_view sha256_bytes, const Box& box);

// Neighbours that name this face do not count any more.
void mark_face_stale(Database& database, FaceId face);

}  // namespace mien
