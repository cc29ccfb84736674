// libpng reports errors by a function that must not return. As with JPEG: PngReader owns all that libpng touches,
// libpng is only called inside PngReader::guarded, and what runs in there makes no object with a destructor.
//
// The reader pushes the file into libpng instead of letting it pull: what a truncated file holds is then inflated
// up to its last byte.
//
// Memory, beside the pixels of `out` (3 bytes a pixel): two rows of at most 8 bytes a pixel, inflate's window, and
// at most one more copy of the file's bytes (a chunk that is cut off). Of the chunks that grow when they are inflated
// libpng reads only iCCP, as far as the profile in it says that it reaches; texts are png_chunks.cpp's.
#include "image/formats/codec.h"

#include <png.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <csetjmp>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "image/colour.h"
#include "image/formats/damage.h"
#include "image/formats/frames.h"
#include "image/formats/low_values.h"
#include "image/formats/png_chunks.h"
#include "image/icc.h"
#include "image/limits.h"

namespace mien {
namespace {

constexpr int kPasses = 7;  // of an interlaced image
constexpr std::size_t kMessageBytes = 160;
constexpr double kPixelBytes = 3;
constexpr double kRowBytes = 16;  // two rows of four samples of 16 bits

// A chunk must not make libpng allocate more than this, or than the file is large.
constexpr std::size_t kChunkBytesMax = 8'000'000;

// There should be one cICP; a file of thousands must not fill memory with them. libpng keeps two fewer.
constexpr int kKeptChunksMax = 6;

// A gamma between these is that of a screen, and the pixels are sRGB's as near as anyone can tell.
constexpr double kScreenGammaMin = 2.0;
constexpr double kScreenGammaMax = 2.4;

// All that libpng knows and is not asked for. Five bytes a name.
constexpr char kIgnoredChunks[] = "bKGD\0eXIf\0hIST\0iTXt\0oFFs\0pCAL\0sBIT\0sCAL\0sPLT\0tEXt\0tIME\0tRNS\0zTXt";
static_assert(sizeof kIgnoredChunks % 5 == 0);
constexpr int kIgnoredChunkCount = sizeof kIgnoredChunks / 5;

class PngReader {
 public:
  PngReader(Bytes encoded, DecodeWatch& watch) : encoded_(encoded), watch_(watch) {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, on_error, on_warning);
    if (png_ != nullptr) info_ = png_create_info_struct(png_);
  }
  ~PngReader() { png_destroy_read_struct(&png_, &info_, nullptr); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  bool is_open() const { return info_ != nullptr; }
  // Reads up to the first byte of pixels. False: failure() says why, and nothing when the file ends before.
  bool read_header();
  // Reads the rest of the file, as far as it goes. The rows that came lie in `pixels`.
  void read_pixels(Image& pixels);

  StatedSize size() const { return {png_get_image_width(png_, info_), png_get_image_height(png_, info_)}; }
  // Returns what the file says about its colours, by which the pixels are converted, or a warning.
  CodedColours colours() const;
  int bit_depth() const { return bit_depth_; }
  // Of 16 bits a sample: those that the largest value takes, colours alone. Known after read_pixels.
  int bits_seen() const { return std::bit_width(bits_); }
  // Before read_pixels: how many of 16 bits are used; the upper 8 of them stay.
  void set_sample_bits(int bits) { sample_bits_ = bits; }
  bool is_interlaced() const { return interlaced_; }
  bool reached_end() const { return reached_end_; }
  bool has_all_rows() const;
  int pass() const { return pass_; }
  int rows() const { return rows_; }  // of the pass, in rows of the image
  std::string failure() const { return failure_; }
  std::string warning() const { return warning_; }
  int warning_count() const { return warning_count_; }

 private:
  template <typename Step>
  bool guarded(Step step) {
    if (setjmp(jump_) != 0) return false;
    step();
    return true;
  }
  static void on_error(png_structp png, png_const_charp text);
  static void on_warning(png_structp png, png_const_charp text);
  static void on_info(png_structp png, png_infop info);
  static void on_row(png_structp png, png_bytep row, png_uint_32 y, int pass);
  static void on_wide_row(png_structp png, png_row_infop row, png_bytep samples);
  static void on_end(png_structp png, png_infop info);
  void set_limits();
  void set_output();
  void push(Bytes bytes);
  // The first chunk of this name among those that libpng keeps for us.
  Bytes kept_chunk(const char* name) const;

  Bytes encoded_;
  DecodeWatch& watch_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  std::jmp_buf jump_{};
  Image* pixels_ = nullptr;
  std::size_t bytes_left_ = 0;  // behind the header
  bool interlaced_ = false;
  bool has_header_ = false;
  bool reached_end_ = false;
  bool has_bad_profile_ = false;
  int pass_ = 0;
  int rows_ = 0;
  int warning_count_ = 0;
  int bit_depth_ = 0;
  int sample_bits_ = 16;
  unsigned int bits_ = 0;  // of all samples of 16 bits, one over the other
  char failure_[kMessageBytes] = {};
  char warning_[kMessageBytes] = {};
};

void copy_text(png_const_charp from, char* to) { std::strncpy(to, from, kMessageBytes - 1); }

void PngReader::on_error(png_structp png, png_const_charp text) {
  PngReader& reader = *static_cast<PngReader*>(png_get_error_ptr(png));
  copy_text(text, reader.failure_);
  std::longjmp(reader.jump_, 1);
}

void PngReader::on_warning(png_structp png, png_const_charp text) {
  PngReader& reader = *static_cast<PngReader*>(png_get_error_ptr(png));
  // Trouble with a chunk of colours is no corruption of pixels; colours() says what matters of it.
  for (const char* name : {"iCCP", "gAMA", "cHRM", "sRGB"}) {
    if (std::strncmp(text, name, 4) != 0) continue;
    if (name[0] == 'i') reader.has_bad_profile_ = true;
    return;
  }
  if (reader.warning_count_++ == 0) copy_text(text, reader.warning_);
}

// Called at the first byte of pixels. Reading stops here, so that limits are checked and memory is taken outside
// of libpng.
void PngReader::on_info(png_structp png, png_infop) {
  PngReader& reader = *static_cast<PngReader*>(png_get_progressive_ptr(png));
  reader.has_header_ = true;
  reader.bytes_left_ = png_process_data_pause(png, 0);
}

void PngReader::on_row(png_structp png, png_bytep row, png_uint_32 y, int pass) {
  PngReader& reader = *static_cast<PngReader*>(png_get_progressive_ptr(png));
  if (reader.watch_.must_end()) png_error(png, "ended early");
  // Null: this pass of an interlaced image leaves the row as it is.
  if (row == nullptr || y >= static_cast<png_uint_32>(reader.pixels_->height())) return;
  png_progressive_combine_row(png, reader.pixels_->row(static_cast<int>(y)), row);
  reader.pass_ = pass;
  reader.rows_ = static_cast<int>(y) + 1;
}

// Keeps the upper 8 bits of each sample, in place.
void PngReader::on_wide_row(png_structp png, png_row_infop row, png_bytep samples) {
  PngReader& reader = *static_cast<PngReader*>(png_get_user_transform_ptr(png));
  const int shift = reader.sample_bits_ - 8;
  for (std::size_t i = 0; i < row->rowbytes / 2; ++i) {
    const unsigned int sample = static_cast<unsigned int>(samples[2 * i]) << 8 | samples[2 * i + 1];
    reader.bits_ |= sample;
    samples[i] = static_cast<png_byte>(std::min(sample >> shift, 255U));
  }
}

void PngReader::on_end(png_structp png, png_infop) {
  static_cast<PngReader*>(png_get_progressive_ptr(png))->reached_end_ = true;
}

void PngReader::set_limits() {
  // Our own limits come with the header and say what is wrong; libpng's would only call it invalid.
  png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  png_set_chunk_malloc_max(png_, std::max(kChunkBytesMax, encoded_.size()));
  png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, nullptr, 0);
  png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, reinterpret_cast<png_const_bytep>(kIgnoredChunks),
                              kIgnoredChunkCount);
  png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_ALWAYS, reinterpret_cast<png_const_bytep>("cICP"), 1);
  // Its list of known sRGB profiles only makes it warn about them.
  png_set_option(png_, PNG_SKIP_sRGB_CHECK_PROFILE, PNG_OPTION_ON);
  png_set_chunk_cache_max(png_, kKeptChunksMax);
  // A wrong checksum of pixels is a warning: the picture around the wrong bit is still there.
  png_set_crc_action(png_, PNG_CRC_WARN_USE, PNG_CRC_WARN_DISCARD);
}

void PngReader::set_output() {
  const int depth = png_get_bit_depth(png_, info_);
  bit_depth_ = depth;
  const int colour = png_get_color_type(png_, info_);
  if (depth == 16) {
    // The last of all steps: by then the samples are RGB.
    png_set_read_user_transform_fn(png_, on_wide_row);
    png_set_user_transform_info(png_, this, 8, 3);
  }
  if (colour == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png_);
  if (colour == PNG_COLOR_TYPE_GRAY && depth < 8) png_set_expand_gray_1_2_4_to_8(png_);
  if ((colour & PNG_COLOR_MASK_COLOR) == 0) png_set_gray_to_rgb(png_);
  if ((colour & PNG_COLOR_MASK_ALPHA) != 0) png_set_strip_alpha(png_);
  interlaced_ = png_set_interlace_handling(png_) > 1;
  png_read_update_info(png_, info_);
  if (png_get_rowbytes(png_, info_) != pixels_->stride()) png_error(png_, "rows of an unknown layout");
}

void PngReader::push(Bytes bytes) {
  // libpng's parameter is not const, and it does not write to it.
  png_process_data(png_, info_, const_cast<png_bytep>(bytes.data()), bytes.size());
}

bool PngReader::read_header() {
  return guarded([this] {
           set_limits();
           png_set_progressive_read_fn(png_, this, on_info, on_row, on_end);
           push(encoded_);
         }) &&
         has_header_;
}

void PngReader::read_pixels(Image& pixels) {
  pixels_ = &pixels;
  (void)guarded([this] {
    set_output();
    // Later passes of an interlaced image are laid over what the earlier ones left.
    if (interlaced_) std::memset(pixels_->data(), kMissingGray, pixels_->size_bytes());
    push(encoded_.last(bytes_left_));
  });
}

Bytes PngReader::kept_chunk(const char* name) const {
  png_unknown_chunkp chunks = nullptr;
  const int count = png_get_unknown_chunks(png_, info_, &chunks);
  for (int i = 0; i < count; ++i) {
    if (std::memcmp(chunks[i].name, name, 4) == 0) return {chunks[i].data, chunks[i].size};
  }
  return {};
}

// In the order of the PNG specification: cICP, iCCP, sRGB, then gAMA and cHRM.
CodedColours PngReader::colours() const {
  const Bytes code_points = kept_chunk("cICP");
  if (code_points.size() == 4) return colours_of_code_points(code_points[0], code_points[1], "cICP");
  png_charp name = nullptr;
  png_bytep profile = nullptr;
  png_uint_32 size = 0;
  int method = 0;
  if (png_get_iCCP(png_, info_, &name, &method, &profile, &size) != 0) return {{profile, profile + size}, {}};
  if (has_bad_profile_) return {{}, colours_not_applied({}, "it is broken, or not for images of this kind")};
  int intent = 0;
  if (png_get_sRGB(png_, info_, &intent) != 0) return {};
  double exponent = 0;
  const bool has_gamma = png_get_gAMA(png_, info_, &exponent) != 0 && exponent > 0;
  const double gamma = has_gamma ? 1 / exponent : 0;
  const bool is_screen_gamma = !has_gamma || (gamma >= kScreenGammaMin && gamma <= kScreenGammaMax);
  RgbSpace space{.name = "cHRM and gAMA of PNG", .gamma = is_screen_gamma ? 0 : gamma};
  png_get_cHRM(png_, info_, &space.white_x, &space.white_y, &space.red_x, &space.red_y, &space.green_x, &space.green_y,
               &space.blue_x, &space.blue_y);
  if (is_srgb(space)) return {};
  // A gamma alone is written by programs that mean nothing by it, and no other reader of photos applies it.
  RgbSpace primaries = space;
  primaries.gamma = 0;
  if (is_srgb(primaries)) {
    return {{}, fmt::format("a gamma of {:.2f} (gAMA) is not applied: pixels are used as stored", gamma)};
  }
  Result<std::vector<std::uint8_t>> made = make_icc_profile(space);
  if (made) return {std::move(*made), {}};
  return {{}, "colours not converted: cHRM states other primaries than sRGB's: " + made.error().message};
}

bool PngReader::has_all_rows() const {
  if (reached_end_) return true;
  if (!interlaced_) return rows_ == pixels_->height();
  const auto width = static_cast<png_uint_32>(pixels_->width());
  const auto height = static_cast<png_uint_32>(pixels_->height());
  int last = kPasses - 1;  // passes of small images may be empty
  while (last > 0 && (PNG_PASS_ROWS(height, last) == 0 || PNG_PASS_COLS(width, last) == 0)) --last;
  const png_uint_32 last_row = PNG_ROW_FROM_PASS_ROW(PNG_PASS_ROWS(height, last) - 1, last);
  return pass_ == last && static_cast<png_uint_32>(rows_) > last_row;
}

// Reads again what states fewer than 16 bits (sBIT) and holds no larger values: the upper 8 of those stay. PNG asks for
// values that are scaled to 16 bits, which is not what every program does.
void take_significant_bits(const PngReader& first, Bytes encoded, DecodeWatch& watch, DecodedImage& out) {
  if (first.bit_depth() != 16) return;
  const int significant = significant_png_bits(encoded);
  if (significant <= 8 || significant >= 16 || first.bits_seen() > significant || first.bits_seen() == 0) {
    return note_low_values(out);
  }
  PngReader reader(encoded, watch);
  if (!reader.is_open()) return;
  reader.set_sample_bits(significant);
  if (reader.read_header()) reader.read_pixels(out.pixels);
}

// Says what is missing: where reading stopped, and what the pixels are then.
std::string describe_gap(const PngReader& reader, int height) {
  const int percent = static_cast<int>(std::int64_t{100} * reader.rows() / height);
  if (!reader.is_interlaced()) return fmt::format("after {} % of the rows; the rest is gray", percent);
  if (reader.pass() > 0) {
    return fmt::format("in or after pass {} of {}; the image is coarser than it was", reader.pass() + 1, kPasses);
  }
  return fmt::format("after {} % of the rows of the first, coarse pass; the rest is gray", percent);
}

void note_damage(const PngReader& reader, DecodedImage& out) {
  if (!reader.has_all_rows()) {
    const std::string gap = describe_gap(reader, out.stored_height);
    out.warnings.push_back(reader.failure().empty() ? "truncated: the file ends " + gap
                                                    : fmt::format("corrupt: {}, {}", reader.failure(), gap));
  } else if (!reader.reached_end()) {
    out.warnings.push_back(reader.failure().empty() ? "truncated: the end of the file is missing; all rows are there"
                                                    : "corrupt: " + reader.failure() + "; all rows are there");
  }
  if (reader.warning_count() == 0) return;
  std::string text = "corrupt: " + reader.warning();
  if (reader.warning_count() > 1) text += fmt::format(" ({} problems in all)", reader.warning_count());
  out.warnings.push_back(text);
}

// Draws the next frame over those before it, which showed nothing. False: there is none that can be drawn.
bool draw_next_frame(LaterPngFrames& frames, DecodeWatch& watch, Image& pixels) {
  const std::optional<PngFrame> frame = frames.next();
  if (!frame || frame->size.width < 1 || frame->size.height < 1 || frame->left + frame->size.width > pixels.width() ||
      frame->top + frame->size.height > pixels.height()) {
    return false;
  }
  PngReader reader(frame->png, watch);
  if (!reader.is_open() || !reader.read_header()) return false;
  Image part(static_cast<int>(frame->size.width), static_cast<int>(frame->size.height), 3);
  reader.read_pixels(part);
  if (!reader.has_all_rows()) return false;
  for (int y = 0; y < part.height(); ++y) {
    std::memcpy(pixels.row(static_cast<int>(frame->top) + y) + 3 * frame->left, part.row(y), part.stride());
  }
  return true;
}

}  // namespace

Result<Done> decode_png(Bytes encoded, const DecodeOptions& options, DecodedImage& out) {
  DecodeWatch watch(options.limits, options.stop);
  PngReader reader(encoded, watch);
  if (!reader.is_open()) return Error{ErrorCode::internal, "libpng cannot be started"};
  if (!reader.read_header()) {
    if (reader.failure().empty()) {
      return Error{ErrorCode::bad_data, "the file ends before the PNG image in it begins"};
    }
    return Error{ErrorCode::bad_data, "the PNG image cannot be read: " + reader.failure()};
  }
  const StatedSize size = reader.size();
  if (std::optional<Error> error = take_size(size, options.limits, out)) return *error;
  const double bytes = kPixelBytes * static_cast<double>(size.width) * static_cast<double>(size.height) +
                       kRowBytes * static_cast<double>(size.width) + static_cast<double>(encoded.size());
  if (std::optional<Error> error = check_memory_limit(bytes, size, options.limits)) return *error;
  // From here on the size is within the limits, and memory may be taken.
  out.pixels.reset(out.stored_width, out.stored_height, 3);
  reader.read_pixels(out.pixels);
  if (watch.has_ended()) return watch.error();
  if (reader.rows() == 0) {
    return Error{ErrorCode::bad_data, reader.failure().empty() ? "the file ends before the first row of the PNG image"
                                                               : "the PNG image cannot be read: " + reader.failure()};
  }
  if (!reader.is_interlaced()) fill_gray_from(reader.rows(), out.pixels);
  StatedFacts stated(options);
  state_png_facts(encoded, stated);
  stated.settle(out);
  take_significant_bits(reader, encoded, watch, out);
  note_damage(reader, out);
  // A later frame needs the bytes of its data and its pixels once more.
  const double again = bytes + kPixelBytes * static_cast<double>(size.width) * static_cast<double>(size.height) +
                       static_cast<double>(encoded.size());
  if (is_blank(out.pixels) && !check_memory_limit(again, size, options.limits)) {
    LaterPngFrames frames(encoded);
    draw_until_shown([&] { return draw_next_frame(frames, watch, out.pixels); }, out);
    if (watch.has_ended()) return watch.error();
  }
  CodedColours colours = reader.colours();
  out.icc_profile = std::move(colours.profile);
  if (!colours.warning.empty()) out.warnings.push_back(std::move(colours.warning));
  return Done{};
}

}  // namespace mien
