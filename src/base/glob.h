// Shell patterns (fnmatch of POSIX: *, ?, [abc]) that leave files and folders out.
#pragma once

#include <string>
#include <vector>

namespace mien {

// A pattern is compared with the path below a folder and with the last name of that path, so
// "*.png" and "thumbs" leave out what has such a name anywhere, and "2019/private" one place.
// A star crosses slashes: "old/*" leaves out everything below old. A slash at the end changes
// nothing.
class GlobList {
 public:
  GlobList() = default;
  explicit GlobList(std::vector<std::string> patterns);

  bool matches(const std::string& path) const;
  bool empty() const { return patterns_.empty(); }

 private:
  std::vector<std::string> patterns_;
};

}  // namespace mien
