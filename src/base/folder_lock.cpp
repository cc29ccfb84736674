#include "base/folder_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <system_error>
#include <thread>

#include "base/utf8.h"
#include "mien/result.h"

namespace mien {

namespace fs = std::filesystem;

FolderLock::FolderLock(const std::string& folder, const std::string& name, const std::function<void()>& wait) {
  std::error_code failure;
  fs::create_directories(folder, failure);
  const std::string path = (fs::path(folder) / name).string();
  file_ = Descriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file_) {
    throw Exception(ErrorCode::io, fmt::format("cannot write to {}: {}", replace_invalid_utf8(folder),
                                               std::generic_category().message(errno)));
  }
  while (::flock(file_.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) {
      throw Exception(ErrorCode::io, fmt::format("cannot lock {}: {}", replace_invalid_utf8(path),
                                                 std::generic_category().message(errno)));
    }
    if (wait) wait();
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

}  // namespace mien
