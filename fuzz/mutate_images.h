// Deterministic mutants of image files, and what decoding them takes. Used by fuzz/mutate_images.cpp for long runs
// and by tests/image/mutation_test.cpp for a short one. A mutant is made from its number alone, so that any one of
// them can be made again.
#pragma once

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <string>
#include <vector>

#include "image/decode.h"
#include "image/orientation.h"

namespace mien::fuzz {

using ByteVector = std::vector<std::uint8_t>;

// A generator of our own, so that the same seed gives the same mutants with every standard library (splitmix64).
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    state_ += 0x9E3779B97F4A7C15u;
    std::uint64_t mixed = (state_ ^ (state_ >> 30)) * 0xBF58476D1CE4E5B9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBu;
    return mixed ^ (mixed >> 31);
  }
  // 0 .. bound - 1; 0 when there is nothing to choose from.
  std::size_t below(std::size_t bound) { return bound == 0 ? 0 : next() % bound; }
  std::uint8_t byte() { return static_cast<std::uint8_t>(next()); }

 private:
  std::uint64_t state_;
};

// A part of a file that has its own length field: a JPEG segment, a PNG chunk.
struct Part {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::size_t length_begin = 0;
  std::size_t length_bytes = 0;
};

inline std::size_t read_number(const ByteVector& bytes, std::size_t begin, std::size_t count) {
  std::size_t value = 0;
  for (std::size_t i = begin; i < begin + count && i < bytes.size(); ++i) value = value << 8 | bytes[i];
  return value;
}

inline std::vector<Part> find_png_chunks(const ByteVector& bytes) {
  std::vector<Part> parts;
  for (std::size_t at = 8; at + 12 <= bytes.size();) {
    const std::size_t end = at + 12 + read_number(bytes, at, 4);
    if (end > bytes.size()) break;
    parts.push_back({at, end, at, 4});
    at = end;
  }
  return parts;
}

// Scan data counts as a part of the marker before it.
inline std::vector<Part> find_jpeg_segments(const ByteVector& bytes) {
  std::vector<Part> parts;
  for (std::size_t at = 2; at + 4 <= bytes.size() && bytes[at] == 0xFF;) {
    std::size_t end = at + 2 + read_number(bytes, at + 2, 2);
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

inline std::vector<Part> find_parts(const ByteVector& bytes) {
  return !bytes.empty() && bytes[0] == 0x89 ? find_png_chunks(bytes) : find_jpeg_segments(bytes);
}

inline auto position(ByteVector& bytes, std::size_t offset) {
  return bytes.begin() + static_cast<std::ptrdiff_t>(std::min(offset, bytes.size()));
}

// A quarter of the edits fall into the first bytes, where headers and tables are.
inline std::size_t choose_offset(const ByteVector& bytes, Random& random) {
  constexpr std::size_t kHeaderBytes = 800;
  const std::size_t bound = random.below(4) == 0 ? std::min(bytes.size(), kHeaderBytes) : bytes.size();
  return random.below(bound);
}

inline void flip_bits(ByteVector& bytes, Random& random) {
  if (bytes.empty()) return;
  for (std::size_t i = 1 + random.below(6); i > 0; --i) {
    bytes[choose_offset(bytes, random)] ^= static_cast<std::uint8_t>(1u << random.below(8));
  }
}

inline void overwrite_run(ByteVector& bytes, Random& random) {
  constexpr std::uint8_t kValues[] = {0x00, 0xFF, 0x7F, 0x80, 0xD9};
  const std::size_t begin = choose_offset(bytes, random);
  const std::size_t end = std::min(bytes.size(), begin + 1 + random.below(64));
  const bool noise = random.below(2) == 0;
  const std::uint8_t value = kValues[random.below(std::size(kValues))];
  for (std::size_t i = begin; i < end; ++i) bytes[i] = noise ? random.byte() : value;
}

inline void insert_run(ByteVector& bytes, Random& random) {
  ByteVector run(1 + random.below(64));
  for (std::uint8_t& byte : run) byte = random.byte();
  bytes.insert(position(bytes, choose_offset(bytes, random)), run.begin(), run.end());
}

inline void delete_run(ByteVector& bytes, Random& random) {
  const std::size_t begin = choose_offset(bytes, random);
  bytes.erase(position(bytes, begin), position(bytes, begin + 1 + random.below(64)));
}

inline void truncate(ByteVector& bytes, Random& random) { bytes.resize(random.below(bytes.size() + 1)); }

inline void duplicate_part(ByteVector& bytes, Random& random) {
  constexpr std::size_t kGrownBytesMax = std::size_t{8} << 20;
  const std::vector<Part> parts = find_parts(bytes);
  if (parts.empty()) return;
  const Part from = parts[random.below(parts.size())];
  const ByteVector copy(position(bytes, from.begin), position(bytes, from.end));
  const std::size_t to = parts[random.below(parts.size())].begin;
  // Mostly once; sometimes so often that it costs whoever believes in each of them.
  const std::size_t times = random.below(8) == 0 ? 1 + random.below(1000) : 1;
  ByteVector copies;
  for (std::size_t i = 0; i < times && copies.size() < kGrownBytesMax; ++i) {
    copies.insert(copies.end(), copy.begin(), copy.end());
  }
  bytes.insert(position(bytes, to), copies.begin(), copies.end());
}

inline void delete_part(ByteVector& bytes, Random& random) {
  const std::vector<Part> parts = find_parts(bytes);
  if (parts.empty()) return;
  const Part part = parts[random.below(parts.size())];
  bytes.erase(position(bytes, part.begin), position(bytes, part.end));
}

inline void edit_length(ByteVector& bytes, Random& random) {
  const std::vector<Part> parts = find_parts(bytes);
  if (parts.empty()) return;
  const Part part = parts[random.below(parts.size())];
  for (std::size_t i = 0; i < part.length_bytes; ++i) {
    if (random.below(2) == 0) bytes[part.length_begin + i] = random.byte();
  }
}

// Width, height, depth, kind: the bytes right behind the beginning of the frame header.
inline void edit_header(ByteVector& bytes, Random& random) {
  std::size_t begin = 16;
  std::size_t count = 13;
  if (!bytes.empty() && bytes[0] != 0x89) {
    begin = bytes.size();
    count = 15;
    for (const Part& part : find_jpeg_segments(bytes)) {
      const std::uint8_t marker = bytes[part.begin + 1];
      if (marker >= 0xC0 && marker <= 0xC2) begin = part.begin + 4;
    }
  }
  for (std::size_t i = 1 + random.below(3); i > 0; --i) {
    const std::size_t at = begin + random.below(count);
    if (at < bytes.size()) bytes[at] = random.byte();
  }
}

inline void splice(ByteVector& bytes, const ByteVector& other, Random& random) {
  bytes.resize(choose_offset(bytes, random));
  ByteVector tail = other;
  bytes.insert(bytes.end(), position(tail, choose_offset(tail, random)), tail.end());
}

inline ByteVector make_mutant(const std::vector<ByteVector>& seeds, std::uint64_t seed, std::uint64_t number) {
  Random random(seed * 0x100000001B3u + number);
  ByteVector bytes = seeds[random.below(seeds.size())];
  using Edit = void (*)(ByteVector&, Random&);
  constexpr Edit kEdits[] = {flip_bits,      overwrite_run, insert_run,  delete_run, truncate,
                             duplicate_part, delete_part,   edit_length, edit_header};
  for (std::size_t i = 1 + random.below(3); i > 0; --i) {
    const std::size_t choice = random.below(std::size(kEdits) + 1);
    if (choice < std::size(kEdits)) {
      kEdits[choice](bytes, random);
    } else {
      splice(bytes, seeds[random.below(seeds.size())], random);
    }
  }
  return bytes;
}

struct MutantResult {
  bool decoded = false;
  bool warned = false;
  std::string error_name;  // of the error's code
  double cpu_ms = 0;
};

inline double cpu_now_ms() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) * 1e-6;
}

// Decodes and turns upright. Every pixel of the outcome is read, so that a sanitizer sees what was not written.
inline MutantResult decode_mutant(Bytes bytes, const DecodeOptions& options, DecodedImage& image, Image& upright) {
  MutantResult result;
  const double begin_ms = cpu_now_ms();
  const Result<Done> decoded = decode_image(bytes, options, image);
  if (decoded) {
    apply_orientation(image.pixels, image.orientation, upright);
    volatile std::uint8_t mixed = 0;
    for (std::size_t i = 0; i < upright.size_bytes(); i += 61) mixed = mixed ^ upright.data()[i];
    result.decoded = true;
    result.warned = !image.warnings.empty();
  } else {
    result.error_name = error_code_name(decoded.error().code);
  }
  result.cpu_ms = cpu_now_ms() - begin_ms;
  return result;
}

}  // namespace mien::fuzz
