// Folders, depth first. Memory holds the names of the folder being read and of those above it, as far as they are
// wanted, and the identities of the folders entered. Whatever is not handed out and not entered is counted.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <memory>
#include <system_error>
#include <thread>

#include "base/utf8.h"
#include "sources/source.h"

namespace mien {
namespace {

// So many threads look into files, each at so many at least: where storage is slow, waiting is shared by many.
constexpr std::size_t kLookersMax = 8;
constexpr std::size_t kLooksPerThread = 128;
constexpr std::size_t kSlowLooksPerThread = 4;
constexpr std::size_t kLooksOnTrial = 8;
constexpr std::chrono::microseconds kSlowLook{500};

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

enum class EntryKind { file, folder, special, ask };  // ask: a link, or a file system that does not tell

struct Entry {
  std::string name;
  EntryKind kind = EntryKind::ask;
  bool is_unsure = false;                 // of a file: its name says nothing
  const FileKind* left_out_as = nullptr;  // what its first bytes say
};

EntryKind entry_kind(const dirent& entry) {
  if (entry.d_type == DT_DIR) return EntryKind::folder;
  if (entry.d_type == DT_REG) return EntryKind::file;
  return entry.d_type == DT_LNK || entry.d_type == DT_UNKNOWN ? EntryKind::ask : EntryKind::special;
}

EntryKind entry_kind(const struct stat& status) {
  if (S_ISDIR(status.st_mode)) return EntryKind::folder;
  return S_ISREG(status.st_mode) ? EntryKind::file : EntryKind::special;
}

Error cannot_list(const std::string& path, int reason) {
  return {ErrorCode::io,
          "cannot list the folder " + replace_invalid_utf8(path) + ": " + std::generic_category().message(reason)};
}

// Null: an image. A name below `folder`, or from the working folder where that is AT_FDCWD.
const FileKind* look_into(int folder, const std::string& name) {
  const Descriptor file(::openat(folder, name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file) return &file_kind("files that may not be read");
  std::array<std::uint8_t, kBeginningBytes> bytes;
  const ssize_t count = ::read(file.get(), bytes.data(), bytes.size());
  if (count < 0) return &file_kind("files that may not be read");
  return judge_beginning(std::span(bytes).first(static_cast<std::size_t>(count)));
}

void look_into_all(int folder, const std::vector<Entry*>& entries) {
  std::atomic<std::size_t> next{0};
  const auto look_up_to = [&](std::size_t end) {
    for (std::size_t i = next++; i < end; i = next++) entries[i]->left_out_as = look_into(folder, entries[i]->name);
  };
  const auto begin = std::chrono::steady_clock::now();
  const std::size_t on_trial = std::min(entries.size(), kLooksOnTrial);
  look_up_to(on_trial);
  next = on_trial;
  const bool is_slow = std::chrono::steady_clock::now() - begin > kSlowLook * kLooksOnTrial;
  const std::size_t each = is_slow ? kSlowLooksPerThread : kLooksPerThread;
  std::vector<std::jthread> others;
  try {
    const std::size_t threads = std::min(entries.size() / each, kLookersMax);
    while (others.size() + 1 < threads) others.emplace_back(look_up_to, entries.size());
  } catch (const std::system_error&) {  // too many threads in this system: those that there are do it
  }
  look_up_to(entries.size());
}

class FolderSource : public Source {
 public:
  explicit FolderSource(FolderOptions options) : options_(std::move(options)) {
    std::string prefix = options_.path;
    if (prefix.empty() || prefix.back() != '/') prefix += '/';
    root_size_ = prefix.size();
    if (const std::optional<FolderId> id = folder_id(options_.path); id && options_.skip.contains(*id)) {
      failed_ =
          Item{options_.path, Error{ErrorCode::invalid_argument, "the folder " + replace_invalid_utf8(options_.path) +
                                                                     " is not read: this scan writes crops to it"}};
      return;
    }
    enter(options_.path, std::move(prefix), canonical_path(options_.path), false);
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
      if (std::optional<Item> item = visit(level, level.entries[level.next++])) return item;
    }
    return std::nullopt;
  }

 private:
  struct Level {
    std::string prefix;    // path with a slash behind it
    std::string identity;  // likewise, of Identities
    FolderId id;
    bool is_below_link = false;
    bool is_counted = false;  // an earlier source has led here, and counted what it left out
    std::vector<Entry> entries = {};
    std::size_t next = 0;
  };

  void leave_out(const Level& level, const FileKind& kind) {
    if (!level.is_counted) options_.findings->left_out.add(kind);
  }

  // An item, or nothing when the entry is a folder (entered) or left out.
  std::optional<Item> visit(const Level& level, Entry& entry) {
    std::string path = level.prefix + entry.name;
    std::string identity = level.identity + entry.name;
    bool is_link = false;
    if (entry.kind == EntryKind::ask) {
      struct stat status {};
      is_link = ::lstat(path.c_str(), &status) == 0 && S_ISLNK(status.st_mode);
      const bool is_there = ::stat(path.c_str(), &status) == 0;
      // A link that leads nowhere counts as a file: opening it says what is wrong.
      entry.kind = is_there ? entry_kind(status) : EntryKind::file;
      if (is_link) identity = canonical_path(path);
      if (!is_there && !has_image_extension(entry.name)) {
        leave_out(level, file_kind("broken links"));
        return std::nullopt;
      }
      if (!is_wanted_by_kind(level, entry)) return std::nullopt;
      if (entry.is_unsure && !is_known(identity)) entry.left_out_as = look_into(AT_FDCWD, path);
      if (entry.left_out_as) {
        leave_out(level, *entry.left_out_as);
        return std::nullopt;
      }
    }
    if (entry.kind == EntryKind::folder) {
      std::string prefix = path + '/';
      enter(path, std::move(prefix), std::move(identity), level.is_below_link || is_link);
      return std::nullopt;
    }
    Item item = open_item(std::move(path));
    item.identity = std::move(identity);
    return item;
  }

  // Links may lead back up or, many times over, to the same folder. A real folder is entered when
  // its own path leads to it; through links a folder is entered once, and only if it was not yet.
  bool may_enter(const FolderId& id, bool is_below_link) const {
    if (options_.skip.contains(id)) return false;
    if (is_below_link && entered_.contains(id)) return false;
    return std::none_of(levels_.begin(), levels_.end(), [&](const Level& level) { return level.id == id; });
  }

  void enter(const std::string& path, std::string prefix, std::string identity, bool is_below_link) {
    const std::unique_ptr<DIR, CloseFolder> folder(::opendir(path.c_str()));
    struct stat status {};
    if (!folder || ::fstat(::dirfd(folder.get()), &status) != 0) {
      failed_ = Item{path, cannot_list(path, errno)};
      return;
    }
    const FolderId id(status.st_dev, status.st_ino);
    if (!may_enter(id, is_below_link)) return;
    entered_.insert(id);
    if (!identity.ends_with('/')) identity += '/';
    const bool is_counted = !options_.findings->folders.insert(std::hash<std::string>()(identity)).second;
    Level level{std::move(prefix), std::move(identity), id, is_below_link, is_counted};
    for (;;) {
      errno = 0;
      const dirent* found = ::readdir(folder.get());
      if (!found) break;
      Entry entry{found->d_name, entry_kind(*found)};
      if (is_wanted(level, entry)) level.entries.push_back(std::move(entry));
    }
    if (errno != 0) failed_ = Item{path, cannot_list(path, errno)};
    drop_what_is_no_image(::dirfd(folder.get()), level);
    std::sort(level.entries.begin(), level.entries.end(),
              [](const Entry& a, const Entry& b) { return a.name < b.name; });
    levels_.push_back(std::move(level));
  }

  // False: it was counted.
  bool is_wanted(const Level& level, Entry& entry) {
    if (entry.name == "." || entry.name == "..") return false;
    if (!options_.excludes.empty() && options_.excludes.matches(level.prefix.substr(root_size_) + entry.name)) {
      leave_out(level, file_kind("excluded files and folders"));
      return false;
    }
    if (const FileKind* const kind = skipped_name(entry.name, entry.kind == EntryKind::folder)) {
      leave_out(level, *kind);
      return false;
    }
    return is_wanted_by_kind(level, entry);
  }

  // Likewise, of an entry whose name alone does not keep it out.
  bool is_wanted_by_kind(const Level& level, Entry& entry) {
    if (entry.kind == EntryKind::ask) return true;
    if (entry.kind == EntryKind::folder) {
      const LibraryFolder* const made = options_.no_skip ? nullptr : find_library_folder(level.identity, entry.name);
      if (made) leave_out(level, made->kind);
      return !made;
    }
    const NameVerdict verdict = judge_name(entry.name);
    entry.is_unsure = verdict.says == NameSays::nothing;
    // A pipe that is called an image is opened all the same, with a record that says what it is.
    if (entry.is_unsure && entry.kind == EntryKind::special) {
      leave_out(level, file_kind("pipes and devices"));
      return false;
    }
    if (verdict.kind) leave_out(level, *verdict.kind);
    return !verdict.kind;
  }

  bool is_known(const std::string& identity) const { return options_.is_known && options_.is_known(identity); }

  // Looks into the files whose names say nothing, as long as the folder is open and those whose records are not there.
  void drop_what_is_no_image(int folder, Level& level) {
    std::vector<Entry*> unsure;
    for (Entry& entry : level.entries) {
      if (entry.is_unsure && !is_known(level.identity + entry.name)) unsure.push_back(&entry);
    }
    if (unsure.empty()) return;
    look_into_all(folder, unsure);
    std::erase_if(level.entries, [&](const Entry& entry) {
      if (entry.left_out_as) leave_out(level, *entry.left_out_as);
      return entry.left_out_as != nullptr;
    });
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
