// Images that somebody names: files, standard input, and addresses, which are refused with advice.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>

#include "base/file.h"
#include "base/utf8.h"

namespace mien {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{1} << 16;
constexpr std::array<std::string_view, 2> kDescriptorFolders = {"/dev/fd/", "/proc/self/fd/"};

// The number of a descriptor of this process that the path names, or -1.
int descriptor_of(const std::string& path) {
  if (path == "-" || path == "/dev/stdin") return STDIN_FILENO;
  for (const std::string_view folder : kDescriptorFolders) {
    if (!path.starts_with(folder)) continue;
    int number = -1;
    const char* const end = path.data() + path.size();
    const std::from_chars_result result = std::from_chars(path.data() + folder.size(), end, number);
    if (result.ec == std::errc() && result.ptr == end && number >= 0) return number;
  }
  return -1;
}

Result<std::vector<std::uint8_t>> read_descriptor(int descriptor, const std::string& shown, std::size_t bytes_max) {
  std::vector<std::uint8_t> bytes;
  for (;;) {
    const std::size_t filled = bytes.size();
    bytes.resize(filled + kPieceBytes);
    const ssize_t count = ::read(descriptor, bytes.data() + filled, kPieceBytes);
    const int reason = errno;
    bytes.resize(filled + static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
    if (count < 0 && reason == EINTR) continue;
    if (count < 0) return cannot_read(shown, reason);
    if (count == 0) return bytes;
    if (bytes.size() > bytes_max) {
      return Error{ErrorCode::limit_exceeded, "cannot read " + shown + ": it holds more than the limit of " +
                                                  std::to_string(bytes_max) + " bytes"};
    }
  }
}

Result<std::vector<std::uint8_t>> read_standard_input(std::size_t bytes_max) {
  static std::atomic<bool> is_read{false};
  if (is_read.exchange(true)) {
    return Error{ErrorCode::invalid_argument, "cannot read standard input twice: it is one image"};
  }
  return read_descriptor(STDIN_FILENO, "standard input", bytes_max);
}

}  // namespace

bool is_standard_input(const std::string& path) { return descriptor_of(path) == STDIN_FILENO; }

bool is_address(const std::string& path) {
  const std::size_t colon = path.find("://");
  if (colon == std::string::npos || colon < 2) return false;
  const auto is_scheme = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' || c == '-' ||
           c == '.';
  };
  if (!std::all_of(path.begin(), path.begin() + static_cast<std::ptrdiff_t>(colon), is_scheme)) return false;
  struct stat status {};
  return ::stat(path.c_str(), &status) != 0;
}

Error address_error(const std::string& address) {
  const std::string shown = replace_invalid_utf8(address);
  if (address.starts_with("file://")) {
    return {ErrorCode::not_found, "cannot read " + shown + ": leave out file:// and name the file"};
  }
  return {ErrorCode::not_found, "cannot read " + shown +
                                    ": mien fetches nothing from a network; fetch it first and name the file, or pipe "
                                    "it in, as in: curl -L ADDRESS | mien faces -"};
}

Result<std::vector<std::uint8_t>> read_named_file(const std::string& path, std::size_t bytes_max) {
  const int descriptor = descriptor_of(path);
  if (descriptor == STDIN_FILENO) return read_standard_input(bytes_max);
  struct stat status {};
  const bool is_pipe = descriptor >= 0 && ::fstat(descriptor, &status) == 0 && !S_ISREG(status.st_mode);
  if (is_pipe && !S_ISDIR(status.st_mode)) return read_descriptor(descriptor, replace_invalid_utf8(path), bytes_max);
  if (is_address(path)) return address_error(path);
  return read_file(path, bytes_max);
}

}  // namespace mien
