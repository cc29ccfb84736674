// Which decoder reads what. To add a format: one file with its decode function, which codec.h declares, its name in the
// rows below, and a line in cmake/codecs.cmake when its library is opened on first use.
#include "image/decode.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <new>
#include <optional>
#include <string_view>

#include "base/text.h"
#include "image/codecs_built.h"
#include "image/colour.h"
#include "image/formats/camera_raw.h"
#include "image/limits.h"
#include "image/phash.h"
#include "image/sandbox.h"

namespace mien {
namespace {

using namespace std::string_view_literals;

// A beginning that files of one kind share; '?' stands for any byte.
struct Signature {
  std::string_view bytes;
  std::string_view name;  // of a format: as in JSON; of anything else: as a sentence needs it
};

struct Format {
  Signature signature;
  std::string_view title;          // "<title> images cannot be read"
  const Codec* codec;              // null: known, and nothing of ours reads it
  bool (*is_it)(Bytes) = nullptr;  // looks further, where the beginning alone does not decide
};

constexpr Codec kJpegCodec = {"libjpeg", "libjpeg-dev", decode_jpeg, nullptr};
constexpr Codec kPngCodec = {"libpng", "libpng-dev", decode_png, nullptr};

// The first row that matches counts, so that a kind of TIFF or of MP4 comes before the general one.
constexpr Format kFormats[] = {
    {{"\xFF\xD8"sv, "jpeg"}, "JPEG", &kJpegCodec},
    {{"\x89PNG\r\n\x1A\n"sv, "png"}, "PNG", &kPngCodec},
    {{"RIFF????WEBP"sv, "webp"}, "WebP", &kWebpCodec},
    {{"GIF87a"sv, "gif"}, "GIF", &kGifCodec},
    {{"GIF89a"sv, "gif"}, "GIF", &kGifCodec},
    {{"BM????\0\0\0\0"sv, "bmp"}, "BMP", &kBmpCodec},
    {{"????ftypheic"sv, "heic"}, "HEIC", &kHeifCodec},
    {{"????ftypheix"sv, "heic"}, "HEIC", &kHeifCodec},
    {{"????ftyphevc"sv, "heic"}, "HEIC", &kHeifCodec},
    {{"????ftypheim"sv, "heic"}, "HEIC", &kHeifCodec},
    {{"????ftypheis"sv, "heic"}, "HEIC", &kHeifCodec},
    {{"????ftyphevm"sv, "heic"}, "HEIC", &kHeifCodec},
    {{"????ftyphevs"sv, "heic"}, "HEIC", &kHeifCodec},
    {{"????ftypmif1"sv, "heic"}, "HEIF", &kHeifCodec},
    {{"????ftypmsf1"sv, "heic"}, "HEIF", &kHeifCodec},
    {{"????ftypheif"sv, "heic"}, "HEIF", &kHeifCodec},
    {{"????ftypjpeg"sv, "heic"}, "JPEG in HEIF", &kHeifCodec},
    {{"????ftypavif"sv, "avif"}, "AVIF", &kHeifCodec},
    {{"????ftypavis"sv, "avif"}, "AVIF", &kHeifCodec},
    {{"????ftypcrx "sv, "raw"}, "Canon CR3 raw", &kRawCodec},
    {{"II*\0????CR"sv, "raw"}, "Canon CR2 raw", &kRawCodec},
    {{"II\x1A\0\0\0HEAPCCDR"sv, "raw"}, "Canon CRW raw", &kRawCodec},
    {{"IIRO"sv, "raw"}, "Olympus raw", &kRawCodec},
    {{"IIRS"sv, "raw"}, "Olympus raw", &kRawCodec},
    {{"MMOR"sv, "raw"}, "Olympus raw", &kRawCodec},
    {{"IIU\0"sv, "raw"}, "Panasonic raw", &kRawCodec},
    {{"FUJIFILMCCD-RAW"sv, "raw"}, "Fujifilm raw", &kRawCodec},
    {{"FOVb"sv, "raw"}, "Sigma raw", &kRawCodec},
    {{"\0MRM"sv, "raw"}, "Minolta raw", &kRawCodec},
    // Most cameras' raw files (NEF, ARW, DNG, PEF) are TIFF files too.
    {{"II*\0"sv, "raw"}, "camera raw", &kRawCodec, is_camera_raw},
    {{"MM\0*"sv, "raw"}, "camera raw", &kRawCodec, is_camera_raw},
    {{"II*\0"sv, "tiff"}, "TIFF", &kTiffCodec},
    {{"MM\0*"sv, "tiff"}, "TIFF", &kTiffCodec},
    {{"II+\0"sv, "tiff"}, "BigTIFF", &kTiffCodec},
    {{"MM\0+"sv, "tiff"}, "BigTIFF", &kTiffCodec},
    {{"\0\0\0\x0CJXL "sv, "jxl"}, "JPEG XL", nullptr},
    {{"\xFF\x0A"sv, "jxl"}, "JPEG XL", nullptr},
    {{"\0\0\0\x0CjP  "sv, "jp2"}, "JPEG 2000", nullptr},
    {{"\xFF\x4F\xFF\x51"sv, "jp2"}, "JPEG 2000", nullptr},
    {{"8BPS"sv, "psd"}, "Photoshop", nullptr},
    {{"\0\0\1\0"sv, "ico"}, "icon", nullptr},
    {{"v/1\1"sv, "exr"}, "OpenEXR", nullptr},
    {{"#?RADIANCE"sv, "hdr"}, "Radiance HDR", nullptr},
    {{"qoif"sv, "qoi"}, "QOI", nullptr},
    {{"DDS "sv, "dds"}, "DirectDraw", nullptr},
    {{"P5\n"sv, "pnm"}, "PGM", nullptr},
    {{"P6\n"sv, "pnm"}, "PPM", nullptr},
    {{"<svg"sv, "svg"}, "SVG", nullptr},
};

// Files that are found in folders of photos and are no photos. Letters match in either case.
constexpr Signature kStrangers[] = {
    {"<!doctype html"sv, "an HTML page"},
    {"<html"sv, "an HTML page"},
    {"<head"sv, "an HTML page"},
    {"<?xml"sv, "XML"},
    {"%PDF-"sv, "a PDF document"},
    {"PK\x03\x04"sv, "a ZIP archive (or an office document)"},
    {"\x1F\x8B"sv, "a gzip archive"},
    {"7z\xBC\xAF\x27\x1C"sv, "a 7-Zip archive"},
    {"Rar!"sv, "a RAR archive"},
    {"????ftyp"sv, "an MP4 or QuickTime video"},
    {"????moov"sv, "an MP4 or QuickTime video"},
    {"RIFF????AVI "sv, "an AVI video"},
    {"RIFF????WAVE"sv, "a sound file"},
    {"\x1A\x45\xDF\xA3"sv, "a Matroska or WebM video"},
    {"ID3"sv, "a sound file"},
    {"OggS"sv, "an Ogg file"},
    {"\177ELF"sv, "a program"},
    {"MZ"sv, "a Windows program"},
    {"SQLite format 3"sv, "an SQLite database"},
    {"version https://git-lfs"sv, "a Git LFS pointer, whose file was not fetched"},
    {"{"sv, "JSON"},
    {"[{"sv, "JSON"},
};

bool matches(Bytes bytes, std::string_view pattern) {
  if (bytes.size() < pattern.size()) return false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '?' && static_cast<char>(bytes[i]) != pattern[i]) return false;
  }
  return true;
}

// HEIF files state what they are by brands of four letters: the major one, which may name the container alone, and
// more that say with which codec.
const Format* find_heif_format(Bytes encoded) {
  constexpr std::string_view kBox = "????ftyp";
  constexpr std::size_t kBrand = 4;
  constexpr std::size_t kBrandsMax = 64;
  constexpr std::string_view kContainers[] = {"mif1", "msf1", "heif"};
  if (!matches(encoded, kBox)) return nullptr;
  const std::size_t box = static_cast<std::size_t>(encoded[2] << 8 | encoded[3]);
  const Bytes brands = encoded.first(std::min({encoded.size(), box, kBox.size() + kBrandsMax * kBrand}));
  const Format* container = nullptr;
  // Behind the major brand comes its version.
  for (std::size_t at = kBox.size(); at + kBrand <= brands.size(); at += at == kBox.size() ? 2 * kBrand : kBrand) {
    for (const Format& format : kFormats) {
      const std::string_view signature = format.signature.bytes;
      if (!signature.starts_with(kBox) || !matches(brands.subspan(at), signature.substr(kBox.size()))) continue;
      const std::string_view brand = signature.substr(kBox.size());
      if (std::find(std::begin(kContainers), std::end(kContainers), brand) == std::end(kContainers)) return &format;
      if (container == nullptr) container = &format;
    }
  }
  return container;
}

const Format* find_format(Bytes encoded) {
  if (const Format* format = find_heif_format(encoded)) return format;
  for (const Format& format : kFormats) {
    if (!matches(encoded, format.signature.bytes)) continue;
    if (format.is_it == nullptr || format.is_it(encoded)) return &format;
  }
  return nullptr;
}

// Letters beyond ASCII are allowed where most bytes are ASCII.
bool is_text(Bytes bytes) {
  std::size_t ascii = 0;
  for (const std::uint8_t byte : bytes) {
    const bool blank = byte == '\t' || byte == '\n' || byte == '\r';
    if ((byte < 0x20 && !blank) || byte == 0x7F) return false;
    if (byte < 0x80) ++ascii;
  }
  return ascii * 2 > bytes.size();
}

// The same in either case of letters; `bytes` are in lower case.
bool matches_letters(Bytes bytes, std::string_view pattern) {
  if (bytes.size() < pattern.size()) return false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char wanted = pattern[i] >= 'A' && pattern[i] <= 'Z' ? static_cast<char>(pattern[i] - 'A' + 'a') : pattern[i];
    if (wanted != '?' && static_cast<char>(bytes[i]) != wanted) return false;
  }
  return true;
}

// Says what the first bytes look like, for whoever wonders why a file is not an image.
std::string describe_stranger(Bytes encoded) {
  constexpr std::size_t kLook = 64;
  constexpr std::size_t kShown = 8;
  Bytes start = encoded.first(std::min(encoded.size(), kLook));
  if (std::all_of(start.begin(), start.end(), [](std::uint8_t b) { return b == 0; })) {
    return "it begins with zero bytes, as files do that were never written to the end";
  }
  // Text may begin with a byte order mark and blanks.
  std::string_view written(reinterpret_cast<const char*>(start.data()), start.size());
  if (written.starts_with("\xEF\xBB\xBF"sv)) written.remove_prefix(3);
  written.remove_prefix(std::min(written.find_first_not_of(" \t\r\n"), written.size()));
  const std::string text = lower(written);
  for (const Signature& stranger : kStrangers) {
    if (matches_letters({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}, stranger.bytes))
      return fmt::format("it looks like {}", stranger.name);
  }
  if (is_text(start)) return "it looks like text";
  std::string shown;
  for (const std::uint8_t byte : start.first(std::min(start.size(), kShown))) {
    shown += fmt::format(" {:02X}", byte);
  }
  return "it begins with the bytes" + shown;
}

Error not_built_in(const Format& format) {
  if (format.codec == nullptr) {
    return {ErrorCode::unsupported, fmt::format("{} images cannot be read", format.title)};
  }
  return {ErrorCode::unsupported,
          fmt::format("{} images cannot be read by this build: it was built without {} (Debian package {})",
                      format.title, format.codec->library, format.codec->package)};
}

Result<Done> decode_as(const Format& format, Bytes encoded, const DecodeOptions& options, DecodedImage& out) {
  if (format.codec == nullptr || format.codec->decode == nullptr) return not_built_in(format);
  if (format.codec->open != nullptr) {
    if (const Result<Done> opened = format.codec->open(); !opened) {
      return Error{opened.error().code,
                   fmt::format("{} images cannot be read: {}", format.title, opened.error().message)};
    }
  }
  return format.codec->decode(encoded, options, out);
}

}  // namespace

Result<Done> decode_image(Bytes encoded, const DecodeOptions& options, DecodedImage& out) {
  assert(options.scale_denominator == 1 || options.scale_denominator == 2 || options.scale_denominator == 4 ||
         options.scale_denominator == 8);
  out.converted.reset(0, 0, 3);
  out.format.clear();
  out.stored_width = 0;
  out.stored_height = 0;
  out.orientation = 1;
  out.orientation_stated = false;
  out.taken.clear();
  out.xmp.clear();
  out.icc_profile.clear();
  out.warnings.clear();
  if (encoded.empty()) return Error{ErrorCode::bad_data, "the file is empty"};
  if (std::optional<Error> error = check_byte_limit(encoded, options.limits)) return *error;
  if (!options.decoder_program.empty()) return decode_in_sandbox(encoded, options, out);
  const Format* format = find_format(encoded);
  if (format == nullptr) {
    return Error{ErrorCode::bad_data, "not an image: " + describe_stranger(encoded)};
  }
  out.format = format->signature.name;
  try {
    const Result<Done> decoded = decode_as(*format, encoded, options, out);
    if (!decoded) return decoded;
    if (options.hash) out.hash = perceptual_hash(out.pixels);
    return convert_colours(options, out);
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::limit_exceeded,
                 fmt::format("this machine has not enough memory free for an image of {} x {} pixels", out.stored_width,
                             out.stored_height)};
  }
}

Beginning look_at_beginning(Bytes first_bytes) {
  if (const Format* const format = find_format(first_bytes)) return {true, format->codec != nullptr, {}};
  return {.text = describe_stranger(first_bytes)};
}

std::vector<FormatInfo> image_formats() {
  std::vector<FormatInfo> infos;
  for (const Format& format : kFormats) {
    if (format.codec == nullptr) continue;
    // A format with several beginnings has several rows.
    const std::string name(format.signature.name);
    if (std::any_of(infos.begin(), infos.end(), [&](const FormatInfo& info) { return info.name == name; })) continue;
    FormatInfo info{name, {}};
    if (format.codec->decode == nullptr) {
      info.problem = fmt::format("built without {} (Debian package {})", format.codec->library, format.codec->package);
    } else if (format.codec->open != nullptr) {
      if (const Result<Done> opened = format.codec->open(); !opened) info.problem = opened.error().message;
    }
    infos.push_back(std::move(info));
  }
  return infos;
}

}  // namespace mien
