#include "support/photos.h"

#include <png.h>

#include <unistd.h>
#include <atomic>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "image/decode.h"
#include "image/orientation.h"

namespace mien::test {
namespace {

// An EXIF block with one entry: the orientation.
ByteVector make_tiff(int orientation) {
  const std::uint8_t value = static_cast<std::uint8_t>(orientation);
  return {'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, value, 0, 0, 0, 0, 0, 0};
}

void append_big_endian(std::size_t value, int bytes, ByteVector& out) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) out.push_back(static_cast<std::uint8_t>(value >> shift));
}

std::uint32_t crc32_of(const ByteVector& bytes) {
  std::uint32_t crc = 0xFFFFFFFF;
  for (const std::uint8_t byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xEDB88320U : 0U);
  }
  return ~crc;
}

}  // namespace

std::string deps_path(const std::string& name) { return std::string(MIEN_TEST_DEPS) + "/" + name; }

ByteVector read_photo(const std::string& name) { return read_bytes(deps_path("photos/" + name)); }

Image load_photo(const std::string& name) {
  DecodedImage decoded;
  std::move(decode_image(read_photo(name), {}, decoded)).take();
  if (decoded.orientation == 1) return std::move(decoded.pixels);
  Image upright;
  apply_orientation(decoded.pixels, decoded.orientation, upright);
  return upright;
}

Settings plain_settings() {
  Settings settings;
  settings.model_dir = deps_path("models");
  return settings;
}

Image turn_as_stored(ImageView upright, int orientation) {
  const bool swaps = orientation >= 5;
  Image stored(swaps ? upright.height : upright.width, swaps ? upright.width : upright.height, upright.channels);
  const int last_row = stored.height() - 1;
  const int last_column = stored.width() - 1;
  for (int row = 0; row <= last_row; ++row) {
    for (int column = 0; column <= last_column; ++column) {
      // TIFF 6.0 names the sides of the picture on which the stored row 0 and the stored column 0 lie.
      const int from_row =
          orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7 ? last_row - row : row;
      const int from_column =
          orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8 ? last_column - column : column;
      const int x = swaps ? from_row : from_column;
      const int y = swaps ? from_column : from_row;
      std::memcpy(stored.row(row) + column * upright.channels, upright.row(y) + x * upright.channels,
                  static_cast<std::size_t>(upright.channels));
    }
  }
  return stored;
}

ByteVector add_exif_to_jpeg(const ByteVector& jpeg, int orientation) {
  const ByteVector tiff = make_tiff(orientation);
  ByteVector segment = {0xFF, 0xE1};
  append_big_endian(2 + 6 + tiff.size(), 2, segment);
  for (const char letter : {'E', 'x', 'i', 'f', '\0', '\0'}) segment.push_back(static_cast<std::uint8_t>(letter));
  segment.insert(segment.end(), tiff.begin(), tiff.end());
  ByteVector file = jpeg;
  file.insert(file.begin() + 2, segment.begin(), segment.end());  // behind the start of the image
  return file;
}

ByteVector encode_png_with_exif(ImageView pixels, int orientation) {
  png_image info{};
  info.version = PNG_IMAGE_VERSION;
  info.width = static_cast<png_uint_32>(pixels.width);
  info.height = static_cast<png_uint_32>(pixels.height);
  info.format = pixels.channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  info.flags = PNG_IMAGE_FLAG_FAST;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(info);
  ByteVector file(size);
  if (png_image_write_to_memory(&info, file.data(), &size, 0, pixels.data, static_cast<png_int_32>(pixels.stride),
                                nullptr) == 0) {
    throw std::runtime_error(std::string("libpng: ") + info.message);
  }
  file.resize(size);
  ByteVector body = {'e', 'X', 'I', 'f'};
  const ByteVector tiff = make_tiff(orientation);
  body.insert(body.end(), tiff.begin(), tiff.end());
  ByteVector chunk;
  append_big_endian(tiff.size(), 4, chunk);
  chunk.insert(chunk.end(), body.begin(), body.end());
  append_big_endian(crc32_of(body), 4, chunk);
  constexpr std::ptrdiff_t kSignatureAndHeader = 8 + 4 + 4 + 13 + 4;
  file.insert(file.begin() + kSignatureAndHeader, chunk.begin(), chunk.end());
  return file;
}

ScratchFolder::ScratchFolder() {
  static std::atomic<int> count{0};
  path_ = std::filesystem::temp_directory_path() /
          ("mien_test_" + std::to_string(getpid()) + "_" + std::to_string(count++));
  std::filesystem::create_directories(path_);
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string ScratchFolder::add(const std::string& name, const ByteVector& bytes) const {
  const std::filesystem::path file = path_ / name;
  std::ofstream(file, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  return file.string();
}

}  // namespace mien::test
