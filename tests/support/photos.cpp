#include "support/photos.h"

#include <png.h>

#include <unistd.h>
#include <algorithm>
#include <atomic>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "image/decode.h"
#include "image/orientation.h"

namespace mien::test {
namespace {

ByteVector read_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error(path + " is not there: run ./dev build, which fetches it");
  return ByteVector(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

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

nlohmann::json read_golden(const std::string& name) {
  const ByteVector bytes = read_bytes(std::string(MIEN_TEST_DATA) + "/golden/" + name);
  return nlohmann::json::parse(bytes.begin(), bytes.end());
}

ByteVector decode_base64(const std::string& text) {
  static const std::string kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  ByteVector bytes;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char digit : text) {
    const std::size_t value = kDigits.find(digit);
    if (value == std::string::npos) continue;  // padding
    bits = (bits << 6) | static_cast<std::uint32_t>(value);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes.push_back(static_cast<std::uint8_t>(bits >> count));
  }
  return bytes;
}

std::vector<float> decode_floats(const std::string& base64) {
  const ByteVector bytes = decode_base64(base64);
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return values;
}

Settings plain_settings() {
  Settings settings;
  settings.model_dir = deps_path("models");
  return settings;
}

Image make_noise(int width, int height, int channels, std::uint64_t seed) {
  Image image(width, height, channels);
  std::uint64_t state = seed;
  for (std::size_t i = 0; i < image.size_bytes(); ++i) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    image.data()[i] = static_cast<std::uint8_t>(state >> 56);
  }
  return image;
}

Image make_flat(int width, int height, int channels, int level) {
  Image image(width, height, channels);
  std::fill_n(image.data(), image.size_bytes(), static_cast<std::uint8_t>(level));
  return image;
}

Image make_slope(int width, int height) {
  Image image(width, height, 3);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      std::uint8_t* pixel = image.row(y) + 3 * x;
      pixel[0] = static_cast<std::uint8_t>(90 + 80 * y / height);
      pixel[1] = static_cast<std::uint8_t>(100 + 60 * x / width);
      pixel[2] = static_cast<std::uint8_t>(150 - 50 * y / height);
    }
  }
  return image;
}

Image copy_pixels(ImageView pixels) {
  Image copy(pixels.width, pixels.height, pixels.channels);
  for (int y = 0; y < pixels.height; ++y) std::memcpy(copy.row(y), pixels.row(y), copy.stride());
  return copy;
}

Image scale_pixels(ImageView pixels, int width, int height) {
  Image scaled(width, height, pixels.channels);
  const double step_x = static_cast<double>(pixels.width) / width;
  const double step_y = static_cast<double>(pixels.height) / height;
  for (int y = 0; y < height; ++y) {
    const int top = static_cast<int>(y * step_y);
    const int bottom = std::max(top + 1, static_cast<int>((y + 1) * step_y));
    for (int x = 0; x < width; ++x) {
      const int left = static_cast<int>(x * step_x);
      const int right = std::max(left + 1, static_cast<int>((x + 1) * step_x));
      for (int channel = 0; channel < pixels.channels; ++channel) {
        int sum = 0;
        for (int v = top; v < bottom; ++v) {
          for (int u = left; u < right; ++u) sum += pixels.row(v)[u * pixels.channels + channel];
        }
        const int count = (bottom - top) * (right - left);
        scaled.row(y)[x * pixels.channels + channel] = static_cast<std::uint8_t>((sum + count / 2) / count);
      }
    }
  }
  return scaled;
}

void paste(ImageView pixels, int x, int y, Image& canvas) {
  for (int row = 0; row < pixels.height; ++row) {
    std::memcpy(canvas.row(y + row) + x * pixels.channels, pixels.row(row),
                static_cast<std::size_t>(pixels.width * pixels.channels));
  }
}

Image to_gray(ImageView pixels) {
  Image gray(pixels.width, pixels.height, 1);
  for (int y = 0; y < pixels.height; ++y) {
    for (int x = 0; x < pixels.width; ++x) {
      const std::uint8_t* pixel = pixels.row(y) + 3 * x;
      gray.row(y)[x] = static_cast<std::uint8_t>((pixel[0] * 3 + pixel[1] * 6 + pixel[2]) / 10);
    }
  }
  return gray;
}

Image replicate_gray(ImageView gray) {
  Image colour(gray.width, gray.height, 3);
  for (int y = 0; y < gray.height; ++y) {
    for (int x = 0; x < 3 * gray.width; ++x) colour.row(y)[x] = gray.row(y)[x / 3];
  }
  return colour;
}

ImageView crop_around(ImageView pixels, const Box& box, float margin) {
  const int left = std::max(0, static_cast<int>(box.x1 - margin * box.width()));
  const int top = std::max(0, static_cast<int>(box.y1 - margin * box.height()));
  const int right = std::min(pixels.width, static_cast<int>(box.x2 + margin * box.width()));
  const int bottom = std::min(pixels.height, static_cast<int>(box.y2 + margin * box.height()));
  return pixels.crop(left, top, right - left, bottom - top);
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
