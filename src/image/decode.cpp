// Which decoder reads what. To add a format: one file with its decode function, and its name in the rows below.
#include "image/decode.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <optional>
#include <string_view>

#include "image/jpeg.h"
#include "image/limits.h"
#include "image/png.h"

namespace mien {
namespace {

using namespace std::string_view_literals;

using DecodeFunction = Result<Done> (*)(Bytes, const DecodeOptions&, DecodedImage&);

// A beginning that files of one kind share; '?' stands for any byte.
struct Signature {
  std::string_view bytes;
  std::string_view name;  // of a format: as in JSON; of anything else: as a sentence needs it
};

struct Format {
  Signature signature;
  std::string_view title;  // "<title> images cannot be read by this build yet"
  DecodeFunction decode;   // null: known, and not built in
};

// The first row that matches counts, so that a kind of TIFF or of MP4 comes before the general one.
constexpr Format kFormats[] = {
    {{"\xFF\xD8"sv, "jpeg"}, "JPEG", decode_jpeg},
    {{"\x89PNG\r\n\x1A\n"sv, "png"}, "PNG", decode_png},
    {{"RIFF????WEBP"sv, "webp"}, "WebP", nullptr},
    {{"GIF87a"sv, "gif"}, "GIF", nullptr},
    {{"GIF89a"sv, "gif"}, "GIF", nullptr},
    {{"BM????\0\0\0\0"sv, "bmp"}, "BMP", nullptr},
    {{"????ftypheic"sv, "heic"}, "HEIC", nullptr},
    {{"????ftypheix"sv, "heic"}, "HEIC", nullptr},
    {{"????ftyphevc"sv, "heic"}, "HEIC", nullptr},
    {{"????ftypheim"sv, "heic"}, "HEIC", nullptr},
    {{"????ftypheis"sv, "heic"}, "HEIC", nullptr},
    {{"????ftypmif1"sv, "heic"}, "HEIF", nullptr},
    {{"????ftypmsf1"sv, "heic"}, "HEIF", nullptr},
    {{"????ftypavif"sv, "avif"}, "AVIF", nullptr},
    {{"????ftypavis"sv, "avif"}, "AVIF", nullptr},
    {{"????ftypcrx "sv, "raw"}, "Canon CR3 raw", nullptr},
    {{"II*\0????CR"sv, "raw"}, "Canon CR2 raw", nullptr},
    {{"II\x1A\0\0\0HEAPCCDR"sv, "raw"}, "Canon CRW raw", nullptr},
    {{"IIRO"sv, "raw"}, "Olympus raw", nullptr},
    {{"IIRS"sv, "raw"}, "Olympus raw", nullptr},
    {{"MMOR"sv, "raw"}, "Olympus raw", nullptr},
    {{"IIU\0"sv, "raw"}, "Panasonic raw", nullptr},
    {{"FUJIFILMCCD-RAW"sv, "raw"}, "Fujifilm raw", nullptr},
    {{"FOVb"sv, "raw"}, "Sigma raw", nullptr},
    {{"\0MRM"sv, "raw"}, "Minolta raw", nullptr},
    // Most cameras' raw files (NEF, ARW, DNG, PEF) are TIFF files too.
    {{"II*\0"sv, "tiff"}, "TIFF (or camera raw)", nullptr},
    {{"MM\0*"sv, "tiff"}, "TIFF (or camera raw)", nullptr},
    {{"II+\0"sv, "tiff"}, "BigTIFF", nullptr},
    {{"MM\0+"sv, "tiff"}, "BigTIFF", nullptr},
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

// What turns up in folders of photos without being one. Letters match in either case.
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

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool matches(Bytes bytes, std::string_view pattern) {
  if (bytes.size() < pattern.size()) return false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '?' && static_cast<char>(bytes[i]) != pattern[i]) return false;
  }
  return true;
}

bool matches_in_any_case(Bytes bytes, std::string_view pattern) {
  if (bytes.size() < pattern.size()) return false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '?' && lower(static_cast<char>(bytes[i])) != lower(pattern[i])) return false;
  }
  return true;
}

const Format* find_format(Bytes encoded) {
  for (const Format& format : kFormats) {
    if (matches(encoded, format.signature.bytes)) return &format;
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

// What the first bytes look like, for whoever wonders why a file is not an image.
std::string describe_stranger(Bytes encoded) {
  constexpr std::size_t kLook = 64;
  constexpr std::size_t kShown = 8;
  Bytes start = encoded.first(std::min(encoded.size(), kLook));
  if (std::all_of(start.begin(), start.end(), [](std::uint8_t b) { return b == 0; })) {
    return "it begins with zero bytes, as files do that were never written to the end";
  }
  // Text may begin with a byte order mark and blanks.
  Bytes text = start;
  if (matches(text, "\xEF\xBB\xBF"sv)) text = text.subspan(3);
  while (!text.empty() && (text[0] == ' ' || text[0] == '\t' || text[0] == '\r' || text[0] == '\n')) {
    text = text.subspan(1);
  }
  for (const Signature& stranger : kStrangers) {
    if (matches_in_any_case(text, stranger.bytes)) return fmt::format("it looks like {}", stranger.name);
  }
  if (is_text(start)) return "it looks like text";
  std::string shown;
  for (const std::uint8_t byte : start.first(std::min(start.size(), kShown))) {
    shown += fmt::format(" {:02X}", byte);
  }
  return "it begins with the bytes" + shown;
}

}  // namespace

Result<Done> decode_image(Bytes encoded, const DecodeOptions& options, DecodedImage& out) {
  assert(options.scale_denominator == 1 || options.scale_denominator == 2 || options.scale_denominator == 4 ||
         options.scale_denominator == 8);
  out.format.clear();
  out.stored_width = 0;
  out.stored_height = 0;
  out.orientation = 1;
  out.warnings.clear();
  if (encoded.empty()) return Error{ErrorCode::bad_data, "the file is empty"};
  if (std::optional<Error> error = check_byte_limit(encoded, options.limits)) return *error;
  const Format* format = find_format(encoded);
  if (format == nullptr) {
    return Error{ErrorCode::bad_data, "not an image: " + describe_stranger(encoded)};
  }
  out.format = format->signature.name;
  if (format->decode == nullptr) {
    return Error{ErrorCode::unsupported, fmt::format("{} images cannot be read by this build yet", format->title)};
  }
  return format->decode(encoded, options, out);
}

std::vector<std::string> decodable_formats() {
  std::vector<std::string> names;
  for (const Format& format : kFormats) {
    if (format.decode == nullptr) continue;
    // A format with several beginnings has several rows.
    const std::string name(format.signature.name);
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

}  // namespace mien
