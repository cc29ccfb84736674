// The sources of a scan. A source is a stream of items, read one at a time so that a tree of any size needs
// little memory. Files, folders and lists exist; archives and websites will be further sources.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/descriptor.h"
#include "base/glob.h"
#include "mien/result.h"

namespace mien {

// The facts by which an item is known to be unchanged; resuming compares them. An item that has neither size nor time,
// as a page's image, would have its ETag or a hash beside them.
struct ItemState {
  std::int64_t size_bytes = -1;  // -1: it cannot be read now
  std::int64_t mtime_ns = 0;
  bool is_gone = false;
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

  ItemState state() const { return reader->state(name); }
  Result<std::vector<std::uint8_t>> read(std::size_t bytes_max) const { return reader->read(name, bytes_max); }
};

// The item of this name, by the table of kinds in source.cpp: as a source found it, or would find it again.
Item open_item(std::string name);

class Source {
 public:
  virtual ~Source() = default;
  // Empty: the end, or the token asked to stop.
  virtual std::optional<Item> next(const std::stop_token& stop) = 0;
};

// A folder is known by its device and inode, whatever name led to it.
using FolderId = std::pair<std::uint64_t, std::uint64_t>;
std::optional<FolderId> folder_id(const std::string& path);  // empty: not there or no folder

struct FolderOptions {
  std::string path;
  GlobList excludes;
  std::set<FolderId> skip;  // never entered, such as the folder that this scan writes crops to
};
// Every image below the folder, sorted bytewise by name within each folder.
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
  std::vector<std::string> excludes = {};
  std::set<FolderId> skip_folders = {};
};
// Paths in order, then the list. Throws Exception: not_found when the list or every path is absent.
std::unique_ptr<Source> open_sources(const SourceOptions& options);

// Whether a file of this name in a folder is an image that mien knows or may come to know.
bool has_image_extension(std::string_view name);
// "jpg, jpeg, png, ...": for messages.
std::string image_extensions_text();
// Names that no photographer chose: hidden ones, thumbnails and bins of storage systems.
bool is_skipped_name(std::string_view name);

}  // namespace mien
