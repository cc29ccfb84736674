// The file of records: one JSON object a line, appended with one write each, so that a scan that is
// killed leaves whole lines and at most one torn one behind them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/descriptor.h"

namespace mien {

// Where a line lies in the file of records.
struct LinePlace {
  std::int64_t offset = 0;
  std::uint32_t length = 0;  // without the newline
};

class RecordFile {
 public:
  struct Options {
    std::string path;     // empty: an unlinked file in TMPDIR that nobody else sees
    bool resume = false;  // go on behind what is there
    bool force = false;   // replace what is there, by the first record
  };
  // Mode 0600 whoever made the file, and locked against a second scan. A device or a pipe keeps its mode: who names one
  // has chosen who reads it. Throws Exception: invalid_argument when records
  // are there and neither resume nor force was asked for, another scan holds the file, or it is another user's, who
  // could read what is written to it; io.
  explicit RecordFile(const Options& options);

  // Writes the line and its newline. On a full disk nothing of the line remains, and it throws
  // Exception(io) with the name of the file.
  LinePlace append(std::string_view line);
  std::string read(LinePlace place) const;
  // The line that begins there, without its newline.
  std::string read_line(std::int64_t offset) const;

  // Every line from the start, without its newline. A line after the last newline is torn: it is
  // not visited. Visiting stops at false.
  using LineVisitor = std::function<bool(std::string_view line, LinePlace place)>;
  void visit_lines(const LineVisitor& visit) const;
  // Cuts off what follows the line, or everything when its length is 0 at offset 0.
  void truncate(std::int64_t bytes);
  std::int64_t size_bytes() const { return size_bytes_; }

  // Deletes lines: what is kept is written beside the file and takes its name only when complete.
  class Rewrite;

  // A name that this process can open to read everything from the start.
  std::string readable_path() const;
  // For messages.
  const std::string& shown_path() const { return shown_path_; }
  // Removes the file if this scan created it and nothing was written.
  void remove_if_unused();
  // Whether --resume can go on with what is there: a file with records in it.
  bool can_be_resumed() const { return !path_.empty() && size_bytes_ > 0 && !is_replaced_; }
  // Empty, or why others may read the file although it has its owner (some file systems have no modes).
  const std::string& mode_problem() const { return mode_problem_; }
  // Empty, or why the file could not be locked (some network file systems have no locks).
  const std::string& lock_problem() const { return lock_problem_; }

 private:
  friend class Rewrite;
  void open_spool();
  void open_regular(const Options& options);
  bool lock_current();
  void make_private();
  void drop_what_was_there();

  std::string path_;  // links resolved; empty for a spool
  std::string shown_path_;
  std::string lock_problem_;
  std::string mode_problem_;
  Descriptor file_;    // always a regular file, which duplicates and the report read again
  Descriptor stream_;  // a device or pipe named as output, which cannot be read again
  std::int64_t size_bytes_ = 0;
  bool is_created_ = false;
  bool is_replaced_ = false;  // what is there goes when the first record comes
};

class RecordFile::Rewrite {
 public:
  // Begins with the first bytes_kept bytes of the file.
  Rewrite(RecordFile& file, std::int64_t bytes_kept);
  ~Rewrite();
  Rewrite(const Rewrite&) = delete;
  Rewrite& operator=(const Rewrite&) = delete;

  LinePlace append(std::string_view line);
  void commit();  // from here on the file holds what was kept, and nothing else

 private:
  void flush();

  RecordFile& target_;
  std::string path_;  // beside the file; empty after commit
  Descriptor file_;
  std::string buffer_;
  std::int64_t size_bytes_ = 0;  // buffer included
};

}  // namespace mien
