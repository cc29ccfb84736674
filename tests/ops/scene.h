// Pictures made of whole-number formulas, the same here and in tests/oracle/scene.py, so that goldens need no images.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "mien/image.h"

namespace mien::test {

enum class Scene { noise, smooth, edges, mirrored };

inline std::uint32_t scramble(std::uint32_t x, std::uint32_t y, std::uint32_t channel, std::uint32_t seed) {
  std::uint32_t h = x * 73856093U ^ y * 19349663U ^ channel * 83492791U ^ seed * 2654435761U;
  h ^= h >> 15;
  h *= 2246822519U;
  h ^= h >> 13;
  h *= 3266489917U;
  return (h ^ h >> 16) & 255U;
}

inline std::uint8_t scene_pixel(Scene scene, int width, int x, int y, int channel, int seed) {
  const auto noise = [&](int at) {
    return scramble(static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(y), static_cast<std::uint32_t>(channel),
                    static_cast<std::uint32_t>(seed));
  };
  std::uint32_t value = noise(x);
  if (scene == Scene::smooth) value = static_cast<std::uint32_t>((x * 3 + y * 5 + channel * 40) % 200) + value / 16;
  if (scene == Scene::edges) value = (x / 7 + y / 5 + channel) % 2 == 0 ? 0 : 255;
  if (scene == Scene::mirrored) value = noise(std::min(x, width - 1 - x));
  return static_cast<std::uint8_t>(value);
}

inline Image make_scene(Scene scene, int width, int height, int channels, int seed = 1) {
  Image image(width, height, channels);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < channels; ++c) {
        image.row(y)[x * channels + c] = scene_pixel(scene, width, x, y, c, seed);
      }
    }
  }
  return image;
}

inline Scene scene_from_name(const std::string& name) {
  if (name == "noise") return Scene::noise;
  if (name == "smooth") return Scene::smooth;
  return name == "edges" ? Scene::edges : Scene::mirrored;
}

// A picture as a golden file names it: {"scene": ..., "width": ..., "height": ..., "channels": ..., "seed": ...}.
inline Image make_scene(const nlohmann::json& spec) {
  return make_scene(scene_from_name(spec["scene"]), spec["width"], spec["height"], spec["channels"], spec["seed"]);
}

inline nlohmann::json read_ops_golden(const std::string& name) {
  std::ifstream file(std::string(MIEN_TEST_DATA) + "/ops/" + name);
  return nlohmann::json::parse(file);
}

// CRC-32 as zlib has it.
inline std::uint32_t checksum(const Image& image) {
  std::uint32_t crc = ~0U;
  for (std::size_t i = 0; i < image.size_bytes(); ++i) {
    crc ^= image.data()[i];
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1U ? 0xEDB88320U : 0U);
  }
  return ~crc;
}

inline bool equal_pixels(const Image& a, const Image& b) {
  return a.width() == b.width() && a.height() == b.height() && a.channels() == b.channels() &&
         std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

// The same pixels with `padding` other bytes behind each row.
class PaddedCopy {
 public:
  PaddedCopy(const Image& image, int padding)
      : image_(image), stride_(image.stride() + static_cast<std::size_t>(padding)) {
    memory_.assign(stride_ * static_cast<std::size_t>(image.height()), 0xA5);
    for (int y = 0; y < image.height(); ++y) {
      std::memcpy(memory_.data() + static_cast<std::size_t>(y) * stride_, image.row(y), image.stride());
    }
  }
  ImageView view() const {
    return {memory_.data(), image_.width(), image_.height(), image_.channels(), static_cast<std::ptrdiff_t>(stride_)};
  }

 private:
  const Image& image_;
  std::size_t stride_;
  std::vector<std::uint8_t> memory_;
};

}  // namespace mien::test
