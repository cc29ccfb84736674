// Tells photos that somebody deleted from a disk that is not mounted: then all of a source is gone at once.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_set>
#include <vector>

namespace mien {

struct GoneSource {
  std::string folder;
  std::int64_t count = 0;  // of files below it that are gone
};

// Files are named by their identities (Identities of sources/source.h).
class GoneSources {
 public:
  // The files and folders that the scan was given.
  explicit GoneSources(const std::vector<std::string>& sources);

  void add_gone(const std::string& file);
  void add_there(const std::string& file);

  // A source below which files are gone and none is there. Files below none of the sources count for the nearest folder
  // above them that still exists: it is what an empty mount leaves.
  std::optional<GoneSource> find_source_all_gone() const;

 private:
  const std::string& nearest_folder(const std::string& folder);

  std::unordered_set<std::string> sources_;
  std::map<std::string, std::int64_t> gone_;    // by folder
  std::map<std::string, std::string> nearest_;  // of folders, the one above that exists
  std::set<std::string> folders_there_;         // that hold files which are there
  std::string folder_there_;                    // the last of them
};

}  // namespace mien
