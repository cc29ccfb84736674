// The store as a file among files: whether it may be one, who may read it, what lies beside it.
#pragma once

#include <cstdint>
#include <string>

namespace mien {

enum class StoreFileState { absent, empty, store };

// What is there under this name. Throws Exception(invalid_argument) for a folder, a device, a file that is no store.
StoreFileState inspect_store_file(const std::string& path);

// Of the folder that the store lies in.
struct FileSystem {
  bool is_network = false;
  bool has_locks = true;
};
FileSystem inspect_file_system(const std::string& path);
// Throws Exception(invalid_argument) where two programs could not be kept from writing at once.
void require_locks(const std::string& path, const FileSystem& file_system);

// Makes an empty file with mode 0600, and one that is there its owner's alone. Throws Exception: not_found (no such
// folder), io, invalid_argument where others could read what is written.
void make_private_file(const std::string& path);
// With the folders that it lies in. Throws Exception(io).
void make_folder(const std::string& folder);
// Of the folder of a path: whether files can be made there.
bool can_write_beside(const std::string& path);
// A store: its file, and what SQLite puts beside it.
bool can_write(const std::string& path);
std::int64_t file_bytes(const std::string& path);  // 0: not there
std::string folder_of(const std::string& path);
// With links resolved as far as it is there; without a trailing slash.
std::string absolute_path(const std::string& path);

// Beside FILE: its WAL, the shared memory of it, the copy while it is migrated, who was forgotten.
std::string wal_path(const std::string& store);
std::string migration_copy_path(const std::string& store);
std::string forgotten_path(const std::string& store);

}  // namespace mien
