// What a file is, by its name, and where the name does not tell by its first bytes. Folders choose by it, and what they
// leave out is counted by its kind.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mien/scan.h"

namespace mien {

// Files that a scan leaves out: a row of the table in file_kinds.cpp.
struct FileKind {
  std::string_view many;             // "videos": LeftOut::kind
  std::string_view one;              // "video"
  std::string_view endings = {};     // of names, in lower case, between blanks
  std::string_view looks_like = {};  // words between blanks, of which what Beginning::text says holds one
};

// The row of this name, which must be in the table.
const FileKind& file_kind(std::string_view many);

enum class NameSays { image, left_out, nothing };
struct NameVerdict {
  NameSays says = NameSays::nothing;
  const FileKind* kind = nullptr;  // of what is left out
};
NameVerdict judge_name(std::string_view name);

// So many of a file's first bytes decide where its name says nothing.
inline constexpr std::size_t kBeginningBytes = 512;
// Null: an image that mien reads.
const FileKind* judge_beginning(std::span<const std::uint8_t> beginning);

// Whether a file of this name in a folder is an image that mien knows or may come to know.
bool has_image_extension(std::string_view name);
// Whether it is an image with the values of a camera's sensor.
bool has_raw_extension(std::string_view name);
// "jpg, jpeg, png, ...": for messages.
std::string image_extensions_text();

// Counts what is left out, from any thread.
class LeftOutTally {
 public:
  void add(const FileKind& kind, std::int64_t count = 1);
  // The most frequent first.
  std::vector<LeftOut> counts() const;

 private:
  mutable std::mutex mutex_;  // guards what follows
  std::map<std::string_view, std::pair<const FileKind*, std::int64_t>> counts_;
};

// Folders in which libraries of photos keep what they made of the photos: copies, thumbnails, cut out faces. Each is
// known by its library's own marks and not by its name alone.
struct LibraryFolder {
  FileKind kind;           // "folders of immich", under which it is counted
  std::string_view names;  // of the folder, between blanks, of which one fits; "*" stands for any characters
  // Between blanks, of which one must hold: paths beside the folder that are there, joined by "+"; a "/" in front: the
  // name of the folder that holds both, "*" as above; empty: the name is the mark.
  std::string_view marks = {};
};
// The row that this folder is of, or null. `holder` is the folder that holds it: its canonical path, because its last
// name may be a mark, with a slash behind it.
const LibraryFolder* find_library_folder(const std::string& holder, std::string_view name);

// Names that no photographer chose: null, or the row under which a file or a folder of this name is counted.
const FileKind* skipped_name(std::string_view name, bool is_folder);

}  // namespace mien
