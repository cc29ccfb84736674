// What tests of images share: photos and golden files from disk, and pictures that they make by themselves.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "mien/face.h"
#include "mien/image.h"
#include "mien/settings.h"

namespace mien::test {

using ByteVector = std::vector<std::uint8_t>;

std::string deps_path(const std::string& name);  // of a file that ./dev fetched
ByteVector read_photo(const std::string& name);
// Decoded, and turned upright.
Image load_photo(const std::string& name);
nlohmann::json read_golden(const std::string& name);
ByteVector decode_base64(const std::string& text);
std::vector<float> decode_floats(const std::string& base64);

// Settings of a user who has set nothing, with the models of ./dev and of nobody's home.
Settings plain_settings();

// The same pixels as noise() of tests/oracle/pipeline_oracle.py.
Image make_noise(int width, int height, int channels, std::uint64_t seed);
// Every pixel of this level.
Image make_flat(int width, int height, int channels, int level);
// A soft slope: nothing in it looks like a face.
Image make_slope(int width, int height);
Image copy_pixels(ImageView pixels);
// Smaller (or larger) by the mean of the pixels that each new pixel covers.
Image scale_pixels(ImageView pixels, int width, int height);
void paste(ImageView pixels, int x, int y, Image& canvas);
Image to_gray(ImageView pixels);
Image replicate_gray(ImageView gray);
// The box grown by `margin` of its size on each side, clipped to the image.
ImageView crop_around(ImageView pixels, const Box& box, float margin);

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
