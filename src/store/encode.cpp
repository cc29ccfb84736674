#include "store/encode.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include "base/half.h"
#include "base/sha256.h"

namespace mien {
namespace {

constexpr std::size_t kSha256Bytes = 32;
constexpr std::size_t kNeighbourBytes = 12;
constexpr std::size_t kRecordBytesMax = std::size_t{256} << 20;  // as that of a line of records
constexpr float kPixelMax = 1e9F;

template <typename Unsigned>
void append_little(std::string& out, Unsigned value) {
  for (std::size_t i = 0; i < sizeof value; ++i) out += static_cast<char>(value >> (8 * i) & 0xff);
}

template <typename Unsigned>
Unsigned read_little(std::string_view bytes, std::size_t offset) {
  Unsigned value = 0;
  for (std::size_t i = 0; i < sizeof value; ++i) {
    const auto byte = static_cast<Unsigned>(static_cast<unsigned char>(bytes[offset + i]));
    value = static_cast<Unsigned>(value | static_cast<Unsigned>(byte << (8 * i)));
  }
  return value;
}

int digit_value(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

std::int32_t whole_pixels(float value) {
  if (std::isnan(value)) return 0;
  return static_cast<std::int32_t>(std::lround(std::clamp(value, -kPixelMax, kPixelMax)));
}

Error bad_record(const std::string& what) { return {ErrorCode::bad_data, "a stored record " + what}; }

}  // namespace

std::string sha256_bytes(std::string_view digits) {
  if (digits.size() != 2 * kSha256Bytes) return {};
  std::string bytes;
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    const int high = digit_value(digits[i]);
    const int low = digit_value(digits[i + 1]);
    if (high < 0 || low < 0) return {};
    bytes += static_cast<char>(high << 4 | low);
  }
  return bytes;
}

std::string sha256_digits(std::string_view bytes) {
  if (bytes.size() != kSha256Bytes) return {};
  Sha256Digest digest{};
  std::memcpy(digest.data(), bytes.data(), digest.size());
  return sha256_hex(digest);
}

std::string box_bytes(const Box& box) {
  std::string bytes;
  for (const float corner : {box.x1, box.y1, box.x2, box.y2})
    append_little(bytes, std::bit_cast<std::uint32_t>(corner));
  return bytes;
}

Box box_of(std::string_view bytes) {
  if (bytes.size() != 4 * sizeof(float)) return {};
  std::array<float, 4> corners{};
  for (std::size_t i = 0; i < corners.size(); ++i) {
    corners[i] = std::bit_cast<float>(read_little<std::uint32_t>(bytes, i * sizeof(float)));
  }
  return {corners[0], corners[1], corners[2], corners[3]};
}

HalfVector unit_half(std::span<const float> embedding) {
  double sum = 0;
  for (const float value : embedding) sum += double{value} * value;
  const double length = std::sqrt(sum);
  if (!std::isfinite(length) || length <= 0) return {};
  HalfVector half;
  half.reserve(embedding.size());
  for (const float value : embedding) half.push_back(to_half(static_cast<float>(value / length)));
  return half;
}

std::string half_bytes(std::span<const std::uint16_t> half) {
  std::string bytes;
  bytes.reserve(half.size_bytes());
  for (const std::uint16_t value : half) append_little(bytes, value);
  return bytes;
}

void read_half(std::string_view bytes, HalfVector& out) {
  out.resize(bytes.size() / sizeof(std::uint16_t));
  if (out.empty()) return;  // memcpy takes no null pointers, even for no bytes
  if constexpr (std::endian::native == std::endian::little) {
    std::memcpy(out.data(), bytes.data(), out.size() * sizeof(std::uint16_t));
  } else {
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = read_little<std::uint16_t>(bytes, i * sizeof(std::uint16_t));
  }
}

std::string neighbour_bytes(std::span<const Neighbour> neighbours) {
  std::string bytes;
  bytes.reserve(neighbours.size() * kNeighbourBytes);
  for (const Neighbour& one : neighbours) {
    append_little(bytes, static_cast<std::uint64_t>(one.key));
    append_little(bytes, std::bit_cast<std::uint32_t>(one.similarity));
  }
  return bytes;
}

std::vector<Neighbour> neighbours_of(std::string_view bytes) {
  std::vector<Neighbour> neighbours(bytes.size() / kNeighbourBytes);
  for (std::size_t i = 0; i < neighbours.size(); ++i) {
    neighbours[i].key = static_cast<FaceKey>(read_little<std::uint64_t>(bytes, i * kNeighbourBytes));
    neighbours[i].similarity =
        std::bit_cast<float>(read_little<std::uint32_t>(bytes, i * kNeighbourBytes + sizeof(std::uint64_t)));
  }
  return neighbours;
}

std::string record_bytes(const Record& record) {
  Record plain = record;
  plain.source.clear();
  plain.source_folder.clear();
  plain.source_size = -1;
  plain.source_mtime_ns = 0;
  plain.matches.clear();
  plain.like = false;
  plain.compare_anyway = false;
  const std::string line = record_to_json(plain, EmbeddingFormat::none);
  std::string bytes;
  append_little(bytes, static_cast<std::uint32_t>(line.size()));
  uLongf length = compressBound(static_cast<uLong>(line.size()));
  bytes.resize(bytes.size() + length);
  ::compress(reinterpret_cast<Bytef*>(bytes.data() + sizeof(std::uint32_t)), &length,
             reinterpret_cast<const Bytef*>(line.data()), static_cast<uLong>(line.size()));
  bytes.resize(sizeof(std::uint32_t) + length);
  return bytes;
}

Result<Record> record_of(std::string_view bytes) {
  if (bytes.size() < sizeof(std::uint32_t)) return bad_record("is cut off");
  const std::size_t size = read_little<std::uint32_t>(bytes, 0);
  if (size > kRecordBytesMax) return bad_record("is longer than any");
  const std::string_view packed = bytes.substr(sizeof(std::uint32_t));
  std::string line(size, '\0');
  uLongf length = static_cast<uLongf>(line.size());
  const int code = ::uncompress(reinterpret_cast<Bytef*>(line.data()), &length,
                                reinterpret_cast<const Bytef*>(packed.data()), static_cast<uLong>(packed.size()));
  if (code != Z_OK || length != size) return bad_record("cannot be inflated");
  return record_from_json(line);
}

FaceKey face_key(std::string_view sha256_bytes, const Box& box, std::uint32_t ordinal) {
  std::string text(sha256_bytes);
  for (const float corner : {box.x1, box.y1, box.x2, box.y2}) {
    append_little(text, static_cast<std::uint32_t>(whole_pixels(corner)));
  }
  if (ordinal > 0) append_little(text, ordinal);
  const Sha256Digest digest = sha256({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  const std::string_view head(reinterpret_cast<const char*>(digest.data()), sizeof(std::uint64_t));
  return static_cast<FaceKey>(read_little<std::uint64_t>(head, 0) & INT64_MAX);
}

}  // namespace mien
