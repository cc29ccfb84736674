#include "store/file.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "base/descriptor.h"
#include "base/utf8.h"
#include "mien/result.h"
#include "store/schema.h"
#include "store/sqlite.h"

namespace mien {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kPrivateMode = 0600;
constexpr mode_t kOthersMode = 0077;

// https://www.sqlite.org/fileformat.html, "The Database Header"
constexpr std::size_t kHeaderBytes = 100;
constexpr std::size_t kApplicationAt = 68;
constexpr std::string_view kMagic("SQLite format 3\0", 16);

std::string reason_text(int reason) { return std::generic_category().message(reason); }

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
  throw Exception(ErrorCode::invalid_argument,
                  replace_invalid_utf8(path) + " is no store of mien: " + why + ": name another file (--store)");
}

// statfs(2) and linux/magic.h: systems whose files other computers may write.
bool is_network_type(std::uint64_t type) {
  constexpr std::array<std::uint64_t, 9> kTypes = {
      0x6969,      // NFS
      0x517b,      // SMB
      0xff534d42,  // CIFS
      0xfe534d42,  // SMB2
      0x01021997,  // 9P
      0x5346414f,  // AFS
      0x6b414653,  // kAFS
      0x00c36400,  // Ceph
      0x73757245   // Coda
  };
  return std::find(kTypes.begin(), kTypes.end(), type & 0xffffffffU) != kTypes.end();
}

// Of a folder, by a lock for reading. The store itself is touched by SQLite alone: whoever closes a file loses all
// locks that this process holds on it.
bool can_lock(const std::string& folder) {
  const Descriptor file(::open(folder.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return true;  // what cannot be opened is said elsewhere
  struct flock lock {};
  lock.l_type = F_RDLCK;
  lock.l_whence = SEEK_SET;
  return ::fcntl(file.get(), F_SETLK, &lock) == 0 || errno == EAGAIN || errno == EACCES;
}

// By SQLite's own file, see can_lock, and not by a query: what a full disk or a kill left of a checkpoint is sound with
// its WAL alone.
std::array<unsigned char, kHeaderBytes> read_header(const std::string& path) {
  Database database(path, Database::Access::unchanging);
  sqlite3_file* file = nullptr;
  std::array<unsigned char, kHeaderBytes> header{};
  int code = sqlite3_file_control(database.handle(), "main", SQLITE_FCNTL_FILE_POINTER, &file);
  if (code == SQLITE_OK) code = file->pMethods->xRead(file, header.data(), kHeaderBytes, 0);
  if (code != SQLITE_OK && code != SQLITE_IOERR_SHORT_READ) database.fail(code, "");
  return header;
}

}  // namespace

StoreFileState inspect_store_file(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return StoreFileState::absent;
    throw Exception(ErrorCode::io, "cannot read " + replace_invalid_utf8(path) + ": " + reason_text(errno));
  }
  if (S_ISDIR(status.st_mode)) refuse(path, "it is a folder");
  if (!S_ISREG(status.st_mode)) refuse(path, "it is not a regular file");
  if (status.st_size == 0) return StoreFileState::empty;
  const std::array<unsigned char, kHeaderBytes> header = read_header(path);
  if (!std::equal(kMagic.begin(), kMagic.end(), header.begin())) refuse(path, "it has another format");
  std::uint32_t application = 0;
  for (std::size_t i = 0; i < sizeof application; ++i) application = application << 8 | header[kApplicationAt + i];
  if (application != kApplicationId) refuse(path, "it is a database of another program");
  return StoreFileState::store;
}

FileSystem inspect_file_system(const std::string& path) {
  FileSystem result;
  const std::string folder = folder_of(path);
  struct statfs status {};
  if (::statfs(folder.c_str(), &status) == 0) {
    result.is_network = is_network_type(static_cast<std::uint64_t>(status.f_type));
  }
  result.has_locks = can_lock(folder);
  return result;
}

void require_locks(const std::string& path, const FileSystem& file_system) {
  if (file_system.has_locks) return;
  throw Exception(ErrorCode::invalid_argument,
                  "cannot keep a store in " + replace_invalid_utf8(folder_of(path)) +
                      ": its file system has no locks, and two programs would spoil it: name a file on a disk of this "
                      "computer (--store)");
}

void make_private_file(const std::string& path) {
  const std::string shown = replace_invalid_utf8(path);
  const Descriptor made(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, kPrivateMode));
  if (made) return;
  if (errno != EEXIST) {
    const ErrorCode code = errno == ENOENT ? ErrorCode::not_found : ErrorCode::io;
    throw Exception(code, "cannot write " + shown + ": " + reason_text(errno) +
                              ": name a file in a folder that you may write to (--store)");
  }
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0)
    throw Exception(ErrorCode::io, "cannot read " + shown + ": " + reason_text(errno));
  if ((status.st_mode & kOthersMode) == 0 || ::chmod(path.c_str(), kPrivateMode) == 0) return;
  throw Exception(ErrorCode::invalid_argument,
                  "cannot write " + shown + ": it belongs to another user, and others could read the faces in it: " +
                      "name a file of your own (--store)");
}

void make_folder(const std::string& folder) {
  std::error_code failure;
  fs::create_directories(folder, failure);
  if (failure) throw Exception(ErrorCode::io, "cannot make " + replace_invalid_utf8(folder) + ": " + failure.message());
}

bool can_write_beside(const std::string& path) { return ::access(folder_of(path).c_str(), W_OK) == 0; }

bool can_write(const std::string& path) { return ::access(path.c_str(), W_OK) == 0 && can_write_beside(path); }

std::int64_t file_bytes(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? static_cast<std::int64_t>(status.st_size) : 0;
}

std::string folder_of(const std::string& path) {
  const std::string folder = fs::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

std::string absolute_path(const std::string& path) {
  std::error_code failure;
  fs::path result = fs::weakly_canonical(fs::absolute(path, failure), failure);
  if (failure) result = fs::absolute(path, failure).lexically_normal();
  std::string text = result.string();
  while (text.size() > 1 && text.back() == '/') text.pop_back();
  return text;
}

std::string wal_path(const std::string& store) { return store + "-wal"; }
std::string migration_copy_path(const std::string& store) { return store + ".before-migration"; }
std::string forgotten_path(const std::string& store) { return store + ".forgotten"; }

}  // namespace mien
