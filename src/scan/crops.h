// One JPEG a face, written during a scan.
#pragma once

#include <string>

#include "mien/engine.h"
#include "mien/image.h"
#include "mien/scan.h"

namespace mien {

class CropFolder {
 public:
  // Creates the folder, with mode 0700, when it is not there. Throws Exception(io). Photos are
  // decoded again as they were.
  explicit CropFolder(std::string path, InputOptions input = {});

  // Box grown by 20 %, mode 0600. A name is made of the photo's name, its content and the index of the face in the
  // record, so that equal runs give equal names and no photo overwrites another's faces. An error when the bytes
  // cannot be decoded (again); throws Exception(io) when a file cannot be written.
  Result<Done> write(const Record& record, Bytes encoded) const;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
  InputOptions input_;  // how images are decoded
};

// "IMG_1_0123456789ab_0.jpg" for face 0 of "x/IMG 1.png" whose sha256 begins with those digits: letters, digits, dots,
// dashes and underscores only, and no hidden file.
std::string crop_name(const std::string& source, const std::string& sha256, std::size_t face);

}  // namespace mien
