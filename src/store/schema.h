// The tables of a store, and how older ones become the present ones.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "mien/tools/store.h"
#include "store/sqlite.h"

namespace mien {

inline constexpr std::uint32_t kApplicationId = 0x6d69656e;  // "mien"

// What turns a file of the version before into one of `version`.
struct Migration {
  int version = 0;
  const char* statements = nullptr;
};

struct Schema {
  int version = 0;
  const char* statements = nullptr;       // makes a new file
  std::span<const Migration> migrations;  // by rising version, the last one is `version`
};
const Schema& store_schema();

// Opens the file, makes it where that was asked for, and brings it to the schema's version. Throws what Store throws.
std::unique_ptr<Database> open_database(const std::string& path, StoreOptions::Access access,
                                        const Schema& schema = store_schema());

// A vector's row, and that of its neighbours: those of one embedder lie together, by face.
inline constexpr std::int64_t kFacesMax = std::int64_t{1} << 40;
inline std::int64_t vector_row(std::int64_t embedder, std::int64_t face) { return embedder * kFacesMax + face; }

}  // namespace mien
