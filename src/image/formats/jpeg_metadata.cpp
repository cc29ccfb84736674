#include "image/formats/jpeg_metadata.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>

namespace mien {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kExif = "Exif\0"sv;  // and a byte of any value
constexpr std::string_view kXmpNamespace = "http://ns.adobe.com/xap/1.0/\0"sv;
constexpr std::string_view kExtension = "http://ns.adobe.com/xmp/extension/\0"sv;

bool starts_with(Bytes bytes, std::string_view text) {
  return bytes.size() >= text.size() && std::memcmp(bytes.data(), text.data(), text.size()) == 0;
}

// A part of what XMP continues in: whose it is, how long the whole is, and where the part lies in it.
struct Part {
  static constexpr std::size_t kNameBytes = 32;
  static constexpr std::size_t kHeadBytes = kExtension.size() + kNameBytes + 8;

  std::string_view name;
  std::size_t whole = 0;
  std::size_t offset = 0;
  Bytes bytes;

  static std::optional<Part> read(Bytes segment) {
    if (segment.size() < kHeadBytes) return std::nullopt;
    const std::uint8_t* const name = segment.data() + kExtension.size();
    const auto number = [&](std::size_t at) {
      const std::uint8_t* const b = name + kNameBytes + at;
      return std::size_t{b[0]} << 24 | std::size_t{b[1]} << 16 | std::size_t{b[2]} << 8 | b[3];
    };
    return Part{{reinterpret_cast<const char*>(name), kNameBytes}, number(0), number(4), segment.subspan(kHeadBytes)};
  }
};

}  // namespace

void JpegMetadata::take(Bytes payload) {
  if (starts_with(payload, kExif)) {
    exif_.add(payload);
  } else if (starts_with(payload, kXmpNamespace)) {
    xmp_.add(payload.subspan(kXmpNamespace.size()));
  } else if (starts_with(payload, kExtension)) {
    extensions_.add(payload);
  }
}

// The parts of this name in their places; empty where some are missing.
std::vector<std::uint8_t> JpegMetadata::join_extension(const std::string& name) const {
  constexpr std::size_t kSegmentBytesMax = 65'536;
  std::vector<std::uint8_t> whole;
  std::size_t filled = 0;
  for (const Bytes segment : extensions_) {
    const std::optional<Part> part = Part::read(segment);
    if (!part || part->name != name || part->whole > kExtensionsMax * kSegmentBytesMax) continue;
    if (whole.empty()) whole.resize(part->whole);
    if (part->whole != whole.size() || part->offset > whole.size()) return {};
    if (part->bytes.size() > whole.size() - part->offset) return {};
    std::copy(part->bytes.begin(), part->bytes.end(), whole.begin() + static_cast<std::ptrdiff_t>(part->offset));
    filled += part->bytes.size();
  }
  if (filled < whole.size()) return {};
  return whole;
}

void JpegMetadata::state(StatedFacts& stated) const {
  for (const Bytes block : exif_) stated.add_exif("EXIF", block);
  for (const Bytes packet : xmp_) {
    const std::string extension = stated.add_xmp("XMP", packet);
    if (extension.empty() || extensions_.count == 0) continue;
    stated.add_xmp("XMP", join_extension(extension));
  }
}

}  // namespace mien
