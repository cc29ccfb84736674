// Looks through the directories of a TIFF structure for what only raw files have, and for previews. Nothing is trusted:
// every offset is checked, and the number of directories and entries is bounded, so that loops end.
#include "image/formats/camera_raw.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace mien {
namespace {

constexpr int kDirectoriesMax = 32;
constexpr std::uint32_t kEntryBytes = 12;

constexpr std::uint32_t kWidth = 256;
constexpr std::uint32_t kHeight = 257;
constexpr std::uint32_t kCompression = 259;
constexpr std::uint32_t kPhotometric = 262;
constexpr std::uint32_t kStripOffsets = 273;
constexpr std::uint32_t kOrientation = 274;
constexpr std::uint32_t kStripBytes = 279;
constexpr std::uint32_t kTileOffsets = 324;
constexpr std::uint32_t kTileBytes = 325;
constexpr std::uint32_t kSubDirectories = 330;
constexpr std::uint32_t kJpegOffset = 513;
constexpr std::uint32_t kJpegBytes = 514;
constexpr std::uint32_t kXmpTag = 700;
constexpr std::uint32_t kExif = 34665;
constexpr std::uint32_t kTimeOriginal = 36867;
constexpr std::uint32_t kTimeDigitized = 36868;
constexpr std::uint32_t kZoneOriginal = 36881;
constexpr std::uint32_t kZoneDigitized = 36882;
constexpr std::uint32_t kDngVersion = 50706;

constexpr std::uint32_t kColourFilterArray = 32803;  // values of kPhotometric
constexpr std::uint32_t kLinearRaw = 34892;
constexpr std::uint32_t kOldJpeg = 6;  // values of kCompression
constexpr std::uint32_t kJpeg = 7;
constexpr std::uint32_t kSonyCompression = 32767;
constexpr std::uint32_t kSamsungCompression = 32770;
constexpr std::uint32_t kNikonCompression = 34713;
constexpr std::uint32_t kPentaxCompression = 65535;

// What a directory says of its image. A place with several parts counts as none.
struct Directory {
  bool has_dng_version = false;
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::uint32_t compression = 0;
  std::uint32_t photometric = 0;
  std::uint32_t orientation = 0;
  std::uint32_t data_offset = 0;  // of the only strip or tile
  std::uint32_t data_bytes = 0;
  std::uint32_t jpeg_offset = 0;
  std::uint32_t jpeg_bytes = 0;
  Bytes xmp;
  std::uint32_t exif_offset = 0;
  std::string_view time_original;  // and the others as EXIF writes them
  std::string_view time_digitized;
  std::string_view zone_original;
  std::string_view zone_digitized;

  StatedTimes times() const {
    return {read_time(time_original, zone_original), read_time(time_digitized, zone_digitized)};
  }
  bool is_sensor() const { return photometric == kColourFilterArray || photometric == kLinearRaw; }
  bool is_raw() const {
    return has_dng_version || is_sensor() || compression == kSonyCompression || compression == kSamsungCompression ||
           compression == kNikonCompression || compression == kPentaxCompression;
  }
};

class TiffWalk {
 public:
  explicit TiffWalk(Bytes bytes) : bytes_(bytes), big_endian_(bytes.size() > 1 && bytes[0] == 'M') {
    if (bytes.size() > 1 && bytes[0] == bytes[1]) push(read(4, 4));  // "II" or "MM"
  }

  // The first directory comes first.
  std::optional<Directory> next() {
    if (taken_ == seen_) return std::nullopt;
    return read_directory(offsets_[taken_++]);
  }

  StatedTimes times_of(const Directory& directory) const {
    StatedTimes times;
    if (directory.exif_offset != 0) {
      Directory exif;
      visit_entries(directory.exif_offset,
                    [&](std::uint32_t tag, std::uint64_t entry) { read_time_entry(tag, entry, exif); });
      times = exif.times();
    }
    times.add(directory.times());
    return times;
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
    const auto end = offsets_.begin() + static_cast<std::ptrdiff_t>(seen_);
    if (std::find(offsets_.begin(), end, *offset) == end) offsets_[seen_++] = *offset;
  }

  std::uint32_t count(std::uint64_t entry) const { return read(entry + 4, 4).value_or(0); }
  // A value that fits into its entry: SHORT has type 3, everything else that we ask for is LONG.
  std::uint32_t value(std::uint64_t entry) const {
    const bool is_short = read(entry + 2, 2) == 3;
    return read(entry + 8, is_short ? 2 : 4).value_or(0);
  }
  std::uint32_t only_value(std::uint64_t entry) const { return count(entry) == 1 ? value(entry) : 0; }

  void push_sub_directories(std::uint64_t entry) {
    const std::optional<std::uint32_t> first = read(entry + 8, 4);
    if (count(entry) == 1) return push(first);
    for (std::uint32_t i = 0; first && i < count(entry) && i < kDirectoriesMax; ++i) {
      push(read(std::uint64_t{*first} + std::uint64_t{4} * i, 4));
    }
  }

  Bytes long_value(std::uint64_t entry) const {
    const std::size_t offset = std::min<std::size_t>(read(entry + 8, 4).value_or(0), bytes_.size());
    return bytes_.subspan(offset, std::min<std::size_t>(count(entry), bytes_.size() - offset));
  }

  std::string_view text_value(std::uint64_t entry) const {
    constexpr std::size_t kTextBytesMax = 64;
    constexpr std::uint32_t kInEntry = 4;
    if (count(entry) <= kInEntry) return {};
    const Bytes bytes = long_value(entry);
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), std::min(bytes.size(), kTextBytesMax));
    return text.substr(0, text.find('\0'));
  }

  void read_time_entry(std::uint32_t tag, std::uint64_t entry, Directory& directory) const {
    switch (tag) {
      case kTimeOriginal: directory.time_original = text_value(entry); return;
      case kTimeDigitized: directory.time_digitized = text_value(entry); return;
      case kZoneOriginal: directory.zone_original = text_value(entry); return;
      case kZoneDigitized: directory.zone_digitized = text_value(entry); return;
      default: return;
    }
  }

  void read_entry(std::uint32_t tag, std::uint64_t entry, Directory& directory) {
    switch (tag) {
      case kWidth: directory.width = value(entry); return;
      case kHeight: directory.height = value(entry); return;
      case kCompression: directory.compression = value(entry); return;
      case kPhotometric: directory.photometric = value(entry); return;
      case kOrientation: directory.orientation = value(entry); return;
      case kStripOffsets:
      case kTileOffsets: directory.data_offset = only_value(entry); return;
      case kStripBytes:
      case kTileBytes: directory.data_bytes = only_value(entry); return;
      case kJpegOffset: directory.jpeg_offset = value(entry); return;
      case kJpegBytes: directory.jpeg_bytes = value(entry); return;
      case kXmpTag: directory.xmp = long_value(entry); return;
      case kExif: directory.exif_offset = value(entry); return;
      case kDngVersion: directory.has_dng_version = true; return;
      case kSubDirectories: push_sub_directories(entry); return;
      default: read_time_entry(tag, entry, directory); return;
    }
  }

  Directory read_directory(std::uint64_t offset) {
    Directory directory;
    const std::optional<std::uint64_t> end =
        visit_entries(offset, [&](std::uint32_t tag, std::uint64_t entry) { read_entry(tag, entry, directory); });
    if (end) push(read(*end, 4));
    return directory;
  }

  // Where the entries end; empty: the file ends before.
  template <typename Visit>
  std::optional<std::uint64_t> visit_entries(std::uint64_t offset, Visit visit) const {
    const std::uint32_t entries = read(offset, 2).value_or(0);
    for (std::uint32_t i = 0; i < entries; ++i) {
      const std::uint64_t entry = offset + 2 + std::uint64_t{kEntryBytes} * i;
      const std::optional<std::uint32_t> tag = read(entry, 2);
      if (!tag) return std::nullopt;
      visit(*tag, entry);
    }
    return offset + 2 + std::uint64_t{kEntryBytes} * entries;
  }

  Bytes bytes_;
  bool big_endian_;
  std::array<std::uint32_t, kDirectoriesMax> offsets_{};
  std::size_t seen_ = 0;
  std::size_t taken_ = 0;
};

// The size that the header of a JPEG states, of a kind that can be read: raw data may be JPEG too, lossless.
std::optional<StatedSize> jpeg_size(Bytes jpeg) {
  if (jpeg.size() < 4 || jpeg[0] != 0xFF || jpeg[1] != 0xD8) return std::nullopt;
  const auto read_be16 = [&](std::size_t at) { return jpeg[at] << 8 | jpeg[at + 1]; };
  constexpr std::size_t kFrameBytes = 9;
  for (std::size_t at = 2; at + kFrameBytes <= jpeg.size();) {
    const int marker = jpeg[at + 1];
    if (jpeg[at] != 0xFF) return std::nullopt;
    if (marker == 0xFF) {  // padding
      ++at;
    } else if (marker >= 0xC0 && marker <= 0xC2) {
      return StatedSize{read_be16(at + 7), read_be16(at + 5)};
    } else {
      at += 2 + static_cast<std::size_t>(read_be16(at + 2));
    }
  }
  return std::nullopt;
}

void take_preview(Bytes encoded, std::uint32_t offset, std::uint32_t bytes, StoredPreview& preview) {
  if (offset == 0 || bytes == 0 || offset >= encoded.size()) return;
  const Bytes jpeg = encoded.subspan(offset, std::min<std::size_t>(bytes, encoded.size() - offset));
  const std::optional<StatedSize> size = jpeg_size(jpeg);
  if (!size || size->width * size->height <= preview.size.width * preview.size.height) return;
  preview.jpeg = jpeg;
  preview.size = *size;
}

}  // namespace

bool is_camera_raw(Bytes encoded) {
  TiffWalk walk(encoded);
  while (const std::optional<Directory> directory = walk.next()) {
    if (directory->is_raw()) return true;
  }
  return false;
}

StoredPreview find_stored_preview(Bytes encoded) {
  StoredPreview preview;
  TiffWalk walk(encoded);
  while (const std::optional<Directory> directory = walk.next()) {
    const bool states_orientation = directory->orientation >= 1 && directory->orientation <= 8;
    if (!preview.orientation && states_orientation) preview.orientation = static_cast<int>(directory->orientation);
    if (preview.xmp.empty()) preview.xmp = directory->xmp;
    preview.times.add(walk.times_of(*directory));
    take_preview(encoded, directory->jpeg_offset, directory->jpeg_bytes, preview);
    if (directory->is_sensor()) {
      const StatedSize size{directory->width, directory->height};
      if (size.width * size.height > preview.photo.width * preview.photo.height) preview.photo = size;
    } else if (directory->compression == kJpeg || directory->compression == kOldJpeg) {
      take_preview(encoded, directory->data_offset, directory->data_bytes, preview);
    }
  }
  return preview;
}

StatedTimes find_tiff_times(Bytes encoded) {
  StatedTimes times;
  TiffWalk walk(encoded);
  while (const std::optional<Directory> directory = walk.next()) times.add(walk.times_of(*directory));
  return times;
}

}  // namespace mien
