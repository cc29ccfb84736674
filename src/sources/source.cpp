#include "sources/source.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <system_error>

#include "base/file.h"
#include "base/utf8.h"

namespace mien {
namespace {

constexpr std::size_t kFoldersRememberedMax = 10'000;
constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;

// Beyond the years 1678 and 2262 the nearest number that there is: file systems hold other times.
std::int64_t nanoseconds_of(const timespec& time) {
  constexpr std::int64_t kSecondsMax = INT64_MAX / kNanosecondsPerSecond - 1;
  if (time.tv_sec > kSecondsMax) return INT64_MAX;
  if (time.tv_sec < -kSecondsMax) return INT64_MIN;
  return std::int64_t{time.tv_sec} * kNanosecondsPerSecond + time.tv_nsec;
}

class FileReader : public ItemReader {
 public:
  ItemState state(const std::string& name) const override {
    struct stat status {};
    int failure = ::lstat(name.c_str(), &status);
    const bool is_link = failure == 0 && S_ISLNK(status.st_mode);
    if (is_link) failure = ::stat(name.c_str(), &status);
    if (failure != 0) return {.is_gone = errno == ENOENT || errno == ENOTDIR, .is_link = is_link};
    return {.size_bytes = status.st_size, .mtime_ns = nanoseconds_of(status.st_mtim), .is_link = is_link};
  }
  Result<std::vector<std::uint8_t>> read(const std::string& name, std::size_t bytes_max) const override {
    return read_named_file(name, bytes_max);
  }
};

// What came in an earlier run is gone.
class StandardInputReader : public ItemReader {
 public:
  ItemState state(const std::string&) const override { return {.is_gone = true}; }
  Result<std::vector<std::uint8_t>> read(const std::string& name, std::size_t bytes_max) const override {
    return read_named_file(name, bytes_max);
  }
};

// The first row that takes a name has its reader. Members of archives and images of pages become a row each, before the
// files, which take every name.
struct ItemKind {
  bool (*takes)(const std::string& name);
  std::shared_ptr<const ItemReader> (*reader)();
};
constexpr ItemKind kItemKinds[] = {
    {is_standard_input, []() -> std::shared_ptr<const ItemReader> { return std::make_shared<StandardInputReader>(); }},
    {[](const std::string&) { return true; },
     []() -> std::shared_ptr<const ItemReader> { return std::make_shared<FileReader>(); }},
};

enum class PathKind { folder, other, absent };

PathKind kind_of(const std::string& path) {
  if (is_standard_input(path)) return PathKind::other;
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    return errno == ENOENT || errno == ENOTDIR ? PathKind::absent : PathKind::other;
  }
  return S_ISDIR(status.st_mode) ? PathKind::folder : PathKind::other;
}

// The sources one after the other. Whatever is named here is tried: only folders choose.
class SourceSequence : public Source {
 public:
  explicit SourceSequence(const SourceOptions& options) : paths_(options.paths), folders_(options.folders) {
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
      if (kind_of(*path) != PathKind::folder) {
        Item item = open_item(std::move(*path));
        item.identity = identities_.of(item.name, item.state());
        return item;
      }
      FolderOptions options = folders_;
      options.path = std::move(*path);
      folder_ = open_folder(std::move(options));
    }
    return std::nullopt;
  }

 private:
  std::optional<std::string> next_path(const std::stop_token& stop) {
    if (path_next_ < paths_.size()) return paths_[path_next_++];
    if (!list_) return std::nullopt;
    std::optional<std::string> path = list_->next(stop);
    if (path) ++folders_.findings->paths_listed;
    return path;
  }

  std::vector<std::string> paths_;
  std::size_t path_next_ = 0;
  std::unique_ptr<PathList> list_;
  std::unique_ptr<Source> folder_;  // being read
  FolderOptions folders_;
  Identities identities_;
};

}  // namespace

Item open_item(std::string name) {
  const auto* const kind =
      std::find_if(std::begin(kItemKinds), std::end(kItemKinds), [&](const ItemKind& row) { return row.takes(name); });
  return {.name = std::move(name), .reader = kind->reader()};
}

std::string canonical_path(const std::string& path) {
  std::error_code failure;
  std::filesystem::path canonical = std::filesystem::absolute(path, failure);
  if (!failure) canonical = std::filesystem::weakly_canonical(canonical, failure);
  std::string text = failure ? path : canonical.string();
  while (text.size() > 1 && text.ends_with('/')) text.pop_back();
  return text;
}

std::string Identities::of(const std::string& name, const ItemState& state) {
  if (is_standard_input(name)) return name;
  const std::size_t slash = name.rfind('/');
  const std::string_view last = std::string_view(name).substr(slash == std::string::npos ? 0 : slash + 1);
  if (state.is_link || last.empty() || last == "." || last == "..") return canonical_path(name);
  const std::string folder = slash == std::string::npos ? "." : name.substr(0, slash + 1);
  const std::lock_guard lock(mutex_);
  if (folders_.size() > kFoldersRememberedMax) folders_.clear();
  const auto [place, is_new] = folders_.try_emplace(folder);
  std::string& canonical = place->second;
  if (is_new) {
    canonical = canonical_path(folder);
    if (!canonical.ends_with('/')) canonical += '/';
  }
  std::string identity;
  identity.reserve(canonical.size() + last.size());
  return identity.append(canonical).append(last);
}

std::string resolve_source(const std::string& source, const std::string& folder) {
  if (folder.empty() || source.starts_with('/')) return source;
  return folder + (folder.ends_with('/') ? "" : "/") + source;
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
    if (is_address(options.paths.front())) throw Exception(address_error(options.paths.front()));
    throw Exception(ErrorCode::not_found, options.paths.size() == 1
                                              ? "no such file or folder: " + first
                                              : "none of the " + std::to_string(options.paths.size()) +
                                                    " sources exists; the first is " + first);
  }
  return std::make_unique<SourceSequence>(options);
}

}  // namespace mien
