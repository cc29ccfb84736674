// A file that is written piece by piece; mien/file.h has those that are read or written at once.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/descriptor.h"
#include "mien/file.h"

namespace mien {

// Closed, with errno, when it cannot be opened; then the error is that of cannot_read.
Descriptor open_to_read(const std::string& path);
Error cannot_read(const std::string& path, int reason);
// What to do instead of naming an address (is_address).
Error address_error(const std::string& address);

// A file that need not be there, and so never ends a command. Empty where it is absent, and where it is there and
// cannot be read: then `warning` says so and ends with `consequence` ("no setting is taken from it").
struct OptionalFile {
  std::vector<std::uint8_t> bytes;
  bool is_read = false;
  std::string warning;
};
OptionalFile read_optional_file(const std::string& path, std::size_t bytes_max, std::string_view consequence);

// A file that appears under its name only when it is complete: it is written beside its
// destination, with mode 0600 because our files hold faces, and renamed by commit(). Without
// commit() nothing remains. An existing file is replaced; where the path is a link, the file it
// points to is. Every failure is an Exception(io).
class PrivateFile {
 public:
  explicit PrivateFile(const std::string& path);
  ~PrivateFile();
  PrivateFile(const PrivateFile&) = delete;
  PrivateFile& operator=(const PrivateFile&) = delete;

  void write(std::string_view text);
  void commit();
  std::uint64_t size_bytes() const { return size_bytes_; }  // written so far

 private:
  void flush();

  std::string path_;        // links resolved
  std::string path_shown_;  // as the caller wrote it, for messages
  std::string path_partial_;
  std::string buffer_;
  std::uint64_t size_bytes_ = 0;
  Descriptor file_;
};

}  // namespace mien
