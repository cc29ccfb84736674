// A file that holds the input of a target whose entry point reads a path.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "target.h"

namespace mien::fuzz {

// In memory where the system has a folder for that; removed when the program ends.
class ScratchFile {
 public:
  ScratchFile() {
    struct stat status {};
    std::string pattern = ::stat("/dev/shm", &status) == 0 ? "/dev/shm/mien_fuzz_XXXXXX" : "/tmp/mien_fuzz_XXXXXX";
    require(::mkdtemp(pattern.data()) != nullptr, "a folder can be made");
    folder_ = pattern;
    path_ = folder_ + "/input";
  }
  ~ScratchFile() {
    ::unlink(path_.c_str());
    ::rmdir(folder_.c_str());
  }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;

  const std::string& put(Input input) {
    const int file = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    require(file >= 0, "the scratch file can be opened");
    require(::write(file, input.data(), input.size()) == static_cast<ssize_t>(input.size()), "and written");
    ::close(file);
    return path_;
  }

 private:
  std::string folder_;
  std::string path_;
};

}  // namespace mien::fuzz
