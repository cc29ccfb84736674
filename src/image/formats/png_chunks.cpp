// Nothing is trusted: a chunk that reaches beyond the file or whose checksum is wrong counts as missing, and what is
// inflated ends at a bound.
#include "image/formats/png_chunks.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mien {
namespace {

using namespace std::string_view_literals;

constexpr std::array<std::uint8_t, 8> kSignature = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
constexpr std::size_t kHeaderBytes = 13;
constexpr std::size_t kSequenceBytes = 4;                    // that stand before the data of a frame
constexpr std::size_t kTextBytesMax = std::size_t{4} << 20;  // of one text, inflated
constexpr int kTextsMax = 8;                                 // that may hold a profile

std::uint32_t read_be32(Bytes bytes, std::size_t at) {
  return std::uint32_t{bytes[at]} << 24 | std::uint32_t{bytes[at + 1]} << 16 | std::uint32_t{bytes[at + 2]} << 8 |
         bytes[at + 3];
}

std::string_view as_text(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
Bytes as_bytes(std::string_view text) { return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}; }

void put_be32(std::uint32_t value, std::vector<std::uint8_t>& out) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<std::uint8_t>(value >> shift));
}

std::uint32_t checksum_of(Bytes bytes) {
  return static_cast<std::uint32_t>(crc32(0, bytes.data(), static_cast<unsigned int>(bytes.size())));
}

bool is_whole(const PngChunk& chunk) { return checksum_of(chunk.checked) == chunk.checksum; }

void put_chunk(std::string_view name, Bytes data, std::vector<std::uint8_t>& out) {
  put_be32(static_cast<std::uint32_t>(data.size()), out);
  const std::size_t begin = out.size();
  out.insert(out.end(), name.begin(), name.end());
  out.insert(out.end(), data.begin(), data.end());
  put_be32(checksum_of(Bytes(out).subspan(begin)), out);
}

// Empty where it is broken, or larger than any profile.
std::string inflate_text(Bytes packed) {
  z_stream stream{};
  if (inflateInit(&stream) != Z_OK) return {};
  std::string text;
  std::array<char, 16'384> piece;
  // zlib's pointer is not const, and it does not write to it.
  stream.next_in = const_cast<Bytef*>(packed.data());
  stream.avail_in = static_cast<unsigned int>(packed.size());
  int status = Z_OK;
  while (status == Z_OK && text.size() <= kTextBytesMax) {
    stream.next_out = reinterpret_cast<Bytef*>(piece.data());
    stream.avail_out = piece.size();
    status = inflate(&stream, Z_NO_FLUSH);
    text.append(piece.data(), piece.size() - stream.avail_out);
  }
  inflateEnd(&stream);
  return status == Z_STREAM_END && text.size() <= kTextBytesMax ? text : std::string();
}

// Cuts off what stands before the next NUL byte.
std::string_view take_string(std::string_view& rest) {
  const std::string_view text = rest.substr(0, rest.find('\0'));
  rest.remove_prefix(std::min(text.size() + 1, rest.size()));
  return text;
}

// The text of a tEXt, zTXt or iTXt chunk behind its keyword, inflated.
std::string read_text(std::string_view chunk, std::string_view rest) {
  if (chunk == "tEXt") return std::string(rest.substr(0, kTextBytesMax));
  if (chunk == "zTXt") return rest.empty() ? "" : inflate_text(as_bytes(rest.substr(1)));  // behind the method
  if (rest.size() < 2) return {};
  const bool is_packed = rest[0] != 0;
  rest.remove_prefix(2);
  take_string(rest);  // the language
  take_string(rest);  // the keyword in it
  return is_packed ? inflate_text(as_bytes(rest)) : std::string(rest.substr(0, kTextBytesMax));
}

// -1: no digit.
int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The profiles of ImageMagick: a name and the number of bytes, a line each, then the bytes as hex digits.
std::vector<std::uint8_t> read_raw_profile(std::string_view text) {
  const auto skip = [&](std::string_view kind) {
    text.remove_prefix(std::min(text.find_first_not_of(kind), text.size()));
  };
  skip(" \r\n");
  text.remove_prefix(std::min(text.find('\n'), text.size()));
  skip(" \r\n");
  std::size_t size = 0;
  const std::from_chars_result number = std::from_chars(text.data(), text.data() + text.size(), size);
  if (number.ec != std::errc()) return {};
  text.remove_prefix(static_cast<std::size_t>(number.ptr - text.data()));
  std::vector<std::uint8_t> bytes;
  int upper = -1;
  for (const char c : text) {
    const int digit = hex_value(c);
    if (digit < 0) continue;
    if (upper < 0) {
      upper = digit;
      continue;
    }
    bytes.push_back(static_cast<std::uint8_t>(upper << 4 | digit));
    upper = -1;
    if (bytes.size() == size) break;
  }
  return bytes;
}

// What a keyword promises.
enum class Profile { exif_or_xmp, xmp, packet };
struct Keyword {
  std::string_view name;
  Profile profile;
};
constexpr Keyword kKeywords[] = {
    {"XML:com.adobe.xmp"sv, Profile::packet},          {"Raw profile type exif"sv, Profile::exif_or_xmp},
    {"Raw profile type APP1"sv, Profile::exif_or_xmp}, {"Raw profile type app1"sv, Profile::exif_or_xmp},
    {"Raw profile type xmp"sv, Profile::xmp},
};

const Keyword* find_keyword(std::string_view name) {
  const auto* const found =
      std::find_if(std::begin(kKeywords), std::end(kKeywords), [&](const Keyword& row) { return row.name == name; });
  return found != std::end(kKeywords) ? found : nullptr;
}

// EXIF and XMP out of texts, in the order of the file.
struct Texts {
  std::vector<std::vector<std::uint8_t>> exif;
  std::vector<std::vector<std::uint8_t>> xmp;
  int seen = 0;

  void take(const PngChunk& chunk) {
    std::string_view rest = as_text(chunk.data);
    const Keyword* const keyword = find_keyword(take_string(rest));
    if (keyword == nullptr || seen == kTextsMax || !is_whole(chunk)) return;
    ++seen;
    const std::string text = read_text(chunk.name, rest);
    if (keyword->profile == Profile::packet) {
      xmp.emplace_back(text.begin(), text.end());
      return;
    }
    // As in a JPEG's segment, which it may have been.
    constexpr std::string_view kXmpPrefix = "http://ns.adobe.com/xap/1.0/\0"sv;
    std::vector<std::uint8_t> bytes = read_raw_profile(text);
    const bool is_packet = as_text(bytes).starts_with(kXmpPrefix);
    if (is_packet) bytes.erase(bytes.begin(), bytes.begin() + kXmpPrefix.size());
    (is_packet || keyword->profile == Profile::xmp ? xmp : exif).push_back(std::move(bytes));
  }
};

bool is_text(std::string_view name) { return name == "tEXt" || name == "zTXt" || name == "iTXt"; }

}  // namespace

PngChunks::PngChunks(Bytes png) : rest_(png.subspan(std::min(kSignature.size(), png.size()))) {}

std::optional<PngChunk> PngChunks::next() {
  constexpr std::size_t kAround = 12;  // length, name, checksum
  if (rest_.size() < kAround) return std::nullopt;
  const std::size_t size = read_be32(rest_, 0);
  if (size > rest_.size() - kAround) return std::nullopt;
  const PngChunk chunk = {as_text(rest_.subspan(4, 4)), rest_.subspan(8, size), rest_.subspan(4, 4 + size),
                          read_be32(rest_, 8 + size)};
  rest_ = rest_.subspan(kAround + size);
  return chunk;
}

void state_png_facts(Bytes png, StatedFacts& stated) {
  Texts texts;
  int blocks = 0;
  PngChunks chunks(png);
  while (const std::optional<PngChunk> chunk = chunks.next()) {
    if (is_text(chunk->name)) texts.take(*chunk);
    if (chunk->name != "eXIf" || blocks == kTextsMax || !is_whole(*chunk)) continue;
    ++blocks;
    stated.add_exif("eXIf", chunk->data);
  }
  for (const std::vector<std::uint8_t>& block : texts.exif) stated.add_exif("EXIF in a text chunk", block);
  for (const std::vector<std::uint8_t>& packet : texts.xmp) stated.add_xmp("XMP", packet);
}

int significant_png_bits(Bytes png) {
  PngChunks chunks(png);
  while (const std::optional<PngChunk> chunk = chunks.next()) {
    if (chunk->name == "IDAT") return 0;
    if (chunk->name != "sBIT" || chunk->data.empty() || !is_whole(*chunk)) continue;
    // One a channel; with two or four of them the last is of transparency.
    const Bytes bits = chunk->data.first(chunk->data.size() - (chunk->data.size() % 2 == 0 ? 1 : 0));
    return *std::max_element(bits.begin(), bits.end());
  }
  return 0;
}

LaterPngFrames::LaterPngFrames(Bytes png) : chunks_(png) {
  while (const std::optional<PngChunk> chunk = chunks_.next()) {
    if (chunk->name == "IHDR" && chunk->data.size() == kHeaderBytes) header_ = chunk->data;
    if (chunk->name == "PLTE") palette_ = chunk->data;
    if (chunk->name == "acTL") is_animation_ = true;
    if (chunk->name == "IDAT") break;
  }
}

std::optional<PngFrame> LaterPngFrames::next() {
  if (!is_animation_ || header_.empty()) return std::nullopt;
  std::optional<PngFrame> frame;
  for (std::optional<PngChunk> chunk = take(); chunk; chunk = take()) {
    if (chunk->name == "fcTL") {
      if (frame) {
        kept_ = chunk;  // of the next one
        break;
      }
      frame = begin_frame(*chunk);
      if (!frame) return std::nullopt;
    }
    if (chunk->name == "fdAT" && frame && chunk->data.size() > kSequenceBytes) {
      put_chunk("IDAT", chunk->data.subspan(kSequenceBytes), frame->png);
    }
  }
  if (frame) put_chunk("IEND", {}, frame->png);
  return frame;
}

std::optional<PngChunk> LaterPngFrames::take() { return kept_ ? std::exchange(kept_, std::nullopt) : chunks_.next(); }

// The header of the whole image with the frame's own size.
std::optional<PngFrame> LaterPngFrames::begin_frame(const PngChunk& control) const {
  constexpr std::size_t kControlBytes = 26;
  if (control.data.size() < kControlBytes) return std::nullopt;
  const auto number = [&](std::size_t at) { return std::int64_t{read_be32(control.data, at)}; };
  PngFrame frame{{}, {number(4), number(8)}, number(12), number(16)};
  std::vector<std::uint8_t> header(header_.begin(), header_.end());
  std::copy_n(control.data.begin() + 4, 8, header.begin());
  frame.png.assign(kSignature.begin(), kSignature.end());
  put_chunk("IHDR", header, frame.png);
  if (!palette_.empty()) put_chunk("PLTE", palette_, frame.png);
  return frame;
}

}  // namespace mien
