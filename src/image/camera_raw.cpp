// Looks through the directories of a TIFF structure for what only raw files have. Nothing is trusted: every offset is
// checked, and the number of directories and entries is bounded, so that loops end.
#include "image/camera_raw.h"

#include <array>
#include <cstdint>
#include <optional>

namespace mien {
namespace {

constexpr int kDirectoriesMax = 32;
constexpr std::uint32_t kEntryBytes = 12;

constexpr std::uint32_t kCompression = 259;
constexpr std::uint32_t kPhotometric = 262;
constexpr std::uint32_t kSubDirectories = 330;
constexpr std::uint32_t kDngVersion = 50706;

constexpr std::uint32_t kColourFilterArray = 32803;  // values of kPhotometric
constexpr std::uint32_t kLinearRaw = 34892;
constexpr std::uint32_t kSonyCompression = 32767;  // values of kCompression
constexpr std::uint32_t kSamsungCompression = 32770;
constexpr std::uint32_t kNikonCompression = 34713;
constexpr std::uint32_t kPentaxCompression = 65535;

class TiffWalk {
 public:
  explicit TiffWalk(Bytes bytes) : bytes_(bytes), big_endian_(bytes.size() > 1 && bytes[0] == 'M') {}

  bool finds_raw() {
    push(read(4, 4));
    while (count_ > 0) {
      if (directory_is_raw(pending_[--count_])) return true;
    }
    return false;
  }

 private:
  std::optional<std::uint32_t> read(std::uint64_t offset, int size) const {
    if (offset + static_cast<std::uint64_t>(size) > bytes_.size()) return std::nullopt;
    std::uint32_t value = 0;
    for (int i = 0; i < size; ++i) {
      const std::uint64_t at = offset + static_cast<std::uint64_t>(big_endian_ ? i : size - 1 - i);
      value = value << 8 | bytes_[at];
    }
    return value;
  }

  void push(std::optional<std::uint32_t> offset) {
    if (!offset || *offset == 0 || seen_ == kDirectoriesMax) return;
    ++seen_;
    pending_[count_++] = *offset;
  }

  // A value that fits into its entry: SHORT has type 3, everything else that we ask for is LONG.
  std::uint32_t value(std::uint64_t entry) const {
    const bool is_short = read(entry + 2, 2) == 3;
    return read(entry + 8, is_short ? 2 : 4).value_or(0);
  }

  void push_sub_directories(std::uint64_t entry) {
    const std::uint32_t count = read(entry + 4, 4).value_or(0);
    const std::optional<std::uint32_t> first = read(entry + 8, 4);
    if (count == 1) return push(first);
    for (std::uint32_t i = 0; first && i < count && i < kDirectoriesMax; ++i) {
      push(read(std::uint64_t{*first} + std::uint64_t{4} * i, 4));
    }
  }

  bool directory_is_raw(std::uint64_t offset) {
    const std::uint32_t entries = read(offset, 2).value_or(0);
    for (std::uint32_t i = 0; i < entries; ++i) {
      const std::uint64_t entry = offset + 2 + std::uint64_t{kEntryBytes} * i;
      const std::optional<std::uint32_t> tag = read(entry, 2);
      if (!tag) return false;
      if (*tag == kDngVersion) return true;
      if (*tag == kSubDirectories) push_sub_directories(entry);
      if (*tag == kPhotometric && (value(entry) == kColourFilterArray || value(entry) == kLinearRaw)) return true;
      if (*tag == kCompression && is_raw_compression(value(entry))) return true;
    }
    push(read(offset + 2 + std::uint64_t{kEntryBytes} * entries, 4));
    return false;
  }

  static bool is_raw_compression(std::uint32_t compression) {
    return compression == kSonyCompression || compression == kSamsungCompression || compression == kNikonCompression ||
           compression == kPentaxCompression;
  }

  Bytes bytes_;
  bool big_endian_;
  std::array<std::uint32_t, kDirectoriesMax> pending_{};
  int count_ = 0;
  int seen_ = 0;
};

}  // namespace

bool is_camera_raw(Bytes encoded) { return TiffWalk(encoded).finds_raw(); }

}  // namespace mien
