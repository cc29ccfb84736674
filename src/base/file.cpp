#include "base/file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include "base/utf8.h"

namespace mien {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 20;

// "cannot read a/b.jpg: Permission denied"
std::string failure(std::string_view attempt, const std::string& path, int error_number) {
  return std::string(attempt) + " " + replace_invalid_utf8(path) + ": " + std::generic_category().message(error_number);
}

[[noreturn]] void throw_cannot_write(const std::string& path, int error_number) {
  throw Exception(ErrorCode::io, failure("cannot write", path, error_number));
}

Error too_large(const std::string& path, std::size_t bytes_max) {
  return {ErrorCode::limit_exceeded, "cannot read " + replace_invalid_utf8(path) +
                                         ": it holds more than the limit of " + std::to_string(bytes_max) + " bytes"};
}

// Where a file of this name is really kept: the target of a link, the name itself when nothing is
// there yet.
std::string resolve_links(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0 || !S_ISLNK(status.st_mode)) return path;
  const std::unique_ptr<char, decltype(&::free)> target(::realpath(path.c_str(), nullptr), &::free);
  if (!target) throw_cannot_write(path, errno);
  return target.get();
}

}  // namespace

Error cannot_read(const std::string& path, int reason) {
  const bool is_absent = reason == ENOENT || reason == ENOTDIR;
  return {is_absent ? ErrorCode::not_found : ErrorCode::io, failure("cannot read", path, reason)};
}

Descriptor open_to_read(const std::string& path) {
  // Without O_NONBLOCK, opening a named pipe would wait for a writer that may never come.
  return Descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
}

Result<std::vector<std::uint8_t>> read_file(const std::string& path, std::size_t bytes_max) {
  const Descriptor file = open_to_read(path);
  if (!file) return cannot_read(path, errno);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return cannot_read(path, errno);
  if (S_ISDIR(status.st_mode)) return cannot_read(path, EISDIR);
  if (!S_ISREG(status.st_mode)) {
    return Error{ErrorCode::io, "cannot read " + replace_invalid_utf8(path) + ": it is not a regular file"};
  }
  if (static_cast<std::uint64_t>(status.st_size) > bytes_max) return too_large(path, bytes_max);

  // One byte more than expected, so that the end is seen without growing; files that grow meanwhile
  // are cut at the limit too, and those that state no size (/proc) are read to their end.
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(status.st_size) + 1);
  std::size_t filled = 0;
  for (;;) {
    const ssize_t count = ::read(file.get(), bytes.data() + filled, bytes.size() - filled);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return cannot_read(path, errno);
    if (count == 0) break;
    filled += static_cast<std::size_t>(count);
    if (filled > bytes_max) return too_large(path, bytes_max);
    if (filled == bytes.size()) bytes.resize(bytes.size() + std::max(bytes.size(), std::size_t{4096}));
  }
  bytes.resize(filled);
  return bytes;
}

OptionalFile read_optional_file(const std::string& path, std::size_t bytes_max, std::string_view consequence) {
  OptionalFile file;
  Result<std::vector<std::uint8_t>> bytes = read_file(path, bytes_max);
  if (bytes) {
    file.bytes = std::move(*bytes);
    file.is_read = true;
  } else if (bytes.error().code != ErrorCode::not_found) {
    file.warning = bytes.error().message + ": " + std::string(consequence);
  }
  return file;
}

PrivateFile::PrivateFile(const std::string& path) : path_(resolve_links(path)), path_shown_(path) {
  struct stat status {};
  if (::stat(path_.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    // Renaming over a device would remove the device.
    throw Exception(ErrorCode::io, "cannot write " + replace_invalid_utf8(path) + ": it is not a regular file");
  }
  path_partial_ = path_ + ".XXXXXX";
  file_ = Descriptor(::mkostemp(path_partial_.data(), O_CLOEXEC));  // creates it with mode 0600
  if (!file_) throw_cannot_write(path, errno);
  buffer_.reserve(kBufferBytes);
}

PrivateFile::~PrivateFile() {
  if (!path_partial_.empty()) ::unlink(path_partial_.c_str());
}

void PrivateFile::write(std::string_view text) {
  size_bytes_ += text.size();
  buffer_.append(text);
  if (buffer_.size() >= kBufferBytes) flush();
}

void PrivateFile::commit() {
  flush();
  // A full disk may be reported as late as here; the name must not appear before the bytes are
  // safe.
  if (::fsync(file_.get()) != 0) throw_cannot_write(path_shown_, errno);
  if (!file_.close()) throw_cannot_write(path_shown_, errno);
  if (::rename(path_partial_.c_str(), path_.c_str()) != 0) throw_cannot_write(path_shown_, errno);
  path_partial_.clear();
}

void PrivateFile::flush() {
  if (write_all(file_.get(), buffer_) < buffer_.size()) throw_cannot_write(path_shown_, errno);
  buffer_.clear();
}

void write_private_file(const std::string& path, std::span<const std::uint8_t> bytes) {
  PrivateFile file(path);
  file.write({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  file.commit();
}

void require_writable(const std::string& path) { const PrivateFile probe(path); }

bool is_one_file(const std::string& a, const std::string& b) {
  namespace fs = std::filesystem;
  std::error_code failure;
  if (fs::equivalent(a, b, failure)) return true;
  const fs::path first = fs::weakly_canonical(fs::absolute(a, failure), failure);
  if (failure) return false;
  const fs::path second = fs::weakly_canonical(fs::absolute(b, failure), failure);
  return !failure && first == second;
}

}  // namespace mien
