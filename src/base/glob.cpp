#include "base/glob.h"

#include <fnmatch.h>

#include <utility>

namespace mien {

GlobList::GlobList(std::vector<std::string> patterns) : patterns_(std::move(patterns)) {
  for (std::string& pattern : patterns_) {
    while (pattern.size() > 1 && pattern.back() == '/') pattern.pop_back();
  }
}

bool GlobList::matches(const std::string& path) const {
  const std::size_t slash = path.rfind('/');
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  for (const std::string& pattern : patterns_) {
    if (::fnmatch(pattern.c_str(), path.c_str(), 0) == 0) return true;
    if (::fnmatch(pattern.c_str(), name.c_str(), 0) == 0) return true;
  }
  return false;
}

}  // namespace mien
