#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <fstream>
#include <system_error>
#include <vector>

#include "base/cancel.h"
#include "base/utf8.h"
#include "models/download.h"

namespace mien {
namespace {

constexpr std::size_t kCopyBytes = std::size_t{1} << 20;

}  // namespace

std::string part_facts_path(const std::string& part_path) { return part_path + ".info"; }

PartFile::PartFile(const std::string& path) : path_(replace_invalid_utf8(path)) {
  descriptor_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  struct stat status {};
  if (descriptor_ < 0 || ::fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) {
    const std::string reason = std::generic_category().message(descriptor_ < 0 ? errno : EINVAL);
    if (descriptor_ >= 0) ::close(descriptor_);
    throw Exception(ErrorCode::io, fmt::format("cannot write {}: {}", path_, reason));
  }
  size_ = status.st_size;
}

PartFile::~PartFile() { ::close(descriptor_); }

void PartFile::clear() {
  if (::ftruncate(descriptor_, 0) != 0) {
    throw Exception(ErrorCode::io, fmt::format("cannot write {}: {}", path_, std::generic_category().message(errno)));
  }
  size_ = 0;
}

void PartFile::append(const char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t count = ::pwrite(descriptor_, data, size, size_);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      const bool is_full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;
      throw Exception(
          ErrorCode::io,
          fmt::format("cannot write {}: {}; the {} bytes that came are kept there: {}run it again to go on", path_,
                      std::generic_category().message(errno), size_, is_full ? "free room and " : ""));
    }
    data += count;
    size -= static_cast<std::size_t>(count);
    size_ += count;
  }
}

void copy_as_download(const Download& wanted) {
  std::ifstream source(wanted.url, std::ios::binary);
  if (!source) {
    throw Exception(ErrorCode::not_found, fmt::format("cannot read {}: {}", replace_invalid_utf8(wanted.url),
                                                      std::generic_category().message(errno)));
  }
  PartFile part(wanted.part_path);
  part.clear();
  std::vector<char> piece(kCopyBytes);
  const auto begin = std::chrono::steady_clock::now();
  while (source) {
    throw_if_stopped(wanted.stop);
    source.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    part.append(piece.data(), static_cast<std::size_t>(source.gcount()));
    if (part.size() > wanted.bytes_max) {
      throw Exception(ErrorCode::limit_exceeded,
                      fmt::format("{} holds more than {} bytes", replace_invalid_utf8(wanted.url), wanted.bytes_max));
    }
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    if (wanted.on_progress) {
      wanted.on_progress(part.size(), wanted.size_bytes, static_cast<double>(part.size()) / (seconds.count() + 1e-9));
    }
  }
}

}  // namespace mien
