#include "mutate.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <string_view>

namespace mien::fuzz {
namespace {

using namespace std::string_view_literals;

constexpr std::size_t kPartsMax = 4096;

bool begins_with(const ByteVector& bytes, std::string_view pattern, std::size_t offset = 0) {
  if (bytes.size() < offset + pattern.size()) return false;
  return std::equal(pattern.begin(), pattern.end(), bytes.begin() + static_cast<std::ptrdiff_t>(offset),
                    [](char wanted, std::uint8_t byte) { return static_cast<std::uint8_t>(wanted) == byte; });
}

std::size_t read_big(const ByteVector& bytes, std::size_t begin, std::size_t count) {
  std::size_t value = 0;
  for (std::size_t i = begin; i < begin + count && i < bytes.size(); ++i) value = value << 8 | bytes[i];
  return value;
}

std::size_t read_little(const ByteVector& bytes, std::size_t begin, std::size_t count) {
  std::size_t value = 0;
  for (std::size_t i = count; i-- > 0;) {
    if (begin + i < bytes.size()) value = value << 8 | bytes[begin + i];
  }
  return value;
}

std::vector<Part> find_png_chunks(const ByteVector& bytes) {
  std::vector<Part> parts;
  for (std::size_t at = 8; at + 12 <= bytes.size();) {
    const std::size_t end = at + 12 + read_big(bytes, at, 4);
    if (end > bytes.size()) break;
    parts.push_back({at, end, at, 4});
    at = end;
  }
  return parts;
}

// Scan data counts as a part of the marker before it.
std::vector<Part> find_jpeg_segments(const ByteVector& bytes) {
  std::vector<Part> parts;
  for (std::size_t at = 2; at + 4 <= bytes.size() && bytes[at] == 0xFF;) {
    std::size_t end = at + 2 + read_big(bytes, at + 2, 2);
    if (bytes[at + 1] == 0xDA) {
      while (end + 1 < bytes.size() &&
             !(bytes[end] == 0xFF && bytes[end + 1] != 0 && (bytes[end + 1] & 0xF8) != 0xD0)) {
        ++end;
      }
    }
    if (end > bytes.size()) break;
    parts.push_back({at, end, at + 2, 2});
    at = end;
  }
  return parts;
}

// Four letters, a little-endian length, the content, and a byte more where the length is odd.
std::vector<Part> find_riff_chunks(const ByteVector& bytes) {
  std::vector<Part> parts;
  for (std::size_t at = 12; at + 8 <= bytes.size();) {
    const std::size_t length = read_little(bytes, at + 4, 4);
    const std::size_t end = at + 8 + length + length % 2;
    if (end > bytes.size()) break;
    parts.push_back({at, end, at + 4, 4});
    at = end;
  }
  return parts;
}

bool holds_boxes(const ByteVector& bytes, std::size_t at) {
  constexpr std::string_view kContainers[] = {"meta", "iprp", "ipco", "iinf", "moov", "trak",
                                              "mdia", "minf", "stbl", "dinf", "grpl"};
  return std::any_of(std::begin(kContainers), std::end(kContainers),
                     [&](std::string_view name) { return begins_with(bytes, name, at + 4); });
}

// A big-endian length, four letters, the content; boxes within boxes are parts too.
void find_boxes(const ByteVector& bytes, std::size_t begin, std::size_t end, std::vector<Part>& parts) {
  for (std::size_t at = begin; at + 8 <= end && parts.size() < kPartsMax;) {
    const std::size_t length = read_big(bytes, at, 4);
    if (length < 8 || length > end - at) break;
    parts.push_back({at, at + length, at, 4});
    if (holds_boxes(bytes, at)) {
      // Version and flags, and in the list of items their count, come before the inner boxes.
      std::size_t inner = at + 8;
      if (begins_with(bytes, "meta", at + 4)) inner += 4;
      if (begins_with(bytes, "iinf", at + 4)) inner += 6;
      find_boxes(bytes, inner, at + length, parts);
    }
    at += length;
  }
}

// The entries of the first directories: twelve bytes each, the count of values in the middle.
std::vector<Part> find_tiff_entries(const ByteVector& bytes) {
  constexpr int kDirectoriesMax = 16;
  const bool little = bytes[0] == 'I';
  const auto read = [&](std::size_t at, std::size_t count) {
    return little ? read_little(bytes, at, count) : read_big(bytes, at, count);
  };
  std::vector<Part> parts;
  std::size_t directory = read(4, 4);
  for (int i = 0; i < kDirectoriesMax && directory >= 8 && directory + 2 <= bytes.size(); ++i) {
    const std::size_t count = read(directory, 2);
    std::size_t at = directory + 2;
    for (std::size_t entry = 0; entry < count && at + 12 <= bytes.size(); ++entry, at += 12) {
      parts.push_back({at, at + 12, at + 4, 4});
    }
    directory = at + 4 <= bytes.size() ? read(at, 4) : 0;
  }
  return parts;
}

std::size_t end_of_gif_blocks(const ByteVector& bytes, std::size_t at) {
  while (at < bytes.size() && bytes[at] != 0) at += std::size_t{1} + bytes[at];
  return at + 1;
}

std::size_t gif_table_bytes(std::uint8_t flags) {
  return (flags & 0x80) != 0 ? std::size_t{3} << ((flags & 7) + 1) : 0;
}

std::vector<Part> find_gif_blocks(const ByteVector& bytes) {
  std::vector<Part> parts;
  if (bytes.size() < 13) return parts;
  for (std::size_t at = 13 + gif_table_bytes(bytes[10]); at + 2 < bytes.size() && parts.size() < kPartsMax;) {
    std::size_t data = at + 2;
    if (bytes[at] == ',') {
      if (at + 10 > bytes.size()) break;
      data = at + 11 + gif_table_bytes(bytes[at + 9]);
    } else if (bytes[at] != '!') {
      break;
    }
    const std::size_t end = end_of_gif_blocks(bytes, data);
    if (end > bytes.size()) break;
    parts.push_back({at, end, data, 1});
    at = end;
  }
  return parts;
}

auto position(ByteVector& bytes, std::size_t offset) {
  return bytes.begin() + static_cast<std::ptrdiff_t>(std::min(offset, bytes.size()));
}

// A quarter of the edits fall into the first bytes, where headers and tables are.
std::size_t choose_offset(const ByteVector& bytes, Random& random) {
  constexpr std::size_t kHeaderBytes = 800;
  const std::size_t bound = random.below(4) == 0 ? std::min(bytes.size(), kHeaderBytes) : bytes.size();
  return random.below(bound);
}

void flip_bits(ByteVector& bytes, Random& random, std::size_t) {
  if (bytes.empty()) return;
  for (std::size_t i = 1 + random.below(6); i > 0; --i) {
    bytes[choose_offset(bytes, random)] ^= static_cast<std::uint8_t>(1u << random.below(8));
  }
}

void overwrite_run(ByteVector& bytes, Random& random, std::size_t) {
  constexpr std::uint8_t kValues[] = {0x00, 0xFF, 0x7F, 0x80, 0xD9};
  const std::size_t begin = choose_offset(bytes, random);
  const std::size_t end = std::min(bytes.size(), begin + 1 + random.below(64));
  const bool noise = random.below(2) == 0;
  const std::uint8_t value = kValues[random.below(std::size(kValues))];
  for (std::size_t i = begin; i < end; ++i) bytes[i] = noise ? random.byte() : value;
}

void insert_run(ByteVector& bytes, Random& random, std::size_t grown_max) {
  ByteVector run(std::min(grown_max, 1 + random.below(64)));
  for (std::uint8_t& byte : run) byte = random.byte();
  bytes.insert(position(bytes, choose_offset(bytes, random)), run.begin(), run.end());
}

void delete_run(ByteVector& bytes, Random& random, std::size_t) {
  const std::size_t begin = choose_offset(bytes, random);
  bytes.erase(position(bytes, begin), position(bytes, begin + 1 + random.below(64)));
}

void truncate(ByteVector& bytes, Random& random, std::size_t) { bytes.resize(random.below(bytes.size() + 1)); }

void duplicate_part(ByteVector& bytes, Random& random, std::size_t grown_max) {
  const std::vector<Part> parts = find_parts(bytes);
  if (parts.empty()) return;
  const Part from = parts[random.below(parts.size())];
  const ByteVector copy(position(bytes, from.begin), position(bytes, from.end));
  const std::size_t to = parts[random.below(parts.size())].begin;
  // Mostly once; sometimes so often that it costs whoever believes in each of them.
  const std::size_t times = random.below(8) == 0 ? 1 + random.below(1000) : 1;
  ByteVector copies;
  for (std::size_t i = 0; i < times && copies.size() + copy.size() <= grown_max; ++i) {
    copies.insert(copies.end(), copy.begin(), copy.end());
  }
  bytes.insert(position(bytes, to), copies.begin(), copies.end());
}

void delete_part(ByteVector& bytes, Random& random, std::size_t) {
  const std::vector<Part> parts = find_parts(bytes);
  if (parts.empty()) return;
  const Part part = parts[random.below(parts.size())];
  bytes.erase(position(bytes, part.begin), position(bytes, part.end));
}

void edit_length(ByteVector& bytes, Random& random, std::size_t) {
  const std::vector<Part> parts = find_parts(bytes);
  if (parts.empty()) return;
  const Part part = parts[random.below(parts.size())];
  for (std::size_t i = part.length_begin; i < std::min(bytes.size(), part.length_begin + part.length_bytes); ++i) {
    if (random.below(2) == 0) bytes[i] = random.byte();
  }
}

// Some bytes of one part: a value of a table, a tag, a kind.
void edit_part(ByteVector& bytes, Random& random, std::size_t) {
  constexpr std::size_t kFieldBytes = 24;
  const std::vector<Part> parts = find_parts(bytes);
  if (parts.empty()) return;
  const Part part = parts[random.below(parts.size())];
  for (std::size_t i = 1 + random.below(4); i > 0; --i) {
    const std::size_t at = part.begin + random.below(std::min(kFieldBytes, part.end - part.begin));
    if (at < bytes.size()) bytes[at] = random.byte();
  }
}

struct Span {
  std::size_t begin;
  std::size_t count;
};

// Where width, height, depth and kind are.
Span header_fields(const ByteVector& bytes) {
  if (begins_with(bytes, "\x89PNG"sv)) return {16, 13};
  if (begins_with(bytes, "GIF"sv)) return {6, 7};
  if (begins_with(bytes, "BM"sv)) return {10, 60};
  if (begins_with(bytes, "RIFF"sv)) return {12, 20};
  if (begins_with(bytes, "\xFF\xD8"sv)) {
    for (const Part& part : find_jpeg_segments(bytes)) {
      const std::uint8_t marker = bytes[part.begin + 1];
      if (marker >= 0xC0 && marker <= 0xC2) return {part.begin + 4, 15};
    }
  }
  return {0, 32};
}

void edit_header(ByteVector& bytes, Random& random, std::size_t) {
  const Span fields = header_fields(bytes);
  for (std::size_t i = 1 + random.below(3); i > 0; --i) {
    const std::size_t at = fields.begin + random.below(fields.count);
    if (at < bytes.size()) bytes[at] = random.byte();
  }
}

void splice(ByteVector& bytes, const ByteVector& other, Random& random) {
  bytes.resize(choose_offset(bytes, random));
  ByteVector tail = other;
  bytes.insert(bytes.end(), position(tail, choose_offset(tail, random)), tail.end());
}

using Edit = void (*)(ByteVector&, Random&, std::size_t);
constexpr Edit kEdits[] = {flip_bits,      overwrite_run, insert_run,  delete_run, truncate,
                           duplicate_part, delete_part,   edit_length, edit_part,  edit_header};

constexpr std::array<std::uint32_t, 256> make_crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value & 1) != 0 ? 0xEDB88320u ^ (value >> 1) : value >> 1;
    table[i] = value;
  }
  return table;
}

}  // namespace

std::vector<Part> find_parts(const ByteVector& bytes) {
  if (begins_with(bytes, "\x89PNG"sv)) return find_png_chunks(bytes);
  if (begins_with(bytes, "\xFF\xD8"sv)) return find_jpeg_segments(bytes);
  if (begins_with(bytes, "RIFF"sv)) return find_riff_chunks(bytes);
  if (begins_with(bytes, "GIF8"sv)) return find_gif_blocks(bytes);
  if (begins_with(bytes, "II*\0"sv) || begins_with(bytes, "MM\0*"sv)) return find_tiff_entries(bytes);
  std::vector<Part> parts;
  if (begins_with(bytes, "ftyp"sv, 4)) find_boxes(bytes, 0, bytes.size(), parts);
  return parts;
}

void edit_once(ByteVector& bytes, Random& random, std::size_t grown_max) {
  kEdits[random.below(std::size(kEdits))](bytes, random, grown_max);
}

void repair_png_checksums(ByteVector& bytes) {
  static constexpr std::array<std::uint32_t, 256> kTable = make_crc_table();
  if (!begins_with(bytes, "\x89PNG"sv)) return;
  for (const Part& part : find_png_chunks(bytes)) {
    std::uint32_t crc = 0xFFFFFFFFu;
    for (std::size_t i = part.begin + 4; i < part.end - 4; ++i) crc = kTable[(crc ^ bytes[i]) & 0xFF] ^ (crc >> 8);
    crc = ~crc;
    for (std::size_t i = 0; i < 4; ++i) bytes[part.end - 4 + i] = static_cast<std::uint8_t>(crc >> (24 - 8 * i));
  }
}

ByteVector make_mutant(const std::vector<ByteVector>& seeds, std::uint64_t seed, std::uint64_t number) {
  constexpr std::size_t kGrownBytesMax = std::size_t{8} << 20;
  Random random(seed * 0x100000001B3u + number);
  ByteVector bytes = seeds[random.below(seeds.size())];
  for (std::size_t i = 1 + random.below(3); i > 0; --i) {
    if (random.below(std::size(kEdits) + 1) == 0) {
      splice(bytes, seeds[random.below(seeds.size())], random);
    } else {
      edit_once(bytes, random, kGrownBytesMax);
    }
  }
  // Half of them keep their wrong checksums, which is damage that files have.
  if (random.below(2) == 0) repair_png_checksums(bytes);
  return bytes;
}

}  // namespace mien::fuzz
