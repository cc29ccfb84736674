// A camera raw file in memory: a DNG with a small black sensor and a JPEG as its preview.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "image/image_files.h"

namespace mien::test {

struct TinyDng {
  ByteVector preview;  // a JPEG, or 8-bit RGB of preview_width x preview_height
  bool preview_is_jpeg = true;
  int preview_width = 0;
  int preview_height = 0;
  int orientation = 1;
  int sensor_width = 160;
  int sensor_height = 128;
  int sensor_compression = 1;
  int sensor_photometric = 32803;  // a filter array; 34892: colours in each pixel
  std::string xmp = {};
  bool states_orientation = true;
  ByteVector second_preview = {};  // a JPEG in a sub-directory of its own
};

namespace tiff {

constexpr int kByte = 1;
constexpr int kText = 2;
constexpr int kShort = 3;
constexpr int kLong = 4;

struct Entry {
  int tag;
  int type;
  std::vector<std::uint32_t> values;
};

inline void put_le(ByteVector& bytes, std::uint32_t value, int size) {
  for (int i = 0; i < size; ++i) bytes.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

inline Entry text_entry(int tag, const std::string& text) {
  Entry entry{tag, kText, {}};
  for (const char c : text + '\0') entry.values.push_back(static_cast<std::uint8_t>(c));
  return entry;
}

// One directory at the end of `bytes`, its long values behind it. Entries come in the order of their tags.
inline std::uint32_t put_directory(ByteVector& bytes, const std::vector<Entry>& entries) {
  const auto size_of = [](int type) { return type == kShort ? 2 : type == kLong ? 4 : 1; };
  const std::uint32_t start = static_cast<std::uint32_t>(bytes.size());
  std::uint32_t values_at = start + 2 + 12 * static_cast<std::uint32_t>(entries.size()) + 4;
  ByteVector values;
  put_le(bytes, static_cast<std::uint32_t>(entries.size()), 2);
  for (const Entry& entry : entries) {
    ByteVector packed;
    for (const std::uint32_t value : entry.values) put_le(packed, value, size_of(entry.type));
    put_le(bytes, static_cast<std::uint32_t>(entry.tag), 2);
    put_le(bytes, static_cast<std::uint32_t>(entry.type), 2);
    put_le(bytes, static_cast<std::uint32_t>(entry.values.size()), 4);
    if (packed.size() <= 4) {
      packed.resize(4);
      bytes.insert(bytes.end(), packed.begin(), packed.end());
    } else {
      packed.resize(packed.size() + packed.size() % 2);
      put_le(bytes, values_at + static_cast<std::uint32_t>(values.size()), 4);
      values.insert(values.end(), packed.begin(), packed.end());
    }
  }
  put_le(bytes, 0, 4);
  bytes.insert(bytes.end(), values.begin(), values.end());
  return start;
}

}  // namespace tiff

inline ByteVector make_dng(const TinyDng& dng) {
  using namespace tiff;
  ByteVector bytes = {'I', 'I', 42, 0, 0, 0, 0, 0};
  const auto append = [&](const ByteVector& data) {
    const auto at = static_cast<std::uint32_t>(bytes.size());
    bytes.insert(bytes.end(), data.begin(), data.end());
    bytes.resize(bytes.size() + bytes.size() % 2);
    return at;
  };
  const auto number = [](int value) { return std::vector{static_cast<std::uint32_t>(value)}; };
  const std::uint32_t preview_at = append(dng.preview);
  const std::uint32_t second_at = append(dng.second_preview);
  const auto preview_size = static_cast<int>(dng.preview.size());
  const ByteVector sensor(static_cast<std::size_t>(2 * dng.sensor_width * dng.sensor_height));
  const std::uint32_t sensor_at = append(sensor);
  const std::uint32_t raw = put_directory(bytes, {{254, kLong, {0}},
                                                  {256, kLong, number(dng.sensor_width)},
                                                  {257, kLong, number(dng.sensor_height)},
                                                  {258, kShort, {16}},
                                                  {259, kShort, number(dng.sensor_compression)},
                                                  {262, kShort, number(dng.sensor_photometric)},
                                                  {273, kLong, {sensor_at}},
                                                  {277, kShort, {1}},
                                                  {278, kLong, number(dng.sensor_height)},
                                                  {279, kLong, number(static_cast<int>(sensor.size()))},
                                                  {33421, kShort, {2, 2}},
                                                  {33422, kByte, {0, 1, 1, 2}}});
  std::vector<std::uint32_t> sub_directories = {raw};
  if (!dng.second_preview.empty()) {
    sub_directories.push_back(
        put_directory(bytes, {{254, kLong, {1}},
                              {259, kShort, {7}},
                              {262, kShort, {6}},
                              {273, kLong, {second_at}},
                              {279, kLong, number(static_cast<int>(dng.second_preview.size()))}}));
  }
  std::vector<Entry> entries = {{254, kLong, {1}},
                                {256, kLong, number(dng.preview_width)},
                                {257, kLong, number(dng.preview_height)},
                                {258, kShort, {8, 8, 8}},
                                {259, kShort, {dng.preview_is_jpeg ? 7U : 1U}},
                                {262, kShort, {dng.preview_is_jpeg ? 6U : 2U}},
                                text_entry(271, "Tiny"),
                                text_entry(272, "Camera"),
                                {273, kLong, {preview_at}},
                                {274, kShort, number(dng.orientation)},
                                {277, kShort, {3}},
                                {278, kLong, number(dng.preview_height)},
                                {279, kLong, number(preview_size)},
                                {330, kLong, sub_directories},
                                {50706, kByte, {1, 4, 0, 0}},
                                text_entry(50708, "Tiny Camera")};
  if (!dng.states_orientation) std::erase_if(entries, [](const Entry& entry) { return entry.tag == 274; });
  if (!dng.xmp.empty()) {
    Entry packet{700, kByte, {}};
    for (const char c : dng.xmp) packet.values.push_back(static_cast<std::uint8_t>(c));
    const auto behind =
        std::find_if(entries.begin(), entries.end(), [](const Entry& entry) { return entry.tag > 700; });
    entries.insert(behind, std::move(packet));
  }
  const std::uint32_t first = put_directory(bytes, entries);
  for (int i = 0; i < 4; ++i) bytes[static_cast<std::size_t>(4 + i)] = static_cast<std::uint8_t>(first >> (8 * i));
  return bytes;
}

}  // namespace mien::test
