#include "records/output.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <system_error>
#include <utility>

#include "base/utf8.h"
#include "mien/result.h"

namespace mien {
namespace {

constexpr mode_t kPrivateMode = 0600;  // records hold faces
constexpr mode_t kOthersMode = 0077;
constexpr std::size_t kBufferBytes = std::size_t{1} << 20;
constexpr std::size_t kLinePieceBytes = std::size_t{1} << 12;  // most records fit
constexpr std::size_t kLineBytesMax = std::size_t{256} << 20;
constexpr int kLockTriesMax = 5;

[[noreturn]] void throw_io(const std::string& attempt, const std::string& shown_path, int reason) {
  throw Exception(ErrorCode::io, attempt + " " + shown_path + ": " + std::generic_category().message(reason));
}

// An output that cannot be opened is a wrong call: nothing has been done yet, and another name helps.
[[noreturn]] void throw_unwritable(const std::string& shown_path, int reason) {
  throw Exception(ErrorCode::invalid_argument, "cannot write " + shown_path + ": " +
                                                   std::generic_category().message(reason) +
                                                   ": name a file in a folder that you may write to");
}

std::string resolved(const std::string& path) {
  const std::unique_ptr<char, decltype(&::free)> target(::realpath(path.c_str(), nullptr), &::free);
  return target ? std::string(target.get()) : path;
}

bool is_same_file(int descriptor, const std::string& path) {
  struct stat open_status {};
  struct stat path_status {};
  return ::fstat(descriptor, &open_status) == 0 && ::stat(path.c_str(), &path_status) == 0 &&
         open_status.st_dev == path_status.st_dev && open_status.st_ino == path_status.st_ino;
}

}  // namespace

RecordFile::RecordFile(const Options& options) : path_(options.path), shown_path_(replace_invalid_utf8(options.path)) {
  if (path_.empty()) {
    open_spool();
    return;
  }
  struct stat status {};
  if (::stat(path_.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) {
    throw Exception(ErrorCode::invalid_argument, shown_path_ + " is a folder: --out names the file to write");
  }
  if (::stat(path_.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    if (options.resume) {
      throw Exception(ErrorCode::invalid_argument, "cannot resume " + shown_path_ + ": it is not a regular file");
    }
    stream_ = Descriptor(::open(path_.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY));
    if (!stream_) throw_unwritable(shown_path_, errno);
    open_spool();
    return;
  }
  open_regular(options);
}

void RecordFile::open_spool() {
  path_.clear();
  const char* folder = std::getenv("TMPDIR");
  std::string name = std::string(folder && *folder ? folder : "/tmp") + "/mien-XXXXXX";
  file_ = Descriptor(::mkostemp(name.data(), O_CLOEXEC));  // creates it with mode 0600
  if (!file_) throw_io("cannot create the temporary file", replace_invalid_utf8(name), errno);
  ::unlink(name.c_str());  // nobody else sees it, and nothing remains whatever happens
  if (shown_path_.empty()) {
    shown_path_ = "the temporary file in " + name.substr(0, name.rfind('/')) + " (TMPDIR)";
  }
}

void RecordFile::open_regular(const Options& options) {
  for (int tries = 0;; ++tries) {
    const int flags = O_RDWR | O_APPEND | O_CLOEXEC;
    file_ = Descriptor(::open(path_.c_str(), flags | O_CREAT | O_EXCL, kPrivateMode));
    is_created_ = static_cast<bool>(file_);
    if (!file_ && errno == EEXIST) {
      file_ = Descriptor(::open(path_.c_str(), flags | O_CREAT, kPrivateMode));
    }
    if (!file_) throw_unwritable(shown_path_, errno);
    if (lock_current()) break;
    // A scan that resumed has just put a new file in its place.
    if (tries == kLockTriesMax) throw_io("cannot lock", shown_path_, EAGAIN);
  }
  path_ = resolved(path_);
  struct stat status {};
  if (::fstat(file_.get(), &status) != 0) throw_io("cannot read", shown_path_, errno);
  size_bytes_ = status.st_size;
  if (size_bytes_ > 0 && !options.resume && !options.force) {
    throw Exception(ErrorCode::invalid_argument,
                    shown_path_ + " exists: --resume goes on with it, --force replaces it");
  }
  make_private();
  if (options.force) {
    is_replaced_ = size_bytes_ > 0;
    size_bytes_ = 0;
  }
}

// Runs with the first record of the new scan, so that a scan that finds no images, because a disk is not mounted, loses
// nothing.
void RecordFile::drop_what_was_there() {
  if (!std::exchange(is_replaced_, false)) return;
  if (::ftruncate(file_.get(), 0) != 0) throw_io("cannot shorten", shown_path_, errno);
}

// Before the first byte is written: somebody else may have made the file, empty, for all to read.
void RecordFile::make_private() {
  struct stat status {};
  if (::fchmod(file_.get(), kPrivateMode) == 0) {
    if (::fstat(file_.get(), &status) != 0 || (status.st_mode & kOthersMode) == 0) return;
  } else if (::fstat(file_.get(), &status) != 0 || (status.st_mode & kOthersMode) == 0) {
    return;
  } else if (status.st_uid != ::geteuid()) {
    throw Exception(ErrorCode::invalid_argument, "cannot write " + shown_path_ +
                                                     ": it belongs to another user, and others could read the faces in "
                                                     "it: name a file of your own, or delete that one");
  }
  mode_problem_ = "others may read " + shown_path_ + ": its file system keeps no modes";
}

// Returns false when the name has come to stand for another file meanwhile.
bool RecordFile::lock_current() {
  if (::flock(file_.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) {
      throw Exception(ErrorCode::invalid_argument,
                      "another scan is writing to " + shown_path_ + ": wait for it, or name another --out");
    }
    lock_problem_ = shown_path_ + " could not be locked (" + std::generic_category().message(errno) +
                    "): do not start a second scan that writes to it";
    return true;
  }
  return is_same_file(file_.get(), path_);
}

LinePlace RecordFile::append(std::string_view line) {
  drop_what_was_there();
  std::string text;
  text.reserve(line.size() + 1);
  text.append(line);
  text += '\n';
  if (stream_ && write_all(stream_.get(), text) < text.size()) throw_io("cannot write", shown_path_, errno);
  std::size_t written = write_all(file_.get(), text);
  if (written < text.size()) {
    const int reason = errno;
    // A part of a line would spoil the file for other programs. If even this fails, resume cuts it.
    if (written > 0 && ::ftruncate(file_.get(), size_bytes_) != 0) written = 0;
    throw_io("cannot write", shown_path_, reason);
  }
  const LinePlace place{size_bytes_, static_cast<std::uint32_t>(line.size())};
  size_bytes_ += static_cast<std::int64_t>(text.size());
  return place;
}

std::string RecordFile::read(LinePlace place) const {
  std::string line(place.length, '\0');
  std::size_t filled = 0;
  while (filled < line.size()) {
    const ssize_t count = ::pread(file_.get(), line.data() + filled, line.size() - filled,
                                  place.offset + static_cast<std::int64_t>(filled));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_io("cannot read", shown_path_, errno);
    if (count == 0) {
      throw Exception(ErrorCode::io,
                      "cannot read " + shown_path_ + ": another program has shortened it during the scan");
    }
    filled += static_cast<std::size_t>(count);
  }
  return line;
}

std::string RecordFile::read_line(std::int64_t offset) const {
  std::string line;
  for (;;) {
    const std::int64_t end = offset + static_cast<std::int64_t>(line.size());
    const std::int64_t wanted = std::min(size_bytes_ - end, static_cast<std::int64_t>(kLinePieceBytes));
    // Without a newline up to the end, reading on fails with the reason.
    const std::string piece = read({end, static_cast<std::uint32_t>(std::max<std::int64_t>(wanted, 1))});
    const std::size_t newline = piece.find('\n');
    line.append(piece, 0, newline);
    if (newline != std::string::npos) return line;
  }
}

void RecordFile::visit_lines(const LineVisitor& visit) const {
  std::string buffer;
  std::int64_t buffer_offset = 0;  // of buffer[0] in the file
  std::size_t scanned = 0;
  for (;;) {
    std::size_t begin = 0;
    for (;;) {
      const std::size_t end = buffer.find('\n', std::max(begin, scanned));
      if (end == std::string::npos) break;
      const std::string_view line(buffer.data() + begin, end - begin);
      const LinePlace place{buffer_offset + static_cast<std::int64_t>(begin), static_cast<std::uint32_t>(line.size())};
      if (!visit(line, place)) return;
      begin = end + 1;
    }
    buffer.erase(0, begin);
    buffer_offset += static_cast<std::int64_t>(begin);
    scanned = buffer.size();
    if (scanned > kLineBytesMax) {
      throw Exception(ErrorCode::bad_data, shown_path_ +
                                               " is no file of records: a line is longer "
                                               "than " +
                                               std::to_string(kLineBytesMax) + " bytes");
    }
    buffer.resize(scanned + kBufferBytes);
    ssize_t count = -1;
    do {
      count = ::pread(file_.get(), buffer.data() + scanned, kBufferBytes,
                      buffer_offset + static_cast<std::int64_t>(scanned));
    } while (count < 0 && errno == EINTR);
    if (count < 0) throw_io("cannot read", shown_path_, errno);
    if (count == 0) return;
    buffer.resize(scanned + static_cast<std::size_t>(count));
  }
}

void RecordFile::truncate(std::int64_t bytes) {
  if (bytes == size_bytes_) return;
  if (::ftruncate(file_.get(), bytes) != 0) throw_io("cannot shorten", shown_path_, errno);
  size_bytes_ = bytes;
}

std::string RecordFile::readable_path() const {
  if (!path_.empty()) return path_;
  return "/dev/fd/" + std::to_string(file_.get());
}

void RecordFile::remove_if_unused() {
  if (is_created_ && size_bytes_ == 0 && is_same_file(file_.get(), path_)) ::unlink(path_.c_str());
}

RecordFile::Rewrite::Rewrite(RecordFile& file, std::int64_t bytes_kept) : target_(file), path_(file.path_ + ".resume") {
  // One name, under the lock of the file itself: what a killed scan left behind is replaced.
  ::unlink(path_.c_str());
  file_ = Descriptor(::open(path_.c_str(), O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, kPrivateMode));
  if (!file_) throw_io("cannot write", replace_invalid_utf8(path_), errno);
  for (std::int64_t offset = 0; offset < bytes_kept;) {
    const std::int64_t wanted = std::min(bytes_kept - offset, static_cast<std::int64_t>(kBufferBytes));
    buffer_ += target_.read({offset, static_cast<std::uint32_t>(wanted)});
    offset += wanted;
    flush();
  }
  size_bytes_ = bytes_kept;
}

RecordFile::Rewrite::~Rewrite() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

LinePlace RecordFile::Rewrite::append(std::string_view line) {
  const LinePlace place{size_bytes_, static_cast<std::uint32_t>(line.size())};
  buffer_.append(line);
  buffer_ += '\n';
  size_bytes_ += static_cast<std::int64_t>(line.size() + 1);
  if (buffer_.size() >= kBufferBytes) flush();
  return place;
}

void RecordFile::Rewrite::flush() {
  if (write_all(file_.get(), buffer_) < buffer_.size()) throw_io("cannot write", replace_invalid_utf8(path_), errno);
  buffer_.clear();
}

void RecordFile::Rewrite::commit() {
  flush();
  const std::string shown = replace_invalid_utf8(path_);
  if (::fsync(file_.get()) != 0) throw_io("cannot write", shown, errno);
  // Locked before it gets the name, so that no second scan comes between. Where locks do not work,
  // the first attempt has said so.
  ::flock(file_.get(), LOCK_EX | LOCK_NB);
  if (::rename(path_.c_str(), target_.path_.c_str()) != 0) throw_io("cannot rename", shown, errno);
  path_.clear();
  target_.file_ = std::move(file_);
  target_.size_bytes_ = size_bytes_;
}

}  // namespace mien
