// stb_image decodes a whole image or nothing, and takes zeros for bytes that are missing. So it is given bands of rows,
// each as a small image of its own with a header that we write: that bounds memory, lets somebody stop in between, and
// tells which rows a truncated file has. A band's header has always the same form and a palette that covers every
// value, so that little of what stands in the file reaches its parser.
//
// Memory, beside the pixels of `out` (3 bytes a pixel): one band.
#include "image/codecs_built.h"

#include <fmt/format.h>
#include <stb/stb_image.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/dynamic_library.h"
#include "image/formats/damage.h"
#include "image/limits.h"

namespace mien {
namespace {

constexpr std::int64_t kBandPixels = 1 << 18;
constexpr std::size_t kFileHeaderBytes = 14;
constexpr std::size_t kOldHeaderBytes = 12;  // OS/2's first, which Windows 2 used too
constexpr std::size_t kHeaderBytes = 40;
constexpr std::size_t kMaskBytes = 12;
constexpr std::uint32_t kUncompressed = 0;  // values of compression
constexpr std::uint32_t kRunLength8 = 1;
constexpr std::uint32_t kRunLength4 = 2;
constexpr std::uint32_t kBitFields = 3;
constexpr std::uint32_t kAlphaBitFields = 6;

struct BmpLibrary {
  DynamicLibrary library{kSTBSoname, "libstb0"};
  decltype(&stbi_load_from_callbacks) load = library["stbi_load_from_callbacks"];
  decltype(&stbi_image_free) free = library["stbi_image_free"];
  decltype(&stbi_failure_reason) failure_reason = library["stbi_failure_reason"];
};

std::uint32_t get(Bytes bytes, std::size_t offset, std::size_t size) {
  std::uint32_t value = 0;
  for (std::size_t i = size; i-- > 0;) value = value << 8 | bytes[offset + i];
  return value;
}

void put(std::uint64_t value, std::size_t size, std::vector<std::uint8_t>& bytes) {
  for (std::size_t i = 0; i < size; ++i) bytes.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

struct BmpFacts {
  std::int64_t width = 0;
  std::int64_t height = 0;
  bool top_down = false;
  std::uint32_t bits = 0;  // a pixel
  std::uint32_t compression = kUncompressed;
  std::size_t pixels_at = 0;
  std::size_t row_bytes = 0;
  std::vector<std::uint8_t> masks;    // empty, or three of 32 bits
  std::vector<std::uint8_t> palette;  // empty, or 256 entries of four bytes
};

std::vector<std::uint8_t> read_palette(Bytes file, std::size_t at, std::size_t entry_bytes, const BmpFacts& facts) {
  std::vector<std::uint8_t> palette(256 * 4);
  const std::size_t end = std::min(facts.pixels_at, file.size());
  const std::size_t there = end > at ? (end - at) / entry_bytes : 0;
  const std::size_t count = std::min(there, std::size_t{1} << facts.bits);
  for (std::size_t i = 0; i < count; ++i) std::memcpy(&palette[4 * i], file.data() + at + entry_bytes * i, 3);
  return palette;
}

Error unsupported(const std::string& what) {
  return {ErrorCode::unsupported, "BMP images " + what + " cannot be read"};
}

std::optional<Error> check_kind(const BmpFacts& facts) {
  if (facts.compression == kRunLength8 || facts.compression == kRunLength4) {
    return unsupported("with run-length compression");
  }
  const bool masked = facts.compression == kBitFields;
  if (facts.compression != kUncompressed && !masked) {
    return unsupported(fmt::format("of compression {}", facts.compression));
  }
  constexpr std::array<std::uint32_t, 6> kBits = {1, 4, 8, 16, 24, 32};
  const bool known = std::find(kBits.begin(), kBits.end(), facts.bits) != kBits.end();
  if (!known || (masked && facts.bits != 16 && facts.bits != 32)) {
    return unsupported(fmt::format("of {} bits a pixel", facts.bits));
  }
  if (facts.width <= 0 || facts.height <= 0) return Error{ErrorCode::bad_data, "the BMP image has no pixels"};
  return std::nullopt;
}

Result<BmpFacts> read_facts(Bytes file) {
  const Error short_file{ErrorCode::bad_data, "the file ends before the BMP image in it begins"};
  if (file.size() < kFileHeaderBytes + kOldHeaderBytes) return short_file;
  BmpFacts facts;
  facts.pixels_at = get(file, 10, 4);
  const std::size_t header_bytes = get(file, 14, 4);
  const bool old = header_bytes == kOldHeaderBytes;
  if (!old && header_bytes < kHeaderBytes) {
    return Error{ErrorCode::bad_data, fmt::format("the BMP header says that it has {} bytes", header_bytes)};
  }
  if (!old && file.size() < kFileHeaderBytes + kHeaderBytes) return short_file;
  const std::size_t side = old ? 2 : 4;
  const auto width = static_cast<std::int32_t>(get(file, 18, side));
  const auto height = static_cast<std::int32_t>(get(file, 18 + side, side));
  facts.width = width;
  facts.top_down = height < 0;
  facts.height = std::abs(std::int64_t{height});
  facts.bits = get(file, 18 + 2 * side + 2, 2);
  if (!old) facts.compression = get(file, 30, 4);
  if (facts.compression == kAlphaBitFields) facts.compression = kBitFields;
  if (std::optional<Error> error = check_kind(facts)) return *error;
  facts.row_bytes = (static_cast<std::size_t>(facts.width) * facts.bits + 31) / 32 * 4;
  // The masks follow the 40 bytes; later headers count them as their own.
  if (facts.compression == kBitFields) {
    if (file.size() < kFileHeaderBytes + kHeaderBytes + kMaskBytes) return short_file;
    const Bytes masks = file.subspan(kFileHeaderBytes + kHeaderBytes, kMaskBytes);
    facts.masks.assign(masks.begin(), masks.end());
  }
  if (facts.bits <= 8) facts.palette = read_palette(file, kFileHeaderBytes + header_bytes, old ? 3 : 4, facts);
  return facts;
}

// A file of `rows` rows for stb_image: the header and, at its end, nothing.
std::vector<std::uint8_t> make_header(const BmpFacts& facts, int rows) {
  std::vector<std::uint8_t> header = {'B', 'M'};
  put(0, 8, header);
  put(static_cast<std::uint32_t>(kFileHeaderBytes + kHeaderBytes + facts.masks.size() + facts.palette.size()), 4,
      header);
  put(kHeaderBytes, 4, header);
  put(static_cast<std::uint32_t>(facts.width), 4, header);
  put(static_cast<std::uint32_t>(facts.top_down ? -rows : rows), 4, header);
  put(1, 2, header);
  put(facts.bits, 2, header);
  put(facts.compression, 4, header);
  put(0, 8, header);
  put(0, 8, header);
  put(0, 4, header);
  header.insert(header.end(), facts.masks.begin(), facts.masks.end());
  header.insert(header.end(), facts.palette.begin(), facts.palette.end());
  return header;
}

// Two pieces of memory that stb_image reads as one file.
struct BandSource {
  Bytes header;
  Bytes rows;
  std::size_t at = 0;

  std::size_t size() const { return header.size() + rows.size(); }
  int read(char* to, int wanted) {
    int count = 0;
    while (count < wanted && at < size()) {
      const Bytes part = at < header.size() ? header.subspan(at) : rows.subspan(at - header.size());
      const std::size_t step = std::min(static_cast<std::size_t>(wanted - count), part.size());
      std::memcpy(to + count, part.data(), step);
      count += static_cast<int>(step);
      at += step;
    }
    return count;
  }
};

constexpr stbi_io_callbacks kCallbacks = {
    [](void* source, char* to, int size) { return static_cast<BandSource*>(source)->read(to, size); },
    [](void* source, int count) {
      BandSource& band = *static_cast<BandSource*>(source);
      const auto at = static_cast<std::int64_t>(band.at) + count;
      band.at = static_cast<std::size_t>(std::clamp<std::int64_t>(at, 0, static_cast<std::int64_t>(band.size())));
    },
    [](void* source) {
      const BandSource& band = *static_cast<BandSource*>(source);
      return band.at >= band.size() ? 1 : 0;
    },
};

// Rows `first` to `first + rows` in the order of the file.
Result<Done> decode_band(Bytes file, const BmpFacts& facts, int first, int rows, Image& pixels) {
  const BmpLibrary& stb = *opened_once<BmpLibrary>();
  const std::vector<std::uint8_t> header = make_header(facts, rows);
  BandSource source{header, file.subspan(facts.pixels_at + facts.row_bytes * static_cast<std::size_t>(first),
                                         facts.row_bytes * static_cast<std::size_t>(rows))};
  int width = 0;
  int height = 0;
  int channels = 0;
  const std::unique_ptr<stbi_uc, decltype(stb.free)> decoded(
      stb.load(&kCallbacks, &source, &width, &height, &channels, 3), stb.free);
  if (decoded == nullptr || width != pixels.width() || height != rows) {
    const char* reason = stb.failure_reason();
    return Error{ErrorCode::bad_data,
                 fmt::format("the BMP image cannot be read: {}", reason != nullptr ? reason : "broken data")};
  }
  const int top = facts.top_down ? first : pixels.height() - first - rows;
  std::memcpy(pixels.row(top), decoded.get(), pixels.stride() * static_cast<std::size_t>(rows));
  return Done{};
}

void fill_missing(const BmpFacts& facts, int rows, DecodedImage& out) {
  const int missing = out.stored_height - rows;
  if (missing == 0) return;
  if (facts.top_down) {
    fill_gray_from(rows, out.pixels);
  } else {
    std::memset(out.pixels.data(), kMissingGray, out.pixels.stride() * static_cast<std::size_t>(missing));
  }
  out.warnings.push_back(fmt::format("truncated: the file ends after {} % of the rows{}; the rest is gray",
                                     row_percent(rows, out.stored_height),
                                     facts.top_down ? "" : ", counted from the bottom"));
}

}  // namespace

Result<Done> open_bmp() { return open_result(opened_once<BmpLibrary>()); }

Result<Done> decode_bmp(Bytes encoded, const DecodeOptions& options, DecodedImage& out) {
  DecodeWatch watch(options.limits, options.stop);
  const Result<BmpFacts> read = read_facts(encoded);
  if (!read) return read.error();
  const BmpFacts& facts = *read;
  const StatedSize size{facts.width, facts.height};
  if (std::optional<Error> error = take_size(size, options.limits, out)) return *error;
  const int band_rows = static_cast<int>(std::max<std::int64_t>(1, kBandPixels / size.width));
  const double bytes = 3.0 * static_cast<double>(size.width) * static_cast<double>(size.height + band_rows);
  if (std::optional<Error> error = check_memory_limit(bytes, size, options.limits)) return *error;
  const std::size_t there = encoded.size() > facts.pixels_at ? encoded.size() - facts.pixels_at : 0;
  const int rows =
      static_cast<int>(std::min<std::size_t>(there / facts.row_bytes, static_cast<std::size_t>(size.height)));
  if (rows == 0) return Error{ErrorCode::bad_data, "the file ends before the first row of the BMP image"};
  // From here on the size is within the limits, and memory may be taken.
  out.pixels.reset(out.stored_width, out.stored_height, 3);
  for (int first = 0; first < rows; first += band_rows) {
    if (watch.must_end()) return watch.error();
    const Result<Done> band = decode_band(encoded, facts, first, std::min(band_rows, rows - first), out.pixels);
    if (!band) return band;
  }
  fill_missing(facts, rows, out);
  return Done{};
}

}  // namespace mien
