// The files beside a photo that hold XMP about it: photo.jpg.xmp (digiKam, darktable) and photo.xmp (Lightroom).
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "mien/result.h"

namespace mien {

inline constexpr std::size_t kSidecarBytesMax = std::size_t{64} << 20;

// All that are there, whichever photo of that name they belong to.
std::vector<std::string> sidecars_of(const std::string& photo);

// The images of one folder, by their names.
class FolderImages {
 public:
  // `cleans`: what a program left that was killed while it wrote a sidecar is removed.
  FolderImages(std::string folder, bool cleans);
  const std::string& folder() const { return folder_; }
  // Whether photo.xmp is that of this image: it is the only one called photo, or the only raw one of them.
  bool owns_short_name(const std::string& name) const;

 private:
  std::string folder_;
  std::set<std::string> names_;                              // in lower case
  std::map<std::string, std::vector<std::string>> by_stem_;  // likewise
};

struct SidecarPlaces {
  std::string target;               // where names are to be written; it need not be there
  std::vector<std::string> own;     // those that are there, of this photo alone; the target is among them or not there
  std::vector<std::string> shared;  // those that are there and may be another photo's
};
SidecarPlaces find_sidecars(const std::string& photo, const FolderImages& folder);

// Whether anything has this name, be it a link to nothing.
bool is_taken(const std::string& path);

struct ReadSidecar {
  std::string text;
  struct stat status {};
};
// Errors as read_file of mien/file.h.
Result<ReadSidecar> read_sidecar(const std::string& path);

// Puts the text in the place of what was read, or of nothing where there was nothing; a link is followed. The file
// appears with all of its text or stays as it was, with its mode and owner as far as that is allowed; a new one has the
// photo's. Error: io (it cannot be written, or it is another one now).
Result<Done> write_sidecar(const std::string& path, const std::optional<ReadSidecar>& before, const std::string& text,
                           const std::string& photo);

}  // namespace mien
