#include "base/part_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "base/utf8.h"

namespace mien {
PartFile::PartFile(const std::string& path)
    : path_(replace_invalid_utf8(path)),
      file_(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) {
  struct stat status {};
  if (!file_ || ::fstat(file_.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    const std::string reason = std::generic_category().message(file_ ? EINVAL : errno);
    throw Exception(ErrorCode::io, fmt::format("cannot write {}: {}", path_, reason));
  }
  size_ = status.st_size;
}

void PartFile::clear() {
  if (::ftruncate(file_.get(), 0) != 0) {
    throw Exception(ErrorCode::io, fmt::format("cannot write {}: {}", path_, std::generic_category().message(errno)));
  }
  size_ = 0;
}

void PartFile::append(const char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t count = ::pwrite(file_.get(), data, size, size_);
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

}  // namespace mien
