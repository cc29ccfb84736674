// The sources of a scan. A source is a stream of items, read one at a time so that a tree of any size needs
// little memory. Files, folders and lists exist; archives and websites will be further sources.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/descriptor.h"
#include "base/glob.h"
#include "mien/result.h"
#include "sources/file_kinds.h"

namespace mien {

// The facts by which an item is known to be unchanged; resuming compares them. An item that has neither size nor time,
// as a page's image, would have its ETag or a hash beside them.
struct ItemState {
  std::int64_t size_bytes = -1;  // -1: it cannot be read now
  std::int64_t mtime_ns = 0;
  bool is_gone = false;
  bool is_link = false;  // the name is a link to what has this size and time
};

// Reads the items of one kind by their names, from many threads. The items share it, so that it outlives their Source:
// a thread that hangs in a read is left behind.
class ItemReader {
 public:
  virtual ~ItemReader() = default;
  virtual ItemState state(const std::string& name) const = 0;
  // The whole item of at most so many bytes. Errors as read_file of mien/file.h.
  virtual Result<std::vector<std::uint8_t>> read(const std::string& name, std::size_t bytes_max) const = 0;
};

struct Item {
  std::string name;                                    // raw bytes, as found: the `source` of its record
  std::optional<Error> error = {};                     // why there is nothing to open (a folder that cannot be listed)
  std::shared_ptr<const ItemReader> reader = nullptr;  // null with an error
  std::string identity = {};                           // of Identities; empty: its name

  ItemState state() const { return reader->state(name); }
  Result<std::vector<std::uint8_t>> read(std::size_t bytes_max) const { return reader->read(name, bytes_max); }
};

// The item of this name, by the table of kinds in source.cpp: as a source found it, or would find it again.
Item open_item(std::string name);

// One text for a file, however its path is spelled: absolute, links followed. A file that is not there is known by its
// folder's. Remembers folders. For many threads.
class Identities {
 public:
  // The state of the item of this name, asked just before.
  std::string of(const std::string& name, const ItemState& state);

 private:
  std::mutex mutex_;                                      // guards what follows
  std::unordered_map<std::string, std::string> folders_;  // as they are named; canonical, with a slash behind them
};
// Of a path that may be there or not: absolute, links followed as far as it exists, without a slash behind it.
std::string canonical_path(const std::string& path);
// Where the source of a record lies, with the folder that the record says a relative one begins at.
std::string resolve_source(const std::string& source, const std::string& folder);

class Source {
 public:
  virtual ~Source() = default;
  // Empty: the end, or the token asked to stop.
  virtual std::optional<Item> next(const std::stop_token& stop) = 0;
};

// A folder is known by its device and inode, whatever name led to it.
using FolderId = std::pair<std::uint64_t, std::uint64_t>;
std::optional<FolderId> folder_id(const std::string& path);  // empty: not there or no folder

// What sources learn while they are read, by a thread that may be left behind.
struct SourceFindings {
  LeftOutTally left_out;
  std::atomic<std::int64_t> paths_listed{0};  // by the list
  std::unordered_set<std::size_t> folders;    // hashes of their identities; for the thread that lists alone
};

struct FolderOptions {
  std::string path;
  GlobList excludes = {};
  std::set<FolderId> skip = {};  // never entered, such as the folder that this scan writes crops to
  bool no_skip = false;          // folders that libraries of photos made are entered too
  std::shared_ptr<SourceFindings> findings = std::make_shared<SourceFindings>();
  // Whether an item of this identity needs no look, because its record is there.
  std::function<bool(const std::string& identity)> is_known = {};
};
// Every image below the folder, sorted bytewise by name within each folder. A name that says nothing is judged by the
// file's first bytes.
std::unique_ptr<Source> open_folder(FolderOptions options);

// The paths of a list, as they are written there.
class PathList {
 public:
  struct Options {
    std::string path;  // "-": standard input
    bool is_nul_separated = false;
  };
  explicit PathList(Options options);  // throws Exception(not_found, io)

  // Empty: the end, or the token asked to stop. Throws Exception(io, limit_exceeded).
  std::optional<std::string> next(const std::stop_token& stop);

 private:
  bool fill(const std::stop_token& stop);

  Options options_;
  Descriptor file_;  // closed: standard input
  bool is_at_end_ = false;
  std::string buffer_;
  std::size_t begin_ = 0;    // of what is not yet handed out
  std::size_t scanned_ = 0;  // where the search for a separator goes on
  std::int64_t names_ = 0;
};

struct SourceOptions {
  std::vector<std::string> paths = {};
  std::optional<PathList::Options> list = {};
  FolderOptions folders = {};  // of every folder; its path is not used
};
// Paths in order, then the list. Throws Exception: not_found when the list or every path is absent.
std::unique_ptr<Source> open_sources(const SourceOptions& options);

}  // namespace mien
