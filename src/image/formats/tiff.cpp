// libtiff turns any kind of sample into RGBA; it is asked for bands of whole strips or rows of tiles, so that memory
// stays small and somebody who waits for the end can stop it in between. What one strip holds is read in one go.
//
// Memory, beside the pixels of `out` (3 bytes a pixel): a band in 4 bytes a pixel, and a strip or tile as libtiff
// decodes it, one for each plane. A tag never decides alone: sizes are computed from all of them and checked before
// anything is read, and no single allocation of libtiff may pass the limit either.
#include "image/codecs_built.h"

#include <fmt/format.h>
#include <tiffio.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/dynamic_library.h"
#include "image/formats/camera_raw.h"
#include "image/formats/damage.h"
#include "image/formats/low_values.h"
#include "image/limits.h"
#include "image/stated_facts.h"

namespace mien {
namespace {

constexpr std::uint32_t kBandRows = 64;  // at least, where strips are lower
constexpr std::size_t kComplaintBytes = 256;
constexpr std::size_t kTiffMessageBytes = 1024;  // of the array that TIFFRGBAImageOK and Begin write to
// Small versions and masks that are walked past on the way to the photo. Going to a page walks past those before it.
constexpr int kDirectoriesMax = 64;

// How compressions are called that libtiff cannot decode, or not in every build.
struct Compression {
  std::uint16_t number;
  std::string_view name;
};
constexpr Compression kCompressions[] = {
    {6, "old-style JPEG"}, {7, "JPEG"},     {9, "JBIG"},          {10, "JBIG"},       {33003, "JPEG 2000"},
    {33005, "JPEG 2000"},  {34661, "JBIG"}, {34712, "JPEG 2000"}, {34715, "JBIG2"},   {34887, "LERC"},
    {34892, "lossy JPEG"}, {34925, "LZMA"}, {34933, "PNG"},       {34934, "JPEG XR"}, {22610, "JPEG XR"},
    {50000, "Zstandard"},  {50001, "WebP"}, {50002, "JPEG XL"},   {52546, "JPEG XL"},
};

struct TiffLibrary {
  DynamicLibrary library{kTIFFSoname, "libtiff6"};
  decltype(&TIFFOpenOptionsAlloc) new_options = library["TIFFOpenOptionsAlloc"];
  decltype(&TIFFOpenOptionsFree) free_options = library["TIFFOpenOptionsFree"];
  decltype(&TIFFOpenOptionsSetMaxSingleMemAlloc) set_allocation_max = library["TIFFOpenOptionsSetMaxSingleMemAlloc"];
  decltype(&TIFFOpenOptionsSetErrorHandlerExtR) set_error_handler = library["TIFFOpenOptionsSetErrorHandlerExtR"];
  decltype(&TIFFOpenOptionsSetWarningHandlerExtR) set_warning_handler = library["TIFFOpenOptionsSetWarningHandlerExtR"];
  decltype(&TIFFClientOpenExt) open = library["TIFFClientOpenExt"];
  decltype(&TIFFClose) close = library["TIFFClose"];
  decltype(&TIFFGetField) get_field = library["TIFFGetField"];
  decltype(&TIFFGetFieldDefaulted) get_field_or_default = library["TIFFGetFieldDefaulted"];
  decltype(&TIFFSetField) set_field = library["TIFFSetField"];
  decltype(&TIFFIsTiled) is_tiled = library["TIFFIsTiled"];
  decltype(&TIFFTileSize64) tile_bytes = library["TIFFTileSize64"];
  decltype(&TIFFStripSize64) strip_bytes = library["TIFFStripSize64"];
  decltype(&TIFFIsCODECConfigured) has_codec = library["TIFFIsCODECConfigured"];
  decltype(&TIFFReadDirectory) next_directory = library["TIFFReadDirectory"];
  decltype(&TIFFSetDirectory) set_directory = library["TIFFSetDirectory"];
  decltype(&TIFFSetSubDirectory) set_sub_directory = library["TIFFSetSubDirectory"];
  decltype(&TIFFCurrentDirOffset) directory_offset = library["TIFFCurrentDirOffset"];
  decltype(&TIFFRGBAImageOK) is_readable = library["TIFFRGBAImageOK"];
  decltype(&TIFFRGBAImageBegin) begin = library["TIFFRGBAImageBegin"];
  decltype(&TIFFRGBAImageGet) read = library["TIFFRGBAImageGet"];
  decltype(&TIFFRGBAImageEnd) end = library["TIFFRGBAImageEnd"];
};

// The file in memory, as libtiff wants to read it.
struct Source {
  Bytes bytes;
  std::uint64_t at = 0;
};

Source& source_of(thandle_t handle) { return *static_cast<Source*>(handle); }

tmsize_t read_source(thandle_t handle, void* to, tmsize_t size) {
  Source& source = source_of(handle);
  if (source.at >= source.bytes.size() || size <= 0) return 0;
  const Bytes rest = source.bytes.subspan(static_cast<std::size_t>(source.at));
  const std::size_t count = std::min(rest.size(), static_cast<std::size_t>(size));
  std::memcpy(to, rest.data(), count);
  source.at += count;
  return static_cast<tmsize_t>(count);
}

tmsize_t write_nothing(thandle_t, void*, tmsize_t) { return -1; }

toff_t seek_source(thandle_t handle, toff_t offset, int whence) {
  Source& source = source_of(handle);
  if (whence == SEEK_SET) source.at = offset;
  if (whence == SEEK_CUR) source.at += offset;
  if (whence == SEEK_END) source.at = source.bytes.size() + offset;
  return source.at;
}

int close_nothing(thandle_t) { return 0; }

toff_t source_size(thandle_t handle) { return source_of(handle).bytes.size(); }

int map_source(thandle_t handle, void** base, toff_t* size) {
  // libtiff's pointer is not const, and it does not write to what it maps.
  *base = const_cast<std::uint8_t*>(source_of(handle).bytes.data());
  *size = source_of(handle).bytes.size();
  return 1;
}

void unmap_nothing(thandle_t, void*, toff_t) {}

// The complaints of libtiff: their number, and the first one's text.
struct Complaints {
  int count = 0;
  char first[kComplaintBytes] = {};
};

int note_complaint(TIFF*, void* user, const char*, const char* format, va_list values) {
  Complaints& complaints = *static_cast<Complaints*>(user);
  if (complaints.count++ == 0) std::vsnprintf(complaints.first, kComplaintBytes, format, values);
  return 1;  // and no other handler
}

// Most warnings are about tags that mean nothing to us. One whose value lies behind the end of the file may matter.
int note_warning(TIFF* tiff, void* user, const char* module, const char* format, va_list values) {
  if (std::string_view(format).starts_with("IO error")) note_complaint(tiff, user, module, format, values);
  return 1;
}

// The value of SubfileType, which libtiff does not tell, in the directory that lies here; 0 where there is none.
int old_subfile_type(Bytes file, std::uint64_t offset) {
  if (file.size() < 4) return 0;
  const bool big_endian = file[0] == 'M';
  const auto read = [&](std::uint64_t at, std::size_t size) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; at < file.size() && size <= file.size() - at && i < size; ++i) {
      value = value << 8 | file[static_cast<std::size_t>(at) + (big_endian ? i : size - 1 - i)];
    }
    return value;
  };
  const bool is_big_tiff = read(2, 2) == 43;
  const std::size_t count_bytes = is_big_tiff ? 8 : 2;
  const std::size_t entry_bytes = is_big_tiff ? 20 : 12;
  const std::uint64_t entries = std::min<std::uint64_t>(read(offset, count_bytes), file.size() / entry_bytes);
  for (std::uint64_t i = 0; i < entries; ++i) {
    const std::uint64_t entry = offset + count_bytes + entry_bytes * i;
    if (read(entry, 2) == TIFFTAG_OSUBFILETYPE) return static_cast<int>(read(entry + (is_big_tiff ? 12 : 8), 2));
  }
  return 0;
}

class TiffReader {
 public:
  TiffReader(Bytes encoded, const ImageLimits& limits) : tiff_(*opened_once<TiffLibrary>()), source_{encoded} {
    TIFFOpenOptions* const options = tiff_.new_options();
    if (options == nullptr) return;
    constexpr auto kLargest = static_cast<std::size_t>(std::numeric_limits<tmsize_t>::max());
    tiff_.set_allocation_max(options, static_cast<tmsize_t>(std::min(limits.memory_bytes_max, kLargest)));
    tiff_.set_error_handler(options, note_complaint, &complaints_);
    tiff_.set_warning_handler(options, note_warning, &warnings_);
    file_ = tiff_.open("image", "r", &source_, read_source, write_nothing, seek_source, close_nothing, source_size,
                       map_source, unmap_nothing, options);
    tiff_.free_options(options);
  }
  ~TiffReader() {
    if (begun_) tiff_.end(&image_);
    if (file_ != nullptr) tiff_.close(file_);
  }
  TiffReader(const TiffReader&) = delete;
  TiffReader& operator=(const TiffReader&) = delete;

  bool is_open() const { return file_ != nullptr; }
  const Complaints& complaints() const { return complaints_; }
  const Complaints& warnings() const { return warnings_; }
  StatedSize size() const {
    return {number<std::uint32_t>(TIFFTAG_IMAGEWIDTH), number<std::uint32_t>(TIFFTAG_IMAGELENGTH)};
  }
  // Goes to the directory of the photo: the first that does not call itself a small version or a mask, among the pages
  // and, where a page does, its sub-directories. Where all of them do, the largest.
  void go_to_photo(DecodeWatch& watch);
  void settle_facts(const DecodeOptions& options, DecodedImage& out) const;
  std::vector<std::uint8_t> icc_profile() const;
  // The error of a compression that this libtiff cannot decode.
  std::optional<Error> check_compression() const;
  // Rows that are read at once: whole strips or tiles.
  std::uint32_t band_rows() const;
  double memory_bytes() const;
  int bits_a_sample() const { return number<std::uint16_t>(TIFFTAG_BITSPERSAMPLE); }
  // Makes ready to read; an error names what cannot be read.
  Result<Done> start();
  // False: nothing of it, or not all, could be read; what could is there.
  bool read_band(std::uint32_t first, std::uint32_t rows, std::vector<std::uint32_t>& band);
  bool alpha_is_multiplied() const { return alpha_is_multiplied_; }
  // Moves on, so that nothing can be read afterwards.
  bool has_more_pages(int pages_max, DecodeWatch& watch);

 private:
  template <typename T>
  T number(std::uint32_t tag) const {
    T value = 0;
    if (tiff_.get_field_or_default(file_, tag, &value) != 1) return 0;
    return value;
  }
  bool is_tiled() const { return tiff_.is_tiled(file_) != 0; }
  bool is_reduced() const {
    return (number<std::uint32_t>(TIFFTAG_SUBFILETYPE) & (FILETYPE_REDUCEDIMAGE | FILETYPE_MASK)) != 0 ||
           old_subfile_type(source_.bytes, tiff_.directory_offset(file_)) == OFILETYPE_REDUCEDIMAGE;
  }
  void state(StatedFacts& stated) const;
  std::vector<std::uint64_t> sub_directories() const;
  bool go_to_sub_directory(std::int64_t& area_max, std::uint64_t& largest, int& directories);
  void keep_colours_below_alpha();

  const TiffLibrary& tiff_;
  Source source_;
  Complaints complaints_;
  Complaints warnings_;
  TIFF* file_ = nullptr;
  TIFFRGBAImage image_{};
  bool begun_ = false;
  bool alpha_is_multiplied_ = false;
  std::uint32_t page_ = 0;  // where the photo is, or whose sub-directory it is
  bool is_sub_directory_ = false;
  StatedFacts of_first_;  // what the first page states counts where the photo's directory says nothing
};

std::vector<std::uint64_t> TiffReader::sub_directories() const {
  std::uint16_t count = 0;
  const std::uint64_t* offsets = nullptr;
  if (tiff_.get_field(file_, TIFFTAG_SUBIFD, &count, &offsets) != 1 || offsets == nullptr) return {};
  return {offsets, offsets + std::min<int>(count, kDirectoriesMax)};
}

// Whether one of this page's sub-directories is the photo, which is then the current one. Notes the largest directory.
bool TiffReader::go_to_sub_directory(std::int64_t& area_max, std::uint64_t& largest, int& directories) {
  const auto note_size = [&] {
    const std::int64_t area = size().width * size().height;
    if (area <= area_max) return;
    area_max = area;
    largest = tiff_.directory_offset(file_);
  };
  note_size();
  for (const std::uint64_t offset : sub_directories()) {
    if (++directories > kDirectoriesMax || tiff_.set_sub_directory(file_, offset) != 1) return false;
    if (!is_reduced()) return true;
    note_size();
  }
  return false;
}

void TiffReader::go_to_photo(DecodeWatch& watch) {
  state(of_first_);
  if (!is_reduced()) return;
  std::int64_t area_max = -1;
  std::uint64_t largest = 0;
  int directories = 0;
  for (std::uint32_t page = 0; directories < kDirectoriesMax && !watch.must_end(); ++page, ++directories) {
    page_ = page;
    if (page > 0 && tiff_.set_directory(file_, page) != 1) break;
    if (!is_reduced()) return;
    is_sub_directory_ = go_to_sub_directory(area_max, largest, directories);
    if (is_sub_directory_) return;
  }
  page_ = 0;
  is_sub_directory_ = true;
  (void)tiff_.set_sub_directory(file_, largest);
}

void TiffReader::state(StatedFacts& stated) const {
  std::uint16_t value = 0;
  if (tiff_.get_field(file_, TIFFTAG_ORIENTATION, &value) == 1 && value >= 1 && value <= 8) {
    stated.add("TIFF's tag", value);
  }
  std::uint32_t size = 0;
  const std::uint8_t* packet = nullptr;
  if (tiff_.get_field(file_, TIFFTAG_XMLPACKET, &size, &packet) == 1 && packet != nullptr) {
    stated.add_xmp("XMP", {packet, size});
  }
}

void TiffReader::settle_facts(const DecodeOptions& options, DecodedImage& out) const {
  StatedFacts stated(options);
  stated.add(find_tiff_times(source_.bytes));
  state(stated);
  stated.add(of_first_.times());
  (stated.orientation() ? stated : of_first_).settle(out);
  out.taken = stated.taken();
}

std::optional<Error> TiffReader::check_compression() const {
  const auto compression = number<std::uint16_t>(TIFFTAG_COMPRESSION);
  if (tiff_.has_codec(compression) != 0) return std::nullopt;
  const auto* const known = std::find_if(std::begin(kCompressions), std::end(kCompressions),
                                         [&](const Compression& row) { return row.number == compression; });
  return Error{ErrorCode::unsupported,
               known == std::end(kCompressions)
                   ? fmt::format("TIFF images with the compression {} cannot be read", compression)
                   : fmt::format("TIFF images with {} inside cannot be read by this libtiff", known->name)};
}

std::vector<std::uint8_t> TiffReader::icc_profile() const {
  std::uint32_t count = 0;
  const std::uint8_t* bytes = nullptr;
  if (tiff_.get_field(file_, TIFFTAG_ICCPROFILE, &count, &bytes) != 1 || bytes == nullptr) return {};
  return {bytes, bytes + count};
}

std::uint32_t TiffReader::band_rows() const {
  const auto height = static_cast<std::uint32_t>(size().height);
  const auto unit = number<std::uint32_t>(is_tiled() ? TIFFTAG_TILELENGTH : TIFFTAG_ROWSPERSTRIP);
  if (unit == 0 || unit >= height) return height;
  const std::uint32_t units = (kBandRows + unit - 1) / unit;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(height, std::uint64_t{unit} * units));
}

double TiffReader::memory_bytes() const {
  const auto width = static_cast<double>(size().width);
  const auto height = static_cast<double>(size().height);
  auto chunk = static_cast<double>(is_tiled() ? tiff_.tile_bytes(file_) : tiff_.strip_bytes(file_));
  const bool planes = number<std::uint16_t>(TIFFTAG_PLANARCONFIG) == PLANARCONFIG_SEPARATE;
  if (planes) chunk *= std::max<std::uint16_t>(1, number<std::uint16_t>(TIFFTAG_SAMPLESPERPIXEL));
  // A JPEG inside may be progressive: its coefficients take two bytes a sample.
  if (number<std::uint16_t>(TIFFTAG_COMPRESSION) == COMPRESSION_JPEG) chunk *= 3;
  return 3 * width * height + 4 * width * band_rows() + chunk;
}

// Transparency is dropped: the colours stay as they are stored. libtiff would multiply them by their alpha, unless the
// alpha is of no declared kind.
void TiffReader::keep_colours_below_alpha() {
  std::uint16_t count = 0;
  const std::uint16_t* kinds = nullptr;
  if (tiff_.get_field(file_, TIFFTAG_EXTRASAMPLES, &count, &kinds) != 1 || count == 0 || kinds == nullptr) return;
  alpha_is_multiplied_ = kinds[0] == EXTRASAMPLE_ASSOCALPHA;
  if (kinds[0] != EXTRASAMPLE_UNASSALPHA) return;
  std::vector<std::uint16_t> changed(kinds, kinds + count);
  changed[0] = EXTRASAMPLE_UNSPECIFIED;
  tiff_.set_field(file_, TIFFTAG_EXTRASAMPLES, static_cast<int>(count), changed.data());
}

Result<Done> TiffReader::start() {
  char reason[kTiffMessageBytes] = {};
  keep_colours_below_alpha();
  if (tiff_.is_readable(file_, reason) != 1 || tiff_.begin(&image_, file_, 0, reason) != 1) {
    return Error{ErrorCode::unsupported, fmt::format("this kind of TIFF image cannot be read: {}", reason)};
  }
  begun_ = true;
  // Rows come as they are stored: rotating them upright comes later, as for every other format.
  image_.req_orientation = image_.orientation;
  return Done{};
}

bool TiffReader::read_band(std::uint32_t first, std::uint32_t rows, std::vector<std::uint32_t>& band) {
  constexpr std::uint32_t kGrayPixel = 0xFF000000U | kMissingGray << 16 | kMissingGray << 8 | kMissingGray;
  std::fill(band.begin(), band.end(), kGrayPixel);
  const int before = complaints_.count;
  image_.row_offset = static_cast<int>(first);
  return tiff_.read(&image_, band.data(), image_.width, rows) == 1 && complaints_.count == before;
}

// Small versions of the photo and masks are no pages.
bool TiffReader::has_more_pages(int pages_max, DecodeWatch& watch) {
  if (begun_) tiff_.end(&image_);
  begun_ = false;
  if (is_sub_directory_ && tiff_.set_directory(file_, page_) != 1) return false;
  for (int page = 1; page < pages_max && !watch.must_end() && tiff_.next_directory(file_) == 1; ++page) {
    if (!is_reduced()) return true;
  }
  return false;
}

void copy_band(const std::vector<std::uint32_t>& band, std::uint32_t first, std::uint32_t rows, bool divide,
               Image& pixels) {
  const auto width = static_cast<std::size_t>(pixels.width());
  for (std::uint32_t y = 0; y < rows; ++y) {
    const std::uint32_t* from = band.data() + y * width;
    std::uint8_t* to = pixels.row(static_cast<int>(first + y));
    for (std::size_t x = 0; x < width; ++x, to += 3) {
      std::array<std::uint32_t, 3> colour = {TIFFGetR(from[x]), TIFFGetG(from[x]), TIFFGetB(from[x])};
      const std::uint32_t alpha = TIFFGetA(from[x]);
      for (std::size_t c = 0; c < 3; ++c) {
        const std::uint32_t value = divide && alpha != 0 ? std::min(255U, colour[c] * 255 / alpha) : colour[c];
        to[c] = static_cast<std::uint8_t>(value);
      }
    }
  }
}

// Rows that could not be read whole, and what was said about the first of them.
struct Damage {
  std::int64_t rows = 0;
  std::string reason;
};

Damage read_pixels(TiffReader& reader, DecodeWatch& watch, Image& pixels) {
  const auto height = static_cast<std::uint32_t>(pixels.height());
  const std::uint32_t band_rows = reader.band_rows();
  std::vector<std::uint32_t> band(static_cast<std::size_t>(pixels.width()) * band_rows);
  Damage damage;
  for (std::uint32_t first = 0; first < height; first += band_rows) {
    if (watch.must_end()) return damage;
    const std::uint32_t rows = std::min(band_rows, height - first);
    if (!reader.read_band(first, rows, band)) damage.rows += rows;
    copy_band(band, first, rows, reader.alpha_is_multiplied(), pixels);
  }
  if (damage.rows > 0) damage.reason = reader.complaints().first;
  return damage;
}

Error cannot_be_read(const TiffReader& reader) {
  return {ErrorCode::bad_data,
          fmt::format("the TIFF image cannot be read: {}",
                      reader.complaints().count > 0 ? reader.complaints().first : "it has no pixels")};
}

}  // namespace

Result<Done> open_tiff() { return open_result(opened_once<TiffLibrary>()); }

Result<Done> decode_tiff(Bytes encoded, const DecodeOptions& options, DecodedImage& out) {
  DecodeWatch watch(options.limits, options.stop);
  TiffReader reader(encoded, options.limits);
  if (!reader.is_open()) return cannot_be_read(reader);
  reader.go_to_photo(watch);
  if (watch.has_ended()) return watch.error();
  const StatedSize size = reader.size();
  if (size.width == 0 || size.height == 0) return cannot_be_read(reader);
  if (std::optional<Error> error = take_size(size, options.limits, out)) return *error;
  if (std::optional<Error> error = check_memory_limit(reader.memory_bytes(), size, options.limits)) return *error;
  if (std::optional<Error> error = reader.check_compression()) return *error;
  reader.settle_facts(options, out);
  out.icc_profile = reader.icc_profile();
  const Result<Done> started = reader.start();
  if (!started) return started;
  // From here on the size is within the limits, and memory may be taken.
  out.pixels.reset(out.stored_width, out.stored_height, 3);
  const Damage damage = read_pixels(reader, watch, out.pixels);
  if (watch.has_ended()) return watch.error();
  if (damage.rows == size.height) return cannot_be_read(reader);
  if (reader.warnings().count > 0) {
    out.warnings.push_back(fmt::format("corrupt: {}; some pixels may be wrong", reader.warnings().first));
  }
  if (damage.rows > 0) {
    const int percent = std::max(1, row_percent(static_cast<int>(damage.rows), out.stored_height));
    out.warnings.push_back(
        fmt::format("corrupt: {}; in {} % of the rows pixels are gray or wrong", damage.reason, percent));
  }
  if (reader.bits_a_sample() == 16) note_low_values(out);
  if (reader.has_more_pages(options.limits.frames_max, watch)) {
    out.warnings.push_back("the TIFF file has more pages; only the first was read");
  }
  return Done{};
}

}  // namespace mien
