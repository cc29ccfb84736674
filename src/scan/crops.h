// One JPEG a face, written during a scan.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "mien/image.h"
#include "mien/scan.h"

namespace mien {

// The faces of one photo as JPEG files, in the order of the faces: each box grown by 20 %. Empty where nothing of a box
// lies inside the photo.
using Crops = std::vector<std::vector<std::uint8_t>>;
Crops cut_crops(ImageView upright, std::span<const Face> faces);

class CropFolder {
 public:
  // Creates the folder, with mode 0700, when it is not there. Throws Exception(io).
  explicit CropFolder(std::string path);

  // With mode 0600. A name is made of the photo's name, its content and the index of the face in the record, so that
  // equal runs give equal names and no photo overwrites another's faces. Throws Exception(io).
  void write(const Record& record, const Crops& crops) const;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// "IMG_1_0123456789ab_0.jpg" for face 0 of "x/IMG 1.png" whose sha256 begins with those digits: letters, digits, dots,
// dashes and underscores only, and no hidden file.
std::string crop_name(const std::string& source, const std::string& sha256, std::size_t face);

}  // namespace mien
