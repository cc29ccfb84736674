// The file is handed to libwebp in pieces, so that a truncated one gives the rows that it has, and so that somebody
// who waits for the end can stop it in between.
//
// Memory, beside the pixels of `out` (3 bytes a pixel): a lossless image needs its pixels once more in 4 bytes, and its
// transforms; a lossy one some rows, and a plane of alpha where it has one.
#include "image/codecs_built.h"

#include <fmt/format.h>
#include <webp/decode.h>
#include <webp/demux.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <string>

#include "base/dynamic_library.h"
#include "image/formats/damage.h"
#include "image/formats/frames.h"
#include "image/limits.h"
#include "image/stated_facts.h"

namespace mien {
namespace {

constexpr std::size_t kPieceBytes = 16'384;
constexpr int kLossless = 2;  // WebPBitstreamFeatures::format
constexpr double kLosslessBytesAPixel = 6;
constexpr double kLossyBytesAPixel = 0.25;
constexpr double kAlphaBytesAPixel = 2;

struct WebpLibrary {
  DynamicLibrary library{kWEBPSoname, "libwebp7"};
  decltype(&WebPGetFeaturesInternal) get_features = library["WebPGetFeaturesInternal"];
  decltype(&WebPINewRGB) new_rgb = library["WebPINewRGB"];
  decltype(&WebPIUpdate) update = library["WebPIUpdate"];
  decltype(&WebPIDecGetRGB) get_rgb = library["WebPIDecGetRGB"];
  decltype(&WebPIDelete) delete_decoder = library["WebPIDelete"];
  DynamicLibrary container{kWEBPDEMUXSoname, "libwebpdemux2"};
  decltype(&WebPDemuxInternal) demux = container["WebPDemuxInternal"];
  decltype(&WebPDemuxDelete) delete_demuxer = container["WebPDemuxDelete"];
  decltype(&WebPDemuxGetI) get_number = container["WebPDemuxGetI"];
  decltype(&WebPDemuxGetFrame) get_frame = container["WebPDemuxGetFrame"];
  decltype(&WebPDemuxReleaseIterator) release_frame = container["WebPDemuxReleaseIterator"];
  decltype(&WebPDemuxGetChunk) get_chunk = container["WebPDemuxGetChunk"];
  decltype(&WebPDemuxReleaseChunkIterator) release_chunk = container["WebPDemuxReleaseChunkIterator"];
};

Result<WebpLibrary> load_webp() {
  WebpLibrary webp;
  if (webp.library.ok() && !webp.container.ok()) return webp.container.error();
  return opened(std::move(webp));
}

const Result<WebpLibrary>& webp_library() {
  static const Result<WebpLibrary> library = load_webp();
  return library;
}

// The chunks of a file, as far as it goes.
class Container {
 public:
  explicit Container(Bytes encoded) : webp_(*webp_library()) {
    const WebPData data{encoded.data(), encoded.size()};
    demuxer_ = webp_.demux(&data, 1, &state_, WEBP_DEMUX_ABI_VERSION);
    has_frame_ = demuxer_ != nullptr && webp_.get_frame(demuxer_, 1, &frame_) != 0;
  }
  ~Container() {
    if (has_frame_) webp_.release_frame(&frame_);
    webp_.delete_demuxer(demuxer_);
  }
  Container(const Container&) = delete;
  Container& operator=(const Container&) = delete;

  // The frame of this number, from 1, is the current one from now on. False where there is none.
  bool go_to_frame(int number) {
    if (has_frame_) webp_.release_frame(&frame_);
    has_frame_ = webp_.get_frame(demuxer_, number, &frame_) != 0;
    return has_frame_;
  }
  bool has_frame() const { return has_frame_; }
  bool is_broken() const { return state_ == WEBP_DEMUX_PARSE_ERROR; }
  const WebPIterator& frame() const { return frame_; }
  Bytes fragment() const { return {frame_.fragment.bytes, frame_.fragment.size}; }
  StatedSize canvas() const { return {number(WEBP_FF_CANVAS_WIDTH), number(WEBP_FF_CANVAS_HEIGHT)}; }
  std::int64_t frame_count() const { return number(WEBP_FF_FRAME_COUNT); }
  std::vector<std::uint8_t> chunk(const char* name) const {
    WebPChunkIterator found{};
    std::vector<std::uint8_t> bytes;
    if (webp_.get_chunk(demuxer_, name, 1, &found) == 0) return bytes;
    bytes.assign(found.chunk.bytes, found.chunk.bytes + found.chunk.size);
    webp_.release_chunk(&found);
    return bytes;
  }

 private:
  std::int64_t number(WebPFormatFeature feature) const { return webp_.get_number(demuxer_, feature); }

  const WebpLibrary& webp_;
  WebPDemuxState state_ = WEBP_DEMUX_PARSING_HEADER;
  WebPDemuxer* demuxer_ = nullptr;
  WebPIterator frame_{};
  bool has_frame_ = false;
};

// How far reading came.
struct Progress {
  int rows = 0;
  VP8StatusCode status = VP8_STATUS_SUSPENDED;
};

Progress read_rows(const Container& container, DecodeWatch& watch, Image& pixels) {
  const WebpLibrary& webp = *webp_library();
  const WebPIterator& frame = container.frame();
  const Bytes data = container.fragment();
  std::uint8_t* const corner = pixels.row(frame.y_offset) + 3 * static_cast<std::ptrdiff_t>(frame.x_offset);
  const std::size_t room = pixels.size_bytes() - static_cast<std::size_t>(corner - pixels.data());
  const std::unique_ptr<WebPIDecoder, decltype(webp.delete_decoder)> decoder(
      webp.new_rgb(MODE_RGB, corner, room, static_cast<int>(pixels.stride())), webp.delete_decoder);
  Progress progress;
  if (decoder == nullptr) {
    progress.status = VP8_STATUS_OUT_OF_MEMORY;
    return progress;
  }
  for (std::size_t size = 0; size < data.size() && progress.status == VP8_STATUS_SUSPENDED;) {
    if (watch.must_end()) return progress;
    size = std::min(size + kPieceBytes, data.size());
    progress.status = webp.update(decoder.get(), data.data(), size);
    int rows = 0;
    if (webp.get_rgb(decoder.get(), &rows, nullptr, nullptr, nullptr) != nullptr) progress.rows = rows;
  }
  return progress;
}

// Of the canvas and of the current frame, as it is decoded.
double memory_bytes(const Container& container, const WebPBitstreamFeatures& features) {
  const StatedSize canvas = container.canvas();
  const double canvas_pixels = static_cast<double>(canvas.width) * static_cast<double>(canvas.height);
  const double frame_pixels = static_cast<double>(features.width) * features.height;
  const double a_pixel = features.format == kLossless
                             ? kLosslessBytesAPixel
                             : kLossyBytesAPixel + (features.has_alpha != 0 ? kAlphaBytesAPixel : 0);
  return 3 * canvas_pixels + a_pixel * frame_pixels;
}

std::optional<Error> check_limits(const Container& container, const WebPBitstreamFeatures& features,
                                  const ImageLimits& limits, DecodedImage& out) {
  const StatedSize canvas = container.canvas();
  if (std::optional<Error> error = take_size(canvas, limits, out)) return error;
  if (container.frame_count() > limits.frames_max) {
    return Error{ErrorCode::limit_exceeded, fmt::format("the WebP image has {} frames, the limit frames_max is {}",
                                                        container.frame_count(), limits.frames_max)};
  }
  return check_memory_limit(memory_bytes(container, features), canvas, limits);
}

void note_damage(const Progress& progress, int frame_height, int first_missing, DecodedImage& out) {
  if (progress.status == VP8_STATUS_OK) return;
  fill_gray_from(first_missing, out.pixels);
  const int percent = row_percent(progress.rows, frame_height);
  const bool ended = progress.status == VP8_STATUS_SUSPENDED || progress.status == VP8_STATUS_NOT_ENOUGH_DATA;
  out.warnings.push_back(fmt::format("{} after {} % of the rows; the rest is gray",
                                     ended ? "truncated: the file ends" : "corrupt: the WebP data are broken",
                                     percent));
}

Error no_frame(const Container& container) {
  return {ErrorCode::bad_data, container.is_broken() ? "the WebP image cannot be read: its chunks are broken"
                                                     : "the file ends before the WebP image in it begins"};
}

bool fits_canvas(const Container& container, const WebPBitstreamFeatures& features) {
  const WebPIterator& frame = container.frame();
  const StatedSize canvas = container.canvas();
  return frame.x_offset >= 0 && frame.y_offset >= 0 && frame.x_offset + features.width <= canvas.width &&
         frame.y_offset + features.height <= canvas.height;
}

VP8StatusCode read_features(const Container& container, WebPBitstreamFeatures& features) {
  const Bytes fragment = container.fragment();
  return webp_library()->get_features(fragment.data(), fragment.size(), &features, WEBP_DECODER_ABI_VERSION);
}

// Draws a later frame over those before it, which showed nothing. False: it cannot be drawn.
bool draw_frame(Container& container, int number, const ImageLimits& limits, DecodeWatch& watch, Image& pixels) {
  WebPBitstreamFeatures features{};
  if (!container.go_to_frame(number) || read_features(container, features) != VP8_STATUS_OK) return false;
  if (check_memory_limit(memory_bytes(container, features), container.canvas(), limits)) return false;
  return fits_canvas(container, features) && read_rows(container, watch, pixels).status == VP8_STATUS_OK;
}

}  // namespace

Result<Done> open_webp() { return open_result(webp_library()); }

Result<Done> decode_webp(Bytes encoded, const DecodeOptions& options, DecodedImage& out) {
  DecodeWatch watch(options.limits, options.stop);
  Container container(encoded);
  WebPBitstreamFeatures features{};
  if (!container.has_frame() || read_features(container, features) != VP8_STATUS_OK) return no_frame(container);
  const StatedSize canvas = container.canvas();
  if (std::optional<Error> error = check_limits(container, features, options.limits, out)) return *error;
  if (!fits_canvas(container, features)) {
    return Error{ErrorCode::bad_data, "the WebP image cannot be read: its frame lies outside of its canvas"};
  }
  // From here on the size is within the limits, and memory may be taken.
  out.pixels.reset(out.stored_width, out.stored_height, 3);
  if (features.width != canvas.width || features.height != canvas.height) {
    std::memset(out.pixels.data(), 0, out.pixels.size_bytes());
  }
  const Progress progress = read_rows(container, watch, out.pixels);
  if (watch.has_ended()) return watch.error();
  if (progress.status == VP8_STATUS_OUT_OF_MEMORY) {
    return Error{ErrorCode::limit_exceeded, "this machine has not enough memory free for the WebP image"};
  }
  if (progress.rows == 0) {
    return Error{ErrorCode::bad_data, progress.status == VP8_STATUS_SUSPENDED
                                          ? "the file ends before the first row of the WebP image"
                                          : "the WebP image cannot be read: its data are broken"};
  }
  out.icc_profile = container.chunk("ICCP");
  StatedFacts stated(options);
  stated.add_exif("EXIF", container.chunk("EXIF"));
  stated.add_xmp("XMP", container.chunk("XMP "));
  stated.settle(out);
  note_damage(progress, features.height, container.frame().y_offset + progress.rows, out);
  if (container.frame_count() > 1 && is_blank(out.pixels)) {
    int number = 1;
    draw_until_shown([&] { return draw_frame(container, ++number, options.limits, watch, out.pixels); }, out);
    if (watch.has_ended()) return watch.error();
  }
  return Done{};
}

}  // namespace mien
