// Folders, depth first. Memory holds the names of the folder being read and of those above
// it, and the identities of the folders entered.
#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <system_error>

#include "base/utf8.h"
#include "sources/source.h"

namespace mien {
namespace {

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

enum class EntryKind { file, folder, ask };  // ask: a link, or a file system that does not tell

struct Entry {
  std::string name;
  EntryKind kind = EntryKind::ask;
};

EntryKind entry_kind(const dirent& entry) {
  if (entry.d_type == DT_DIR) return EntryKind::folder;
  if (entry.d_type == DT_LNK || entry.d_type == DT_UNKNOWN) return EntryKind::ask;
  return EntryKind::file;  // pipes and devices too: opening refuses them, with a record that says so
}

Error cannot_list(const std::string& path, int reason) {
  return {ErrorCode::io,
          "cannot list the folder " + replace_invalid_utf8(path) + ": " + std::generic_category().message(reason)};
}

class FolderSource : public Source {
 public:
  explicit FolderSource(FolderOptions options) : options_(std::move(options)) {
    std::string prefix = options_.path;
    if (prefix.empty() || prefix.back() != '/') prefix += '/';
    root_size_ = prefix.size();
    enter(options_.path, std::move(prefix), false);
  }

  std::optional<Item> next(const std::stop_token& stop) override {
    while (!stop.stop_requested()) {
      // The failure comes before anything below the folder: a folder that was read only in part must not look complete.
      if (failed_) return std::exchange(failed_, std::nullopt);
      if (levels_.empty()) return std::nullopt;
      Level& level = levels_.back();
      if (level.next == level.entries.size()) {
        levels_.pop_back();
        continue;
      }
      const Entry& entry = level.entries[level.next++];
      if (std::optional<Item> item = visit(level.prefix + entry.name, entry, level.is_below_link)) {
        return item;
      }
    }
    return std::nullopt;
  }

 private:
  struct Level {
    std::string prefix;  // path with a slash behind it
    FolderId id;
    bool is_below_link = false;
    std::vector<Entry> entries;
    std::size_t next = 0;
  };

  // An item, or nothing when the entry is a folder (entered) or no image.
  std::optional<Item> visit(std::string path, const Entry& entry, bool is_below_link) {
    EntryKind kind = entry.kind;
    bool is_link = false;
    if (kind == EntryKind::ask) {
      struct stat status {};
      is_link = ::lstat(path.c_str(), &status) == 0 && S_ISLNK(status.st_mode);
      // A link that leads nowhere counts as a file: opening it says what is wrong.
      const bool is_folder = ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
      kind = is_folder ? EntryKind::folder : EntryKind::file;
    }
    if (kind == EntryKind::folder) {
      std::string prefix = path + '/';
      enter(path, std::move(prefix), is_below_link || is_link);
      return std::nullopt;
    }
    if (!has_image_extension(entry.name)) return std::nullopt;
    return open_item(std::move(path));
  }

  // Links may lead back up or, many times over, to the same folder. A real folder is entered when
  // its own path leads to it; through links a folder is entered once, and only if it was not yet.
  bool may_enter(const FolderId& id, bool is_below_link) const {
    if (options_.skip.contains(id)) return false;
    if (is_below_link && entered_.contains(id)) return false;
    return std::none_of(levels_.begin(), levels_.end(), [&](const Level& level) { return level.id == id; });
  }

  void enter(const std::string& path, std::string prefix, bool is_below_link) {
    const std::unique_ptr<DIR, CloseFolder> folder(::opendir(path.c_str()));
    struct stat status {};
    if (!folder || ::fstat(::dirfd(folder.get()), &status) != 0) {
      failed_ = Item{path, cannot_list(path, errno)};
      return;
    }
    const FolderId id(status.st_dev, status.st_ino);
    if (!may_enter(id, is_below_link)) return;
    entered_.insert(id);
    Level level{std::move(prefix), id, is_below_link, {}, 0};
    for (;;) {
      errno = 0;
      const dirent* entry = ::readdir(folder.get());
      if (!entry) break;
      if (!is_wanted(level.prefix, *entry)) continue;
      level.entries.push_back({entry->d_name, entry_kind(*entry)});
    }
    if (errno != 0) failed_ = Item{path, cannot_list(path, errno)};
    std::sort(level.entries.begin(), level.entries.end(),
              [](const Entry& a, const Entry& b) { return a.name < b.name; });
    levels_.push_back(std::move(level));
  }

  bool is_wanted(const std::string& prefix, const dirent& entry) const {
    const std::string name = entry.d_name;
    if (is_skipped_name(name)) return false;
    if (entry.d_type == DT_REG && !has_image_extension(name)) return false;
    return options_.excludes.empty() || !options_.excludes.matches(prefix.substr(root_size_) + name);
  }

  FolderOptions options_;
  std::size_t root_size_ = 0;  // bytes of the part that excludes do not see
  std::vector<Level> levels_;  // the folder being read, and those above it
  std::set<FolderId> entered_;
  std::optional<Item> failed_;  // to hand out before going on
};

}  // namespace

std::unique_ptr<Source> open_folder(FolderOptions options) {
  return std::make_unique<FolderSource>(std::move(options));
}

}  // namespace mien
