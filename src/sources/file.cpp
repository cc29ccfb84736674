// Files of this machine.
#include <sys/stat.h>

#include <cerrno>

#include "mien/file.h"
#include "sources/source.h"

namespace mien {
namespace {

constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;

class FileReader : public ItemReader {
 public:
  ItemState state(const std::string& name) const override {
    struct stat status {};
    if (::stat(name.c_str(), &status) != 0) return {.is_gone = errno == ENOENT || errno == ENOTDIR};
    return {.size_bytes = status.st_size,
            .mtime_ns = std::int64_t{status.st_mtim.tv_sec} * kNanosecondsPerSecond + status.st_mtim.tv_nsec};
  }
  Result<std::vector<std::uint8_t>> read(const std::string& name, std::size_t bytes_max) const override {
    return read_file(name, bytes_max);
  }
};

}  // namespace

std::shared_ptr<const ItemReader> file_reader() {
  static const auto reader = std::make_shared<const FileReader>();
  return reader;
}

}  // namespace mien
