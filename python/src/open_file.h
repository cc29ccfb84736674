// SQLite and forks. SQLite remembers for each file which locks the process holds on it. In the child of a fork it would
// still believe in those of the parent, which the child has not: whoever opened the file there would write without
// locks.
#pragma once

#include <sys/types.h>

#include <string>

namespace mien::python {

// A file that SQLite has open while this lives. The interpreter lock guards all of them.
class OpenFile {
 public:
  // Throws Exception(invalid_argument) in the child of a fork where the file was open at the fork, under any name.
  explicit OpenFile(const std::string& path);
  // In the child it stays known.
  ~OpenFile();
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  // Looks again for a file that was not there yet.
  void look_again(const std::string& path);

  struct Row {
    dev_t device = 0;
    ino_t inode = 0;  // 0: the file is not there
    int opened_in = 0;
    bool operator==(const Row&) const = default;
  };

 private:
  Row row_;
};

// The exception for a store that was opened by the process that this one was forked from.
[[noreturn]] void refuse_inherited(const std::string& path);

}  // namespace mien::python
