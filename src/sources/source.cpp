#include "sources/source.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <iterator>
#include <system_error>

#include "base/text.h"
#include "base/utf8.h"
#include "mien/file.h"

namespace mien {
namespace {

// Formats that cannot be decoded here are listed too: their records then say so, and nobody
// believes that all photos were seen.
constexpr std::array kImageExtensions = std::to_array<std::string_view>(
    {"jpg", "jpeg", "jpe", "jfif", "png", "webp", "gif", "bmp", "tif", "tiff", "heic", "heif", "avif", "jxl", "jp2",
     "dng", "cr2",  "cr3", "crw",  "nef", "nrw",  "arw", "srf", "sr2", "orf",  "rw2",  "raf",  "pef",  "ptx", "srw",
     "raw", "rwl",  "3fr", "fff",  "iiq", "mos",  "mrw", "kdc", "dcr", "erf",  "mef",  "x3f",  "gpr"});

constexpr std::array kSkippedNames = std::to_array<std::string_view>(
    {"@eaDir", "#recycle", "#snapshot", "@Recycle", "@Recently-Snapshot", "$RECYCLE.BIN", "System Volume Information",
     "lost+found", "__MACOSX", "Thumbs.db"});

class FileReader : public ItemReader {
 public:
  ItemState state(const std::string& name) const override {
    constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;
    struct stat status {};
    if (::stat(name.c_str(), &status) != 0) return {.is_gone = errno == ENOENT || errno == ENOTDIR};
    return {.size_bytes = status.st_size,
            .mtime_ns = std::int64_t{status.st_mtim.tv_sec} * kNanosecondsPerSecond + status.st_mtim.tv_nsec};
  }
  Result<std::vector<std::uint8_t>> read(const std::string& name, std::size_t bytes_max) const override {
    return read_file(name, bytes_max);
  }
};

// The first row that takes a name has its reader. Members of archives and images of pages become a row each, before the
// files, which take every name.
struct ItemKind {
  bool (*takes)(std::string_view name);
  std::shared_ptr<const ItemReader> (*reader)();
};
constexpr ItemKind kItemKinds[] = {
    {[](std::string_view) { return true; },
     []() -> std::shared_ptr<const ItemReader> { return std::make_shared<FileReader>(); }},
};

enum class PathKind { folder, other, absent };

PathKind kind_of(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    return errno == ENOENT || errno == ENOTDIR ? PathKind::absent : PathKind::other;
  }
  return S_ISDIR(status.st_mode) ? PathKind::folder : PathKind::other;
}

// The sources one after the other. Whatever is named here is tried: only folders choose.
class SourceSequence : public Source {
 public:
  explicit SourceSequence(const SourceOptions& options)
      : paths_(options.paths), excludes_(options.excludes), skip_folders_(options.skip_folders) {
    if (options.list) list_ = std::make_unique<PathList>(*options.list);
  }

  std::optional<Item> next(const std::stop_token& stop) override {
    while (!stop.stop_requested()) {
      if (folder_) {
        if (std::optional<Item> item = folder_->next(stop)) return item;
        folder_.reset();
        continue;
      }
      std::optional<std::string> path = next_path(stop);
      if (!path) return std::nullopt;
      if (path->find('\0') != std::string::npos) {
        return Item{std::move(*path), Error{ErrorCode::invalid_argument,
                                            "a path cannot hold a NUL byte: is the list separated by NUL (-0)?"}};
      }
      // A file that is absent or no file becomes a record when it is opened.
      if (kind_of(*path) != PathKind::folder) return open_item(std::move(*path));
      folder_ = open_folder({std::move(*path), excludes_, skip_folders_});
    }
    return std::nullopt;
  }

 private:
  std::optional<std::string> next_path(const std::stop_token& stop) {
    if (path_next_ < paths_.size()) return paths_[path_next_++];
    if (!list_) return std::nullopt;
    return list_->next(stop);
  }

  std::vector<std::string> paths_;
  std::size_t path_next_ = 0;
  std::unique_ptr<PathList> list_;
  std::unique_ptr<Source> folder_;  // being read
  GlobList excludes_;
  std::set<FolderId> skip_folders_;
};

}  // namespace

Item open_item(std::string name) {
  const auto* const kind =
      std::find_if(std::begin(kItemKinds), std::end(kItemKinds), [&](const ItemKind& row) { return row.takes(name); });
  return {.name = std::move(name), .reader = kind->reader()};
}

std::optional<FolderId> folder_id(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) return std::nullopt;
  return FolderId(status.st_dev, status.st_ino);
}

std::unique_ptr<Source> open_sources(const SourceOptions& options) {
  if (options.paths.empty() && !options.list) {
    throw Exception(ErrorCode::invalid_argument, "nothing to scan: name files or folders, or a list of them");
  }
  const bool is_all_absent =
      !options.list && std::all_of(options.paths.begin(), options.paths.end(),
                                   [](const std::string& path) { return kind_of(path) == PathKind::absent; });
  if (is_all_absent) {
    const std::string first = replace_invalid_utf8(options.paths.front());
    throw Exception(ErrorCode::not_found, options.paths.size() == 1
                                              ? "no such file or folder: " + first
                                              : "none of the " + std::to_string(options.paths.size()) +
                                                    " sources exists; the first is " + first);
  }
  return std::make_unique<SourceSequence>(options);
}

bool has_image_extension(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return false;
  const std::string extension = lower(name.substr(dot + 1));
  return std::find(kImageExtensions.begin(), kImageExtensions.end(), extension) != kImageExtensions.end();
}

std::string image_extensions_text() {
  std::string text;
  for (const std::string_view extension : kImageExtensions) {
    if (!text.empty()) text += ", ";
    text += extension;
  }
  return text;
}

bool is_skipped_name(std::string_view name) {
  if (name.empty() || name.front() == '.') return true;
  return std::find(kSkippedNames.begin(), kSkippedNames.end(), name) != kSkippedNames.end();
}

}  // namespace mien
