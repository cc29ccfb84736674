// The records of the file are walked up to the first image, whose rows are read one by one, and further where that
// image shows nothing, or no XMP has come yet.
//
// Memory, beside the pixels of `out` (3 bytes a pixel): one row, and giflib's tables of some 25 KB.
#include "image/codecs_built.h"

#include <fmt/format.h>
#include <gif_lib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/dynamic_library.h"
#include "image/formats/damage.h"
#include "image/formats/frames.h"
#include "image/limits.h"
#include "image/stated_facts.h"

namespace mien {
namespace {

constexpr std::size_t kXmpBytesMax = std::size_t{1} << 20;
constexpr int kRecordsBehindMax = 32;  // behind the first image, in which XMP is looked for

struct GifLibrary {
  DynamicLibrary library{kGIFSoname, "libgif7"};
  decltype(&DGifOpen) open = library["DGifOpen"];
  decltype(&DGifCloseFile) close = library["DGifCloseFile"];
  decltype(&DGifGetRecordType) get_record = library["DGifGetRecordType"];
  decltype(&DGifGetImageDesc) get_image = library["DGifGetImageDesc"];
  decltype(&DGifGetLine) get_line = library["DGifGetLine"];
  decltype(&DGifGetCode) get_code = library["DGifGetCode"];
  decltype(&DGifGetCodeNext) get_code_next = library["DGifGetCodeNext"];
  decltype(&DGifGetExtension) get_extension = library["DGifGetExtension"];
  decltype(&DGifGetExtensionNext) get_extension_next = library["DGifGetExtensionNext"];
  decltype(&GifErrorString) error_text = library["GifErrorString"];
};

using Colour = std::array<std::uint8_t, 3>;

class GifReader {
 public:
  explicit GifReader(Bytes encoded) : gif_(*opened_once<GifLibrary>()), rest_(encoded) {
    file_ = gif_.open(this, read, &failure_);
  }
  ~GifReader() {
    int ignored = 0;
    if (file_ != nullptr) gif_.close(file_, &ignored);
  }
  GifReader(const GifReader&) = delete;
  GifReader& operator=(const GifReader&) = delete;

  bool is_open() const { return file_ != nullptr; }
  // Reads up to the next image's pixels.
  Result<Done> find_image(const ImageLimits& limits, DecodeWatch& watch);
  // Reads one row of palette entries. False: the data end or are broken here.
  bool read_line(std::vector<std::uint8_t>& line) {
    return gif_.get_line(file_, line.data(), static_cast<int>(line.size())) == GIF_OK;
  }

  // Goes past the pixels of images until XMP has come.
  void find_xmp();
  void state(StatedFacts& stated) const {
    stated.add_xmp("XMP", xmp_);
    if (!stated.orientation()) stated.add_xmp("XMP", xmp_in_blocks_);
  }

  const GifImageDesc& frame() const { return file_->Image; }
  // The size of the canvas, made larger where the frame reaches beyond it, as browsers have it.
  StatedSize size() const {
    return {std::max(std::int64_t{file_->SWidth}, std::int64_t{frame().Left} + frame().Width),
            std::max(std::int64_t{file_->SHeight}, std::int64_t{frame().Top} + frame().Height)};
  }
  std::array<Colour, 256> palette() const;
  int transparent() const { return transparent_; }  // the palette entry; -1: none
  Error failure(const char* when) const;
  bool ended() const { return ended_; }

 private:
  static int read(GifFileType* file, GifByteType* to, int size) {
    GifReader& reader = *static_cast<GifReader*>(file->UserData);
    const std::size_t count = std::min(static_cast<std::size_t>(std::max(size, 0)), reader.rest_.size());
    if (count > 0) std::memcpy(to, reader.rest_.data(), count);
    reader.rest_ = reader.rest_.subspan(count);
    if (count < static_cast<std::size_t>(size)) reader.ended_ = true;
    return static_cast<int>(count);
  }
  bool read_extension();
  bool skip_pixels();

  const GifLibrary& gif_;
  Bytes rest_;
  GifFileType* file_ = nullptr;
  int failure_ = 0;
  int transparent_ = -1;
  bool ended_ = false;
  // XMP stands in the file as one text, with lengths of blocks only at its end, so that what giflib takes for lengths
  // belongs to it. Some programs cut it into blocks all the same.
  std::vector<std::uint8_t> xmp_;
  std::vector<std::uint8_t> xmp_in_blocks_;
};

Error GifReader::failure(const char* when) const {
  if (ended_) return {ErrorCode::bad_data, fmt::format("the file ends {} the GIF image", when)};
  const int code = file_ != nullptr ? file_->Error : failure_;
  const char* text = gif_.error_text(code);
  return {ErrorCode::bad_data, fmt::format("the GIF image cannot be read: {}", text != nullptr ? text : "broken data")};
}

bool GifReader::read_extension() {
  constexpr std::string_view kXmpApplication = "XMP DataXMP";
  int code = 0;
  GifByteType* block = nullptr;
  if (gif_.get_extension(file_, &code, &block) != GIF_OK) return false;
  const bool is_xmp = code == APPLICATION_EXT_FUNC_CODE && block != nullptr && block[0] == kXmpApplication.size() &&
                      std::memcmp(block + 1, kXmpApplication.data(), kXmpApplication.size()) == 0 && xmp_.empty();
  if (is_xmp && gif_.get_extension_next(file_, &block) != GIF_OK) return false;
  while (block != nullptr) {
    // A block's first byte is its length.
    if (is_xmp && xmp_.size() < kXmpBytesMax) {
      xmp_.insert(xmp_.end(), block, block + 1 + block[0]);
      xmp_in_blocks_.insert(xmp_in_blocks_.end(), block + 1, block + 1 + block[0]);
    }
    if (code == GRAPHICS_EXT_FUNC_CODE && block[0] >= 4) transparent_ = (block[1] & 1) != 0 ? block[4] : -1;
    if (gif_.get_extension_next(file_, &block) != GIF_OK) return false;
  }
  return true;
}

bool GifReader::skip_pixels() {
  int code_size = 0;
  GifByteType* block = nullptr;
  if (gif_.get_code(file_, &code_size, &block) != GIF_OK) return false;
  while (block != nullptr) {
    if (gif_.get_code_next(file_, &block) != GIF_OK) return false;
  }
  return true;
}

void GifReader::find_xmp() {
  for (int records = 0; xmp_.empty() && records < kRecordsBehindMax; ++records) {
    GifRecordType record = UNDEFINED_RECORD_TYPE;
    if (gif_.get_record(file_, &record) != GIF_OK || record == TERMINATE_RECORD_TYPE) return;
    if (record == EXTENSION_RECORD_TYPE && !read_extension()) return;
    if (record == IMAGE_DESC_RECORD_TYPE && (gif_.get_image(file_) != GIF_OK || !skip_pixels())) return;
  }
}

Result<Done> GifReader::find_image(const ImageLimits& limits, DecodeWatch& watch) {
  transparent_ = -1;
  for (int records = 0;; ++records) {
    if (watch.must_end()) return watch.error();
    if (records > limits.frames_max) {
      return Error{
          ErrorCode::limit_exceeded,
          fmt::format("more than {} blocks come before the GIF image (the limit frames_max)", limits.frames_max)};
    }
    GifRecordType record = UNDEFINED_RECORD_TYPE;
    if (gif_.get_record(file_, &record) != GIF_OK) return failure("before");
    if (record == TERMINATE_RECORD_TYPE) {
      return Error{ErrorCode::bad_data, "the GIF file has no image"};
    }
    if (record == EXTENSION_RECORD_TYPE && !read_extension()) return failure("before");
    if (record == IMAGE_DESC_RECORD_TYPE) {
      if (gif_.get_image(file_) != GIF_OK) return failure("before");
      return Done{};
    }
  }
}

// Entries that the file does not have, and files without a palette, are gray by their number.
std::array<Colour, 256> GifReader::palette() const {
  std::array<Colour, 256> colours{};
  for (std::size_t i = 0; i < colours.size(); ++i) colours[i].fill(static_cast<std::uint8_t>(i));
  const ColorMapObject* map = frame().ColorMap != nullptr ? frame().ColorMap : file_->SColorMap;
  if (map == nullptr) return colours;
  const int count = std::min(map->ColorCount, 256);
  for (int i = 0; i < count; ++i) {
    const GifColorType& colour = map->Colors[i];
    colours[static_cast<std::size_t>(i)] = {colour.Red, colour.Green, colour.Blue};
  }
  return colours;
}

// Rows of an interlaced image come in four passes; each row stands for those below it that are still to come.
struct Pass {
  int first;
  int step;
  int block;
};
constexpr std::array<Pass, 4> kInterlaced = {{{0, 8, 8}, {4, 8, 4}, {2, 4, 2}, {1, 2, 1}}};
constexpr std::array<Pass, 1> kInOrder = {{{0, 1, 1}}};

struct Progress {
  int height = 0;       // of the frame
  int rows = 0;         // in the order of the file
  bool coarse = false;  // the first pass of an interlaced image is there, and not the last
};

class RowWriter {
 public:
  // Pixels of the palette's entry `kept` stay as they are; -1: none does.
  RowWriter(const GifReader& reader, int kept, Image& pixels)
      : frame_(reader.frame()), palette_(reader.palette()), kept_(kept), pixels_(pixels) {}

  void write(const std::vector<std::uint8_t>& line, int y, int block) {
    const int end = std::min(y + block, frame_.Height);
    for (int row = y; row < end; ++row) {
      std::uint8_t* to = at(row);
      for (std::size_t x = 0; x < line.size(); ++x, to += 3) {
        if (line[x] != kept_) std::memcpy(to, palette_[line[x]].data(), 3);
      }
    }
  }

 private:
  std::uint8_t* at(int y) { return pixels_.row(frame_.Top + y) + 3 * static_cast<std::ptrdiff_t>(frame_.Left); }

  const GifImageDesc& frame_;
  std::array<Colour, 256> palette_;
  int kept_;
  Image& pixels_;
};

Progress read_rows(GifReader& reader, int kept, DecodeWatch& watch, Image& pixels) {
  const GifImageDesc& frame = reader.frame();
  std::vector<std::uint8_t> line(static_cast<std::size_t>(frame.Width));
  RowWriter writer(reader, kept, pixels);
  const std::span<const Pass> passes =
      frame.Interlace ? std::span<const Pass>(kInterlaced) : std::span<const Pass>(kInOrder);
  Progress progress{.height = frame.Height};
  for (std::size_t i = 0; i < passes.size(); ++i) {
    for (int y = passes[i].first; y < frame.Height; y += passes[i].step) {
      if (watch.must_end() || !reader.read_line(line)) {
        progress.coarse = i > 0;
        return progress;
      }
      writer.write(line, y, passes[i].block);
      ++progress.rows;
    }
  }
  return progress;
}

// Beside the frame there is what its transparent pixels show; before its rows come, gray.
void paint_canvas(const GifReader& reader, Image& pixels) {
  const GifImageDesc& frame = reader.frame();
  const Colour beside = reader.palette()[static_cast<std::size_t>(std::max(reader.transparent(), 0))];
  const bool covered = frame.Left == 0 && frame.Top == 0 && frame.Width == pixels.width();
  for (int y = 0; y < pixels.height(); ++y) {
    std::uint8_t* const row = pixels.row(y);
    const bool in_frame = y >= frame.Top && y - frame.Top < frame.Height;
    for (int x = 0; !(covered && in_frame) && x < pixels.width(); ++x) std::memcpy(row + 3 * x, beside.data(), 3);
    if (in_frame) std::memset(row + 3 * frame.Left, kMissingGray, 3 * static_cast<std::size_t>(frame.Width));
  }
}

void note_damage(const GifReader& reader, const Progress& progress, DecodedImage& out) {
  if (progress.rows == progress.height) return;
  const char* what = reader.ended() ? "truncated: the file ends" : "corrupt: the GIF data are broken";
  out.warnings.push_back(progress.coarse ? fmt::format("{} before the image is fine; it is coarser than it was", what)
                                         : fmt::format("{} after {} % of the rows; the rest is gray", what,
                                                       row_percent(progress.rows, progress.height)));
}

// Draws the next frame over those before it, which showed nothing. False: there is none that can be drawn.
bool draw_next_frame(GifReader& reader, const ImageLimits& limits, DecodeWatch& watch, Progress& progress,
                     DecodedImage& out) {
  if (progress.rows != progress.height || !reader.find_image(limits, watch)) return false;
  const GifImageDesc& frame = reader.frame();
  const bool fits = frame.Width > 0 && frame.Height > 0 && frame.Left >= 0 && frame.Top >= 0 &&
                    std::int64_t{frame.Left} + frame.Width <= out.stored_width &&
                    std::int64_t{frame.Top} + frame.Height <= out.stored_height;
  if (!fits) return false;
  progress = read_rows(reader, reader.transparent(), watch, out.pixels);
  return progress.rows > 0;
}

}  // namespace

Result<Done> open_gif() { return open_result(opened_once<GifLibrary>()); }

Result<Done> decode_gif(Bytes encoded, const DecodeOptions& options, DecodedImage& out) {
  DecodeWatch watch(options.limits, options.stop);
  GifReader reader(encoded);
  if (!reader.is_open()) return reader.failure("before");
  const Result<Done> found = reader.find_image(options.limits, watch);
  if (!found) return found;
  const GifImageDesc& frame = reader.frame();
  if (frame.Width <= 0 || frame.Height <= 0 || frame.Left < 0 || frame.Top < 0) {
    return Error{ErrorCode::bad_data, "the GIF image has no pixels"};
  }
  const StatedSize size = reader.size();
  if (std::optional<Error> error = take_size(size, options.limits, out)) return *error;
  const double pixels = static_cast<double>(size.width) * static_cast<double>(size.height);
  if (std::optional<Error> error = check_memory_limit(3 * pixels, size, options.limits)) return *error;
  // From here on the size is within the limits, and memory may be taken.
  out.pixels.reset(out.stored_width, out.stored_height, 3);
  paint_canvas(reader, out.pixels);
  constexpr int kNoneKept = -1;
  Progress progress = read_rows(reader, kNoneKept, watch, out.pixels);
  if (progress.rows == 0 && !watch.has_ended()) return reader.failure("before the first row of");
  if (is_blank(out.pixels)) {
    draw_until_shown([&] { return draw_next_frame(reader, options.limits, watch, progress, out); }, out);
  }
  if (watch.has_ended()) return watch.error();
  note_damage(reader, progress, out);
  if (progress.rows == progress.height) reader.find_xmp();
  StatedFacts stated(options);
  reader.state(stated);
  stated.settle(out);
  return Done{};
}

}  // namespace mien
