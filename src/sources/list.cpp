// A list of paths, from a file or from a program that is still writing it.
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "base/utf8.h"
#include "sources/source.h"

namespace mien {
namespace {

constexpr std::size_t kReadBytes = std::size_t{1} << 16;
constexpr std::size_t kNameBytesMax = std::size_t{1} << 16;  // longer than any system's paths
constexpr int kStopCheckMs = 100;                            // a silent writer must not keep a stopped scan alive
constexpr std::string_view kUtf8Mark = "\xef\xbb\xbf";
constexpr std::string_view kUtf16Marks[] = {"\xff\xfe", "\xfe\xff"};

std::string shown(const std::string& path) {
  return path == "-" ? "the list on standard input" : "the list " + replace_invalid_utf8(path);
}

// By its mark, or because every second byte of its first letters is zero.
bool is_utf16(std::string_view begin) {
  const auto is_zero = [&](std::size_t at) { return begin[at] == '\0'; };
  const bool zeros =
      begin.size() >= 4 && is_zero(0) == is_zero(2) && is_zero(1) == is_zero(3) && is_zero(0) != is_zero(1);
  return zeros || begin.starts_with(kUtf16Marks[0]) || begin.starts_with(kUtf16Marks[1]);
}

}  // namespace

PathList::PathList(Options options) : options_(std::move(options)) {
  if (options_.path == "-") return;
  file_ = Descriptor(::open(options_.path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (file_ && ::fstat(file_.get(), &status) == 0 && S_ISDIR(status.st_mode)) {
    throw Exception(ErrorCode::invalid_argument,
                    shown(options_.path) + " is a folder: name it as a source, without --list");
  }
  if (file_) return;
  const int reason = errno;
  const bool is_absent = reason == ENOENT || reason == ENOTDIR;
  throw Exception(is_absent ? ErrorCode::not_found : ErrorCode::io,
                  "cannot read " + shown(options_.path) + ": " + std::generic_category().message(reason));
}

std::optional<std::string> PathList::next(const std::stop_token& stop) {
  const char separator = options_.is_nul_separated ? '\0' : '\n';
  for (;;) {
    const std::size_t end = buffer_.find(separator, scanned_);
    if (end == std::string::npos && !is_at_end_) {
      scanned_ = buffer_.size();
      if (scanned_ - begin_ > kNameBytesMax) {
        throw Exception(ErrorCode::limit_exceeded, "name " + std::to_string(names_ + 1) + " of " +
                                                       shown(options_.path) + " is longer than " +
                                                       std::to_string(kNameBytesMax) + " bytes: names end with " +
                                                       (options_.is_nul_separated ? "a NUL byte" : "a newline"));
      }
      if (!fill(stop)) return std::nullopt;
      continue;
    }
    const bool is_last = end == std::string::npos;
    if (is_last && begin_ == buffer_.size()) return std::nullopt;
    std::string name = buffer_.substr(begin_, is_last ? end : end - begin_);
    begin_ = scanned_ = is_last ? buffer_.size() : end + 1;
    if (names_++ == 0 && name.starts_with(kUtf8Mark)) name.erase(0, kUtf8Mark.size());
    if (!options_.is_nul_separated && name.ends_with('\r')) name.pop_back();
    if (!name.empty()) return name;
  }
}

// False when it was asked to stop; otherwise more bytes are there, or is_at_end_ is set.
bool PathList::fill(const std::stop_token& stop) {
  buffer_.erase(0, begin_);
  scanned_ -= begin_;
  begin_ = 0;
  const int descriptor = file_ ? file_.get() : STDIN_FILENO;
  while (!stop.stop_requested()) {
    pollfd waiting{descriptor, POLLIN, 0};
    const int ready = ::poll(&waiting, 1, kStopCheckMs);
    if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
    const std::size_t filled = buffer_.size();
    buffer_.resize(filled + kReadBytes);
    const ssize_t count = ::read(descriptor, buffer_.data() + filled, kReadBytes);
    const int reason = errno;
    buffer_.resize(filled + static_cast<std::size_t>(count > 0 ? count : 0));
    if (count < 0 && (reason == EINTR || reason == EAGAIN)) continue;
    if (count < 0) {
      throw Exception(ErrorCode::io,
                      "cannot read " + shown(options_.path) + ": " + std::generic_category().message(reason));
    }
    if (count == 0) is_at_end_ = true;
    if (names_ == 0 && !options_.is_nul_separated && is_utf16(buffer_)) {
      throw Exception(ErrorCode::invalid_argument,
                      shown(options_.path) + " is not UTF-8 but UTF-16: convert it, as in: iconv -f UTF-16 -t UTF-8");
    }
    return true;
  }
  return false;
}

}  // namespace mien
