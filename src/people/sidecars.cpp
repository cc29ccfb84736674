#include "people/sidecars.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>

#include "base/descriptor.h"
#include "base/text.h"
#include "base/utf8.h"
#include "mien/file.h"
#include "sources/file_kinds.h"

namespace mien {
namespace {

// Hidden, and short: a name may be as long as the file system allows.
constexpr std::string_view kPartialPrefix = ".mien-xmp-";
constexpr std::string_view kPartialPattern = ".mien-xmp-XXXXXX";

std::string folder_of(const std::string& path) { return path.substr(0, path.rfind('/') + 1); }

std::string stem_of(const std::string& path) {
  const std::size_t dot = path.rfind('.');
  return dot == std::string::npos || path.find('/', dot) != std::string::npos ? path : path.substr(0, dot);
}

Error failure(const std::string& path, const std::string& what) {
  return {ErrorCode::io, fmt::format("cannot write {}: {}", replace_invalid_utf8(path), what)};
}

Error failure(const std::string& path, int reason) { return failure(path, std::generic_category().message(reason)); }

Error is_another(const std::string& path) {
  return failure(path, "another program has changed it meanwhile: run it again");
}

bool is_same_state(const struct stat& a, const struct stat& b) {
  const auto times = [](const struct stat& one) {
    return std::tuple(one.st_mtim.tv_sec, one.st_mtim.tv_nsec, one.st_ctim.tv_sec, one.st_ctim.tv_nsec);
  };
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size && times(a) == times(b);
}

// What a program that writes holds a lock on is not left behind.
void remove_left_behind(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (file && ::flock(file.get(), LOCK_EX | LOCK_NB) == 0) ::unlink(path.c_str());
}

// A file that takes a place once it is complete.
class PartialFile {
 public:
  explicit PartialFile(const std::string& folder) {
    struct stat status {};
    // Before it is locked it may be taken for one that was left behind, and be gone.
    do {
      path_ = folder + std::string(kPartialPattern);
      file_ = Descriptor(::mkostemp(path_.data(), O_CLOEXEC));
      if (file_) ::flock(file_.get(), LOCK_EX);
    } while (file_ && ::fstat(file_.get(), &status) == 0 && status.st_nlink == 0);
  }
  ~PartialFile() {
    if (file_) ::unlink(path_.c_str());
  }
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;

  explicit operator bool() const { return static_cast<bool>(file_); }

  // As far as it is allowed: a file of somebody else becomes one's own. What one group may do another one may not.
  void take_over(const struct stat& status, mode_t mode) {
    if (::fchown(file_.get(), status.st_uid, status.st_gid) != 0 &&
        ::fchown(file_.get(), static_cast<uid_t>(-1), status.st_gid) != 0) {
      mode &= ~static_cast<mode_t>(S_IRWXG);
    }
    ::fchmod(file_.get(), mode);
  }
  bool write(const std::string& text) {
    return write_all(file_.get(), text) == text.size() && ::fsync(file_.get()) == 0;
  }
  bool replace(const std::string& path) { return ::rename(path_.c_str(), path.c_str()) == 0; }
  // False with EEXIST where something is there already.
  bool appear(const std::string& path) {
    if (::link(path_.c_str(), path.c_str()) == 0) return true;
    if (errno == EEXIST) return false;
    // A file system without links, as that of a memory card.
    if (is_taken(path)) {
      errno = EEXIST;
      return false;
    }
    return replace(path);
  }

 private:
  std::string path_;
  Descriptor file_;
};

}  // namespace

std::vector<std::string> sidecars_of(const std::string& photo) {
  const std::string stem = stem_of(photo);
  std::vector<std::string> found;
  std::set<std::pair<dev_t, ino_t>> seen;  // where case means nothing two names are one file
  for (const std::string& name : {photo + ".xmp", photo + ".XMP", stem + ".xmp", stem + ".XMP"}) {
    struct stat status {};
    if (::stat(name.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    if (seen.emplace(status.st_dev, status.st_ino).second) found.push_back(name);
  }
  return found;
}

FolderImages::FolderImages(std::string folder, bool cleans) : folder_(std::move(folder)) {
  std::error_code failure;
  std::filesystem::directory_iterator entries(folder_, failure);
  for (; !failure && entries != std::filesystem::directory_iterator(); entries.increment(failure)) {
    const std::string name = entries->path().filename().string();
    if (cleans && name.size() == kPartialPattern.size() && name.starts_with(kPartialPrefix)) {
      remove_left_behind(folder_ + name);
    }
    if (!has_image_extension(name)) continue;
    names_.insert(lower(name));
    by_stem_[lower(stem_of(name))].push_back(lower(name));
  }
}

bool FolderImages::owns_short_name(const std::string& name) const {
  const std::string stem = lower(stem_of(name));
  // photo.jpg.xmp is that of photo.jpg, and not of photo.jpg.png.
  if (names_.contains(stem)) return false;
  const auto found = by_stem_.find(stem);
  if (found == by_stem_.end()) return true;
  const std::vector<std::string>& all = found->second;
  const auto raw = std::ranges::count_if(all, has_raw_extension);
  if (raw == 0) return all.size() == 1;
  return raw == 1 && has_raw_extension(name);
}

SidecarPlaces find_sidecars(const std::string& photo, const FolderImages& folder) {
  SidecarPlaces places;
  const bool owns = folder.owns_short_name(photo.substr(photo.rfind('/') + 1));
  for (const std::string& path : sidecars_of(photo)) {
    const bool is_long = path.size() == photo.size() + 4 && path.starts_with(photo);
    (is_long || owns ? places.own : places.shared).push_back(path);
  }
  places.target = places.own.empty() ? photo + ".xmp" : places.own.front();
  return places;
}

bool is_taken(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0;
}

Result<ReadSidecar> read_sidecar(const std::string& path) {
  ReadSidecar sidecar;
  struct stat after {};
  const bool was_there = ::stat(path.c_str(), &sidecar.status) == 0;
  const Result<std::vector<std::uint8_t>> bytes = read_file(path, kSidecarBytesMax);
  if (!bytes) return bytes.error();
  if (!was_there || ::stat(path.c_str(), &after) != 0 || !is_same_state(sidecar.status, after)) return is_another(path);
  sidecar.text.assign(bytes->begin(), bytes->end());
  return sidecar;
}

Result<Done> write_sidecar(const std::string& path, const std::optional<ReadSidecar>& before, const std::string& text,
                           const std::string& photo) {
  std::string real = path;
  if (before) {
    const std::unique_ptr<char, decltype(&::free)> target(::realpath(path.c_str(), nullptr), &::free);
    if (!target) return failure(path, errno);
    real = target.get();
  }
  PartialFile partial(folder_of(real));
  if (!partial) return failure(path, errno);
  struct stat status {};
  if (before) {
    partial.take_over(before->status, before->status.st_mode & 0777);
  } else if (::stat(photo.c_str(), &status) == 0) {
    partial.take_over(status, (status.st_mode & 0666) | 0600);
  }
  if (!partial.write(text)) return failure(path, errno);
  if (!before) {
    if (partial.appear(real)) return Done{};
    return errno == EEXIST ? is_another(path) : failure(path, errno);
  }
  if (::stat(real.c_str(), &status) != 0 || !is_same_state(before->status, status)) return is_another(path);
  if (!partial.replace(real)) return failure(path, errno);
  return Done{};
}

}  // namespace mien
