// Test images and what is done to them, for the tests of this folder.
#pragma once

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "image/decode.h"

namespace mien::test {

using ByteVector = std::vector<std::uint8_t>;

inline ByteVector read_all(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << "cannot read " << path;
  return ByteVector(std::istreambuf_iterator<char>(file), {});
}

inline std::filesystem::path image_path(const std::string& name) {
  return std::filesystem::path(MIEN_TEST_DATA) / "images" / name;
}

inline ByteVector read_image(const std::string& name) { return read_all(image_path(name)); }

// Rows of "images" or "photos" (tests/oracle/decode_oracle.py).
inline nlohmann::json read_goldens(const std::string& group) {
  std::ifstream file(image_path("decode_goldens.json"));
  return nlohmann::json::parse(file).at(group);
}

// Why a format cannot be read here, so that a test can skip it by name; empty where it can.
inline std::string format_problem(const std::string& name) {
  for (const FormatInfo& format : image_formats()) {
    if (format.name == name && !format.problem.empty()) return name + ": " + format.problem;
  }
  return {};
}

inline std::string pixel_sha256(const Image& pixels) {
  std::uint8_t digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(pixels.data(), pixels.size_bytes(), digest, &size, EVP_sha256(), nullptr);
  std::string text;
  for (const std::uint8_t byte : std::span(digest, size)) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

inline void put_be16(ByteVector& bytes, std::size_t offset, int value) {
  bytes.at(offset) = static_cast<std::uint8_t>(value >> 8);
  bytes.at(offset + 1) = static_cast<std::uint8_t>(value);
}

// Where the JPEG's first marker of this kind begins; the end of the bytes when there is none.
inline std::size_t find_marker(const ByteVector& jpeg, std::uint8_t marker, std::size_t from = 2) {
  for (std::size_t i = from; i + 1 < jpeg.size(); ++i) {
    if (jpeg[i] == 0xFF && jpeg[i + 1] == marker) return i;
  }
  return jpeg.size();
}

inline std::size_t find_last_marker(const ByteVector& jpeg, std::uint8_t marker) {
  std::size_t found = jpeg.size();
  for (std::size_t at = find_marker(jpeg, marker); at < jpeg.size(); at = find_marker(jpeg, marker, at + 2)) {
    found = at;
  }
  return found;
}

// Changes what the frame header says about the size.
inline void set_jpeg_size(ByteVector& jpeg, int width, int height) {
  std::size_t frame = find_marker(jpeg, 0xC0);
  if (frame == jpeg.size()) frame = find_marker(jpeg, 0xC2);
  put_be16(jpeg, frame + 5, height);
  put_be16(jpeg, frame + 7, width);
}

// The same for a PNG, whose checksum is wrong afterwards.
inline void set_png_size(ByteVector& png, int width, int height) {
  put_be16(png, 16, 0);
  put_be16(png, 18, width);
  put_be16(png, 20, 0);
  put_be16(png, 22, height);
}

}  // namespace mien::test
