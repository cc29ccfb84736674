// Photos from disk, and files made of them.
#pragma once

#include <filesystem>
#include <string>

#include "mien/settings.h"
#include "support/pictures.h"

namespace mien::test {

std::string deps_path(const std::string& name);  // of a file that ./dev fetched
ByteVector read_photo(const std::string& name);
// Decodes the photo and rotates it upright.
Image load_photo(const std::string& name);

// Settings of a user who has set nothing, with the models of ./dev and of nobody's home.
Settings plain_settings();

// Pixels as a camera with EXIF orientation 1..8 stores an upright picture.
Image turn_as_stored(ImageView upright, int orientation);
// A file with that orientation in its EXIF block: JPEG bytes get an APP1 segment, PNG bytes an eXIf chunk.
ByteVector add_exif_to_jpeg(const ByteVector& jpeg, int orientation);
ByteVector encode_png_with_exif(ImageView pixels, int orientation);

// A folder that is gone when the test ends.
class ScratchFolder {
 public:
  ScratchFolder();
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  std::string path() const { return path_.string(); }
  // Writes the file and says where it is.
  std::string add(const std::string& name, const ByteVector& bytes) const;

 private:
  std::filesystem::path path_;
};

}  // namespace mien::test
