// libjpeg reports errors by jumping out of itself. The rule that keeps this safe in C++: JpegReader owns all that
// libjpeg touches, libjpeg is only called inside JpegReader::guarded, and what runs inside guarded makes no object
// with a destructor.
//
// Memory, beside the pixels of `out` (3 bytes a pixel): some rows for an image of one scan. An image of several
// scans (progressive) needs its coefficients, 2 bytes a sample: at most 6 bytes a pixel, 8 with four inks.
#include "image/formats/codec.h"

// jpeglib.h needs FILE and size_t declared before it.
#include <cstddef>
#include <cstdio>

#include <jerror.h>
#include <jpeglib.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "image/colour.h"
#include "image/formats/damage.h"
#include "image/formats/jpeg_metadata.h"
#include "image/icc.h"
#include "image/limits.h"
#include "image/stated_facts.h"

namespace mien {
namespace {

// Progressive encoders send about ten scans. A file of thousands is made to waste time: each costs a walk over all
// coefficients, however few bytes it has.
constexpr int kScansMax = 500;
// And together they may cost as much as this many scans of the largest image allowed.
constexpr std::int64_t kFullScansMax = 16;
constexpr int kRowsPerCall = 16;
constexpr int kEndMarker = 0xD9;

// The damage of a file, noted while libjpeg reads it.
struct Damage {
  bool source_ended = false;  // libjpeg asked for bytes beyond the last one
  bool data_ended = false;    // pixels were due and none came until the end of the image
  int ended_scan = 0;         // where that was, counted from 1
  int ended_mcu_row = 0;      // the row of blocks that was being read
  int warning_count = 0;
  char warning_first[JMSG_LENGTH_MAX] = {};
};

// How reading ended. `failed` leaves the reason in failure().
enum class Outcome { done, failed, scan_limit, ended };

class JpegReader {
 public:
  JpegReader(Bytes encoded, DecodeWatch& watch);
  ~JpegReader() { jpeg_destroy_decompress(&jpeg_); }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;

  bool read_header();
  // Only for an image of several scans: reads all of them.
  Outcome read_scans(std::int64_t scan_pixels_max);
  // `inks` turns four inks into RGB; null: the formula of read_ink_row. It must outlive the reader.
  bool start(int scale_denominator, const ColourTransform* inks);
  // Rows that were not written stay unspecified; rows_written says how many were. Where `converted` has a size, which
  // is that of `pixels`, inks are turned into RGB there, and in `pixels` by the formula.
  bool read_rows(Image& pixels, Image& converted);
  // Checks whether the file has an end behind the last row.
  void read_end();

  // Beside the pixels: the coefficients of an image of several scans. Known after read_header.
  double coefficient_bytes();

  const jpeg_decompress_struct& info() const { return jpeg_; }
  const Damage& damage() const { return damage_; }
  const JpegMetadata& metadata() const { return metadata_; }
  const IccSegments& icc() const { return icc_; }
  bool has_several_scans() const { return jpeg_.buffered_image != 0; }  // known after start
  bool has_inks() const { return jpeg_.jpeg_color_space == JCS_CMYK || jpeg_.jpeg_color_space == JCS_YCCK; }
  int rows_written() const { return static_cast<int>(jpeg_.output_scanline); }
  int failure_code() const { return failure_code_; }
  std::string failure() const { return failure_; }
  // Where the last complete scan ends, and how many were complete.
  std::size_t scans_end() const { return scans_end_; }
  int scans_complete() const { return scans_complete_; }
  // Whether everything an image of several scans consists of has come.
  bool is_complete() const;
  int full_rows_good() const;

 private:
  template <typename Step>
  bool guarded(Step step) {
    if (setjmp(jump_) != 0) return false;
    step();
    return true;
  }
  static JpegReader& self(j_common_ptr jpeg) { return *static_cast<JpegReader*>(jpeg->client_data); }
  static JpegReader& self(j_decompress_ptr jpeg) { return *static_cast<JpegReader*>(jpeg->client_data); }
  static void on_error(j_common_ptr jpeg);
  static void on_message(j_common_ptr jpeg, int level);
  static boolean on_source_end(j_decompress_ptr jpeg);
  static void on_skip(j_decompress_ptr jpeg, long count);
  static Bytes take_segment(j_decompress_ptr jpeg);
  static boolean on_app1(j_decompress_ptr jpeg);
  static boolean on_app2(j_decompress_ptr jpeg);
  void note_data_end();
  bool rest_is_gray() const;
  void read_some_rows(Image& pixels, Image& converted);
  void read_ink_row(std::uint8_t* row, std::uint8_t* converted);

  jpeg_decompress_struct jpeg_{};
  jpeg_error_mgr errors_{};
  jpeg_source_mgr source_{};
  std::jmp_buf jump_{};
  Bytes encoded_;
  DecodeWatch& watch_;
  JpegMetadata metadata_;  // parts of encoded_
  IccSegments icc_;        // likewise
  Damage damage_;
  std::unique_ptr<std::uint8_t[]> ink_row_;
  const ColourTransform* inks_ = nullptr;
  std::size_t scans_end_ = 0;
  int scans_complete_ = 0;
  int failure_code_ = 0;
  char failure_[JMSG_LENGTH_MAX] = {};
};

JpegReader::JpegReader(Bytes encoded, DecodeWatch& watch) : encoded_(encoded), watch_(watch) {
  jpeg_.err = jpeg_std_error(&errors_);
  jpeg_.client_data = this;
  errors_.error_exit = on_error;
  errors_.emit_message = on_message;
  errors_.output_message = [](j_common_ptr) {};
  source_.next_input_byte = encoded.data();
  source_.bytes_in_buffer = encoded.size();
  source_.init_source = [](j_decompress_ptr) {};
  source_.fill_input_buffer = on_source_end;
  source_.skip_input_data = on_skip;
  source_.resync_to_restart = jpeg_resync_to_restart;
  source_.term_source = [](j_decompress_ptr) {};
}

void JpegReader::on_error(j_common_ptr jpeg) {
  JpegReader& reader = self(jpeg);
  reader.failure_code_ = jpeg->err->msg_code;
  jpeg->err->format_message(jpeg, reader.failure_);
  std::longjmp(reader.jump_, 1);
}

void JpegReader::on_message(j_common_ptr jpeg, int level) {
  if (level >= 0) return;  // tracing
  JpegReader& reader = self(jpeg);
  const bool at_end = reader.jpeg_.unread_marker == kEndMarker;
  if (jpeg->err->msg_code == JWRN_HIT_MARKER && at_end) {
    reader.note_data_end();
    return;
  }
  // After a cut, libjpeg's warnings about the rest of the image tell nothing new.
  Damage& damage = reader.damage_;
  if (damage.data_ended || damage.source_ended) return;
  if (damage.warning_count++ == 0) jpeg->err->format_message(jpeg, damage.warning_first);
}

boolean JpegReader::on_source_end(j_decompress_ptr jpeg) {
  // libjpeg's own way out: an end marker, as often as it asks.
  static constexpr std::array<JOCTET, 2> kEnd = {0xFF, kEndMarker};
  JpegReader& reader = self(jpeg);
  reader.damage_.source_ended = true;
  // The arithmetic decoder takes zeros for missing bytes and says nothing, so that this is all there is to see.
  if (jpeg->arith_code && jpeg->input_scan_number > 0) reader.note_data_end();
  jpeg->src->next_input_byte = kEnd.data();
  jpeg->src->bytes_in_buffer = kEnd.size();
  return TRUE;
}

void JpegReader::on_skip(j_decompress_ptr jpeg, long count) {
  if (count <= 0) return;
  const std::size_t step = std::min(static_cast<std::size_t>(count), jpeg->src->bytes_in_buffer);
  jpeg->src->next_input_byte += step;
  jpeg->src->bytes_in_buffer -= step;
}

// The payload of the segment that libjpeg stands at, which is skipped. The whole file is in memory, so nothing is
// copied and nothing has to be limited: segments that we have no use for (XMP, previews) cost nothing.
Bytes JpegReader::take_segment(j_decompress_ptr jpeg) {
  constexpr std::size_t kLengthBytes = 2;
  jpeg_source_mgr& source = *jpeg->src;
  Bytes rest(source.next_input_byte, source.bytes_in_buffer);
  std::size_t taken = rest.size();
  Bytes payload;
  if (rest.size() >= kLengthBytes) {
    const std::size_t length = static_cast<std::size_t>(rest[0] << 8 | rest[1]);
    taken = std::min(std::max(length, kLengthBytes), rest.size());
    payload = rest.subspan(kLengthBytes, taken - kLengthBytes);
  }
  source.next_input_byte += taken;
  source.bytes_in_buffer -= taken;
  return payload;
}

boolean JpegReader::on_app1(j_decompress_ptr jpeg) {
  self(jpeg).metadata_.take(take_segment(jpeg));
  return TRUE;
}

boolean JpegReader::on_app2(j_decompress_ptr jpeg) {
  self(jpeg).icc_.add(take_segment(jpeg));
  return TRUE;
}

void JpegReader::note_data_end() {
  if (damage_.data_ended) return;
  damage_.data_ended = true;
  damage_.ended_scan = jpeg_.input_scan_number;
  damage_.ended_mcu_row = static_cast<int>(jpeg_.input_iMCU_row);
}

bool JpegReader::read_header() {
  return guarded([this] {
    jpeg_create_decompress(&jpeg_);
    jpeg_.src = &source_;
    jpeg_set_marker_processor(&jpeg_, JPEG_APP0 + 1, on_app1);
    jpeg_set_marker_processor(&jpeg_, JPEG_APP0 + 2, on_app2);
    jpeg_read_header(&jpeg_, TRUE);
  });
}

bool JpegReader::start(int scale_denominator, const ColourTransform* inks) {
  inks_ = inks;
  if (has_inks()) ink_row_ = std::make_unique<std::uint8_t[]>(std::size_t{4} * jpeg_.image_width);
  return guarded([this, scale_denominator] {
    jpeg_.scale_num = 1;
    jpeg_.scale_denom = static_cast<unsigned int>(scale_denominator);
    jpeg_.out_color_space = has_inks() ? JCS_CMYK : JCS_RGB;
    jpeg_.buffered_image = jpeg_has_multiple_scans(&jpeg_);
    // The environment variable JPEGMEM must not make photos fail: limits are ours, by pixels.
    jpeg_.mem->max_memory_to_use = 0;
    jpeg_start_decompress(&jpeg_);
  });
}

double JpegReader::coefficient_bytes() {
  if (!jpeg_has_multiple_scans(&jpeg_)) return 0;
  double blocks = 0;
  for (int c = 0; c < jpeg_.num_components; ++c) {
    blocks += double{1} * jpeg_.comp_info[c].width_in_blocks * jpeg_.comp_info[c].height_in_blocks;
  }
  return blocks * DCTSIZE2 * sizeof(JCOEF);
}

Outcome JpegReader::read_scans(std::int64_t scan_pixels_max) {
  Outcome outcome = Outcome::done;
  Outcome* const outcome_out = &outcome;  // written before a jump, read only without one
  const bool ok = guarded([this, scan_pixels_max, outcome_out] {
    const std::int64_t pixels = std::int64_t{jpeg_.image_width} * jpeg_.image_height;
    for (int event = 0; event != JPEG_REACHED_EOI;) {
      if (watch_.must_end()) {
        *outcome_out = Outcome::ended;
        return;
      }
      event = jpeg_consume_input(&jpeg_);
      if (event == JPEG_SCAN_COMPLETED) {
        scans_complete_ = jpeg_.input_scan_number;
        // A marker that was seen already is not part of the scan.
        const std::size_t seen = jpeg_.unread_marker != 0 ? 2 : 0;
        if (!damage_.source_ended) {
          scans_end_ = encoded_.size() - source_.bytes_in_buffer - seen;
        }
      }
      if (event == JPEG_REACHED_SOS &&
          (jpeg_.input_scan_number > kScansMax || pixels * jpeg_.input_scan_number > scan_pixels_max)) {
        *outcome_out = Outcome::scan_limit;
        return;
      }
    }
    jpeg_start_output(&jpeg_, jpeg_.input_scan_number);
  });
  return ok ? outcome : Outcome::failed;
}

// Once the data of an image of one scan has ended, libjpeg would compute gray for every block that is left, which
// for a small file with a large header is most of the work: two rows of blocks further on we know what follows.
bool JpegReader::rest_is_gray() const {
  if (!damage_.data_ended || jpeg_.buffered_image || jpeg_.arith_code) return false;
  const std::int64_t full_rows = std::int64_t{8} * jpeg_.max_v_samp_factor * (damage_.ended_mcu_row + 2);
  const std::int64_t rows = full_rows * jpeg_.output_height / jpeg_.image_height;
  return std::int64_t{jpeg_.output_scanline} > rows;
}

void JpegReader::read_some_rows(Image& pixels, Image& converted) {
  const int first = static_cast<int>(jpeg_.output_scanline);
  if (has_inks()) {
    read_ink_row(pixels.row(first), converted.empty() ? nullptr : converted.row(first));
    return;
  }
  JSAMPROW rows[kRowsPerCall];
  const JDIMENSION left = jpeg_.output_height - jpeg_.output_scanline;
  const JDIMENSION count = std::min<JDIMENSION>(left, kRowsPerCall);
  for (JDIMENSION i = 0; i < count; ++i) rows[i] = pixels.row(first + static_cast<int>(i));
  jpeg_read_scanlines(&jpeg_, rows, count);
}

// Four inks to RGB, in Pillow's arithmetic. Files hold them as Photoshop writes them, inverted: 255 is no ink.
void JpegReader::read_ink_row(std::uint8_t* row, std::uint8_t* converted) {
  JSAMPROW inks = ink_row_.get();
  jpeg_read_scanlines(&jpeg_, &inks, 1);
  if (inks_ != nullptr) {
    convert_pixels(*inks_, inks, converted != nullptr ? converted : row, static_cast<int>(jpeg_.output_width));
    if (converted == nullptr) return;
  }
  for (JDIMENSION x = 0; x < jpeg_.output_width; ++x) {
    const int key = inks[4 * x + 3];
    for (int c = 0; c < 3; ++c) {
      const int product = (255 - inks[4 * x + c]) * key + 128;
      row[3 * x + c] = static_cast<std::uint8_t>(key - (((product >> 8) + product) >> 8));
    }
  }
}

bool JpegReader::read_rows(Image& pixels, Image& converted) {
  return guarded([this, &pixels, &converted] {
    while (jpeg_.output_scanline < jpeg_.output_height && !rest_is_gray() && !watch_.must_end()) {
      read_some_rows(pixels, converted);
    }
  });
}

void JpegReader::read_end() {
  if (jpeg_.buffered_image || damage_.data_ended) return;
  // All pixels are there: what is wrong behind them does not matter.
  (void)guarded([this] { jpeg_finish_decompress(&jpeg_); });
}

bool JpegReader::is_complete() const {
  if (damage_.data_ended) return false;
  for (int c = 0; c < jpeg_.num_components; ++c) {
    // libjpeg copies the table when the component's first scan begins.
    if (jpeg_.comp_info[c].quant_table == nullptr) return false;
    if (!jpeg_.progressive_mode) continue;
    // Bits still to come for each coefficient; -1: nothing came yet.
    const int* bits = jpeg_.coef_bits[c];
    if (!std::all_of(bits, bits + DCTSIZE2, [](int left) { return left == 0; })) return false;
  }
  return true;
}

// Rows of the full-size image that were read whole, though maybe coarsely: the first pass decides.
int JpegReader::full_rows_good() const {
  if (!damage_.data_ended || damage_.ended_scan > 1) return static_cast<int>(jpeg_.image_height);
  const std::int64_t rows = std::int64_t{8} * jpeg_.max_v_samp_factor * damage_.ended_mcu_row;
  return static_cast<int>(std::min<std::int64_t>(rows, jpeg_.image_height));
}

Error header_error(const JpegReader& reader) {
  switch (reader.failure_code()) {
    case JERR_BAD_PRECISION:
      return {ErrorCode::unsupported,
              fmt::format("JPEG images of {} bits a sample cannot be read", reader.info().data_precision)};
    case JERR_SOF_UNSUPPORTED: return {ErrorCode::unsupported, "lossless and hierarchical JPEG images cannot be read"};
    case JERR_IMAGE_TOO_BIG:
      return {ErrorCode::limit_exceeded,
              fmt::format("the image is {} x {} pixels, a JPEG may have {} a side", reader.info().image_width,
                          reader.info().image_height, JPEG_MAX_DIMENSION)};
    case JERR_OUT_OF_MEMORY:
      return {ErrorCode::limit_exceeded, "this machine has not enough memory free for the JPEG image"};
    default: break;
  }
  if (reader.damage().source_ended) {
    return {ErrorCode::bad_data, "the file ends before the JPEG image in it begins"};
  }
  return {ErrorCode::bad_data, "the JPEG image cannot be read: " + reader.failure()};
}

std::optional<Error> check_colours(const JpegReader& reader) {
  switch (reader.info().jpeg_color_space) {
    case JCS_GRAYSCALE:
    case JCS_YCbCr:
    case JCS_RGB:
    case JCS_CMYK:
    case JCS_YCCK: return std::nullopt;
    default:
      return Error{ErrorCode::unsupported,
                   fmt::format("JPEG images of {} components cannot be read", reader.info().num_components)};
  }
}

void note_truncation(const JpegReader& reader, bool several_scans, DecodedImage& out) {
  const Damage& damage = reader.damage();
  if (!damage.data_ended && !damage.source_ended) return;
  const char* what = damage.source_ended ? "file" : "image data";
  const bool all_rows = reader.full_rows_good() == static_cast<int>(reader.info().image_height);
  if (several_scans ? reader.is_complete() : all_rows) {
    if (damage.source_ended) {
      out.warnings.push_back("truncated: the end of the file is missing; all rows are there");
    }
    return;
  }
  if (several_scans && (!damage.data_ended || damage.ended_scan > 1)) {
    const int scan = damage.data_ended ? damage.ended_scan : reader.info().input_scan_number;
    out.warnings.push_back(
        fmt::format("truncated: the {} ends in or after pass {} of an image sent in several; detail or colour "
                    "is missing",
                    what, scan));
    return;
  }
  const int percent = static_cast<int>(std::int64_t{100} * reader.full_rows_good() / reader.info().image_height);
  out.warnings.push_back(fmt::format("truncated: the {} ends after {} % of the rows{}; the rest is gray", what, percent,
                                     several_scans ? ", which are coarse" : ""));
}

void note_corruption(const Damage& damage, DecodedImage& out) {
  if (damage.warning_count == 0) return;
  std::string text = damage.warning_first;
  constexpr std::string_view kPrefix = "Corrupt JPEG data: ";
  if (text.starts_with(kPrefix)) text.erase(0, kPrefix.size());
  if (damage.warning_count > 1) text += fmt::format(" ({} problems in all)", damage.warning_count);
  out.warnings.push_back("corrupt: " + text + "; some pixels may be wrong");
}

// Takes the profile over; of inks, which become RGB while they are read, it is the transform instead.
ColourPlan read_profile(const JpegReader& reader, const DecodeOptions& options, DecodedImage& out) {
  if (reader.icc().empty()) return {};
  Result<std::vector<std::uint8_t>> profile = reader.icc().join();
  if (!profile) return {nullptr, colours_not_applied({}, profile.error().message)};
  if (!reader.has_inks()) {
    out.icc_profile = std::move(*profile);
    return {};
  }
  return plan_colours(*profile, ColourModel::inks, options.convert_colours || options.converted_too);
}

// The end of a file, behind the scans that were read whole, that does not parse: without it the image is coarser.
struct BrokenTail {
  std::size_t offset = 0;
  int scans = 0;
  std::string reason;
};

Result<Done> read_pixels(JpegReader& reader, bool converted_too, DecodedImage& out) {
  // An image of several scans has been read by now: what there is of it is known.
  if (reader.full_rows_good() == 0) {
    return Error{ErrorCode::bad_data, "the file ends before the first rows of the JPEG image"};
  }
  const jpeg_decompress_struct& info = reader.info();
  out.pixels.reset(static_cast<int>(info.output_width), static_cast<int>(info.output_height), 3);
  out.converted.reset(converted_too ? out.pixels.width() : 0, converted_too ? out.pixels.height() : 0, 3);
  const bool ok = reader.read_rows(out.pixels, out.converted);
  if (!ok && reader.rows_written() == 0) return header_error(reader);
  if (reader.full_rows_good() == 0) {
    return Error{ErrorCode::bad_data, "the file ends before the first rows of the JPEG image"};
  }
  fill_gray_from(reader.rows_written(), out.pixels);
  fill_gray_from(reader.rows_written(), out.converted);
  if (ok) {
    reader.read_end();
  } else {
    out.warnings.push_back(fmt::format("corrupt: {}; the rows after {} % are gray", reader.failure(),
                                       std::int64_t{100} * reader.rows_written() / info.output_height));
  }
  return Done{};
}

std::optional<Error> check_memory(JpegReader& reader, StatedSize size, const DecodeOptions& options) {
  const auto scale = static_cast<double>(options.scale_denominator);
  const double pixels = static_cast<double>(size.width) * static_cast<double>(size.height) / (scale * scale);
  return check_memory_limit(3 * pixels + reader.coefficient_bytes(), size, options.limits);
}

// One attempt. `tail` is filled when a second one on the bytes before it is worth while.
Result<Done> decode_once(Bytes encoded, const DecodeOptions& options, DecodeWatch& watch, DecodedImage& out,
                         std::optional<BrokenTail>& tail) {
  JpegReader reader(encoded, watch);
  if (!reader.read_header()) return header_error(reader);
  const StatedSize size{reader.info().image_width, reader.info().image_height};
  if (std::optional<Error> error = take_size(size, options.limits, out)) return *error;
  if (std::optional<Error> error = check_colours(reader)) return *error;
  if (std::optional<Error> error = check_memory(reader, size, options)) return *error;
  StatedFacts stated(options);
  reader.metadata().state(stated);
  stated.settle(out);
  // From here on the size is within the limits, and memory may be taken.
  const ColourPlan colours = read_profile(reader, options, out);
  if (!reader.start(options.scale_denominator, colours.transform.get())) return header_error(reader);
  const bool several_scans = reader.has_several_scans();
  if (several_scans) {
    const Outcome outcome = reader.read_scans(kFullScansMax * options.limits.pixels_max);
    if (outcome == Outcome::ended) return watch.error();
    if (outcome == Outcome::scan_limit) {
      return Error{ErrorCode::limit_exceeded,
                   fmt::format("the JPEG image comes in more than {} passes, too many for {} x {} "
                               "pixels",
                               reader.info().input_scan_number - 1, out.stored_width, out.stored_height)};
    }
    if (outcome == Outcome::failed) {
      if (reader.scans_end() > 0 && reader.scans_end() < encoded.size()) {
        tail = BrokenTail{reader.scans_end(), reader.scans_complete(), reader.failure()};
      }
      return header_error(reader);
    }
  }
  // The hash is of what is stored: converted colours alone do not do then.
  const bool both = colours.transform != nullptr && (options.hash || !options.convert_colours);
  const Result<Done> read = read_pixels(reader, both, out);
  if (watch.has_ended()) return watch.error();
  if (!read) return read;
  note_truncation(reader, several_scans, out);
  note_corruption(reader.damage(), out);
  if (!colours.warning.empty()) out.warnings.push_back(colours.warning);
  return Done{};
}

}  // namespace

Result<Done> decode_jpeg(Bytes encoded, const DecodeOptions& options, DecodedImage& out) {
  DecodeWatch watch(options.limits, options.stop);
  std::optional<BrokenTail> tail;
  const Result<Done> first = decode_once(encoded, options, watch, out, tail);
  if (first || !tail) return first;
  // The second attempt ends cleanly where the scans that can be read end, and cannot fail there again.
  const BrokenTail broken = *tail;
  tail.reset();
  out.warnings.clear();
  const Result<Done> second = decode_once(encoded.first(broken.offset), options, watch, out, tail);
  if (!second) return second;
  // The cut is ours: what it looks like is not said, in contrast to what the file says of its colours and its turn.
  std::erase_if(out.warnings, [](const std::string& warning) {
    return warning.starts_with("truncated: ") || warning.starts_with("corrupt: ");
  });
  out.warnings.insert(out.warnings.begin(), fmt::format("corrupt: {}; only the first {} passes of the image were used",
                                                        broken.reason, broken.scans));
  return second;
}

}  // namespace mien
