#include "support/pictures.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace mien::test {

ByteVector read_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error(path + " is not there: run ./dev build, which fetches it");
  return ByteVector(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
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

}  // namespace mien::test
