#include "image/exif.h"

#include <libexif/exif-data.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>
#include <vector>

namespace mien {
namespace {

// A JPEG segment cannot be larger; what other files hold beyond it are previews that we don't read.
constexpr std::size_t kExifBytesMax = 65'536;

constexpr std::array<std::uint8_t, 6> kExifPrefix = {'E', 'x', 'i', 'f', 0, 0};

struct ExifRelease {
  void operator()(ExifData* data) const { exif_data_unref(data); }
};

std::optional<int> orientation_value(ExifData* data) {
  const ExifEntry* entry = exif_content_get_entry(data->ifd[EXIF_IFD_0], EXIF_TAG_ORIENTATION);
  if (entry == nullptr || entry->data == nullptr || entry->components < 1) return std::nullopt;
  const ExifByteOrder order = exif_data_get_byte_order(data);
  // The standard says SHORT; some writers use LONG or BYTE.
  std::uint32_t value = 0;
  if (entry->format == EXIF_FORMAT_SHORT && entry->size >= 2) {
    value = exif_get_short(entry->data, order);
  } else if (entry->format == EXIF_FORMAT_LONG && entry->size >= 4) {
    value = exif_get_long(entry->data, order);
  } else if (entry->format == EXIF_FORMAT_BYTE && entry->size >= 1) {
    value = entry->data[0];
  }
  if (value < 1 || value > 8) return std::nullopt;
  return static_cast<int>(value);
}

// Of EXIF's own directory; what is longer is no time.
std::string_view text_value(ExifData* data, ExifTag tag) {
  constexpr unsigned int kTextBytesMax = 64;
  const ExifEntry* entry = exif_content_get_entry(data->ifd[EXIF_IFD_EXIF], tag);
  if (entry == nullptr || entry->data == nullptr || entry->format != EXIF_FORMAT_ASCII) return {};
  const std::string_view text(reinterpret_cast<const char*>(entry->data), std::min(entry->size, kTextBytesMax));
  return text.substr(0, text.find('\0'));
}

// EXIF 2.31 added the zones; libexif knows them as tags since 0.6.22.
constexpr auto kZoneOriginalTag = static_cast<ExifTag>(0x9011);
constexpr auto kZoneDigitizedTag = static_cast<ExifTag>(0x9012);

StatedTimes read_times(ExifData* data) {
  return {read_time(text_value(data, EXIF_TAG_DATE_TIME_ORIGINAL), text_value(data, kZoneOriginalTag)),
          read_time(text_value(data, EXIF_TAG_DATE_TIME_DIGITIZED), text_value(data, kZoneDigitizedTag))};
}

}  // namespace

ExifFacts read_exif(Bytes block) {
  if (block.empty()) return {};
  block = block.first(std::min(block.size(), kExifBytesMax));
  // libexif wants the prefix: without it, it would search the bytes for JPEG markers.
  std::vector<std::uint8_t> prefixed;
  const bool has_prefix =
      block.size() >= kExifPrefix.size() && std::equal(kExifPrefix.begin(), kExifPrefix.end(), block.begin());
  if (!has_prefix) {
    prefixed.assign(kExifPrefix.begin(), kExifPrefix.end());
    prefixed.insert(prefixed.end(), block.begin(), block.end());
    block = prefixed;
  }
  const std::unique_ptr<ExifData, ExifRelease> data(exif_data_new());
  if (data == nullptr) return {};
  // Following the specification would invent entries that are missing and convert those that are there.
  exif_data_unset_option(data.get(), EXIF_DATA_OPTION_FOLLOW_SPECIFICATION);
  exif_data_load_data(data.get(), block.data(), static_cast<unsigned int>(block.size()));
  return {orientation_value(data.get()), read_times(data.get())};
}

}  // namespace mien
