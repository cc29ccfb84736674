// Bytes of one format -> pixels. Built once a format: MIEN_FUZZ_FORMAT is its name in kKinds.
#include <algorithm>
#include <iterator>

#include "../mutate.h"
#include "../target.h"
#include "image/decode.h"
#include "image/orientation.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t size_max);
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t size_max,
                                               unsigned int seed);

namespace mien::fuzz {
namespace {

using namespace std::string_view_literals;

// The bytes that files of a kind begin with; '?' stays as it is. With several beginnings an input keeps the one that it
// has.
struct Kind {
  std::string_view name;
  std::string_view beginnings[2];
};

constexpr Kind kKinds[] = {
    {"jpeg", {"\xFF\xD8\xFF"sv}},
    {"png", {"\x89PNG\r\n\x1A\n"sv}},
    {"webp", {"RIFF????WEBP"sv}},
    {"gif", {"GIF89a"sv, "GIF87a"sv}},
    {"bmp", {"BM????\0\0\0\0"sv}},
    {"tiff", {"II*\0"sv, "MM\0*"sv}},
    {"heic", {"????ftypheic"sv, "????ftypmif1"sv}},
    {"avif", {"????ftypavif"sv, "????ftypmif1"sv}},
    {"raw", {"II*\0????CR"sv, "II*\0"sv}},
};

consteval const Kind& find_kind(std::string_view name) {
  for (const Kind& kind : kKinds) {
    if (kind.name == name) return kind;
  }
  throw "no such format";
}

constexpr const Kind& kKind = find_kind(MIEN_FUZZ_FORMAT);

bool begins(Input bytes, std::string_view beginning) {
  if (bytes.size() < beginning.size()) return false;
  for (std::size_t i = 0; i < beginning.size(); ++i) {
    if (beginning[i] != '?' && bytes[i] != static_cast<std::uint8_t>(beginning[i])) return false;
  }
  return true;
}

// Without this most inputs would end at the first look at what they are.
void set_beginning(std::span<std::uint8_t> bytes) {
  for (const std::string_view beginning : kKind.beginnings) {
    if (!beginning.empty() && begins(bytes, beginning)) return;
  }
  const std::string_view beginning = kKind.beginnings[0];
  for (std::size_t i = 0; i < std::min(bytes.size(), beginning.size()); ++i) {
    if (beginning[i] != '?') bytes[i] = static_cast<std::uint8_t>(beginning[i]);
  }
}

DecodeOptions options_for(std::size_t size) {
  constexpr int kScales[] = {1, 1, 1, 2, 4, 8};
  DecodeOptions options;
  options.limits.pixels_max = 250'000;
  options.limits.side_max = 2000;
  options.limits.memory_bytes_max = std::size_t{256} << 20;
  options.limits.frames_max = 1000;
  options.limits.seconds_max = 1;
  options.scale_denominator = kScales[size % std::size(kScales)];
  return options;
}

void check(const DecodedImage& image, const DecodeOptions& options, Image& upright) {
  require(image.pixels.channels() == 3 && !image.pixels.empty(), "the pixels are RGB");
  require(image.orientation >= 1 && image.orientation <= 8, "the orientation is one of EXIF's");
  require(std::int64_t{1} * image.stored_width * image.stored_height <= options.limits.pixels_max,
          "the image is within the limit of pixels");
  require(!image.format.empty(), "the format has a name");
  // Every row is read, so that a sanitizer sees what lies outside.
  apply_orientation(image.pixels, image.orientation, upright);
  volatile std::uint8_t mixed = 0;
  for (std::size_t i = 0; i < upright.size_bytes(); i += 61) mixed = mixed ^ upright.data()[i];
}

}  // namespace
}  // namespace mien::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mien;
  static DecodedImage image;
  static Image upright;
  fuzz::ByteVector bytes(data, data + size);
  fuzz::set_beginning(bytes);
  const DecodeOptions options = fuzz::options_for(size);
  const Result<Done> decoded = decode_image(bytes, options, image);
  if (decoded) {
    fuzz::check(image, options, upright);
  } else {
    fuzz::require(decoded.error().code != ErrorCode::internal, "no file makes an internal error");
    fuzz::require(!decoded.error().message.empty(), "an error has a message");
  }
  return 0;
}

// libFuzzer's own edits half of the time, and edits that know the structure of the file.
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t size_max,
                                               unsigned int seed) {
  mien::fuzz::Random random(seed);
  if (random.below(2) == 0) {
    size = LLVMFuzzerMutate(data, size, size_max);
  }
  mien::fuzz::ByteVector bytes(data, data + size);
  if (random.below(2) == 0) mien::fuzz::edit_once(bytes, random, size_max);
  if (random.below(8) != 0) mien::fuzz::repair_png_checksums(bytes);
  if (bytes.size() > size_max) bytes.resize(size_max);
  mien::fuzz::set_beginning(bytes);
  std::copy(bytes.begin(), bytes.end(), data);
  return bytes.size();
}
