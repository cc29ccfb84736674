#include "report/thumbnail.h"

#include <algorithm>
#include <atomic>
#include <future>

#include "base/base64.h"
#include "base/processor.h"
#include "image/decode.h"
#include "image/encode.h"
#include "image/orientation.h"
#include "ops/crop.h"
#include "pipeline/thumbnail.h"
#include "sources/source.h"

namespace mien::report {
namespace {

constexpr unsigned kThreadsMax = 8;
constexpr int kFaceSide = 112;  // pixels, of the face shown beside a match
constexpr int kFaceJpegQuality = 75;
constexpr double kFaceMargin = 0.25;

Thumbnail no_thumbnail(std::string problem) {
  Thumbnail thumbnail;
  thumbnail.problem = std::move(problem);
  return thumbnail;
}

// The smallest decode that still has every pixel of the thumbnail, and of the face when one is wanted.
int decode_denominator(const Analysis& analysis, int side_max, const Face* face) {
  const int side = std::max(analysis.width, analysis.height);
  for (const int denominator : {8, 4, 2}) {
    const float scale = static_cast<float>(denominator);
    const bool face_fits = !face || std::max(face->face_width(), face->face_height()) / scale >= kFaceSide;
    if (side / denominator >= side_max && face_fits) return denominator;
  }
  return 1;
}

std::string jpeg_data_uri(ImageView pixels, int quality) {
  return "data:image/jpeg;base64," + base64_encode(encode_jpeg(pixels, quality));
}

// Memory that one thread uses again from image to image.
struct Scratch {
  DecodedImage decoded;
  Image upright;
  Image small;
};

// The face with some of its surroundings, from an upright image that may be smaller than the one it was found in.
std::string face_data_uri(const Face& face, int width_found, ImageView upright, const InputOptions& input,
                          Image& small) {
  const float scale = static_cast<float>(upright.width) / static_cast<float>(width_found);
  const Box box{face.bbox.x1 * scale, face.bbox.y1 * scale, face.bbox.x2 * scale, face.bbox.y2 * scale};
  const PixelRect rect = clip_box(box, kFaceMargin, upright.width, upright.height);
  if (rect.width <= 0 || rect.height <= 0) return "";
  make_thumbnail(input, upright.crop(rect.x, rect.y, rect.width, rect.height), kFaceSide, kFaceSide, small);
  return jpeg_data_uri(small, kFaceJpegQuality);
}

// A relative source lies where the scan ran that found it, or where the tree with all of it has moved to since.
Result<std::vector<std::uint8_t>> read_source(const Record& record, std::size_t bytes_max) {
  if (!record.source_folder.empty()) {
    Result<std::vector<std::uint8_t>> bytes =
        open_item(resolve_source(record.source, record.source_folder)).read(bytes_max);
    if (bytes) return bytes;
  }
  return open_item(record.source).read(bytes_max);
}

Thumbnail thumbnail_of(const Record& record, ThumbnailSize size, bool with_face, const InputOptions& input,
                       Scratch& scratch) {
  const Match* match = with_face ? best_match(record) : nullptr;
  const Face* face = match ? &record.analysis.faces[static_cast<std::size_t>(match->face)] : nullptr;
  DecodeOptions options = decode_options(input);
  options.scale_denominator = decode_denominator(record.analysis, size.side_max, face);
  const Result<std::vector<std::uint8_t>> bytes = read_source(record, options.limits.bytes_max);
  if (!bytes) return no_thumbnail("the file cannot be read any more");
  DecodedImage& decoded = scratch.decoded;
  if (!decode_image(*bytes, options, decoded))
    return no_thumbnail("the file has changed since and is no image any more");
  int width = decoded.stored_width;
  int height = decoded.stored_height;
  if (orientation_swaps_sides(decoded.orientation)) std::swap(width, height);
  // Boxes of another picture must not be drawn over this one.
  if (width != record.analysis.width || height != record.analysis.height) {
    return no_thumbnail("the file has changed since");
  }
  Thumbnail thumbnail;
  if (face) {
    apply_orientation(decoded.pixels, decoded.orientation, scratch.upright);
    thumbnail.face_data_uri = face_data_uri(*face, width, scratch.upright, input, scratch.small);
  }
  // Shrinking first means that few pixels are rotated.
  make_thumbnail(input, decoded.pixels, size.side_max, size.side_max, scratch.small);
  apply_orientation(scratch.small, decoded.orientation, scratch.upright);
  thumbnail.width = scratch.upright.width();
  thumbnail.height = scratch.upright.height();
  thumbnail.data_uri = jpeg_data_uri(scratch.upright, size.jpeg_quality);
  return thumbnail;
}

}  // namespace

std::vector<Thumbnail> make_thumbnails(std::span<const Record> records, ThumbnailSize size, std::size_t face_count,
                                       const InputOptions& input) {
  std::vector<Thumbnail> thumbnails(records.size());
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    Scratch scratch;
    for (std::size_t i = next++; i < records.size(); i = next++) {
      thumbnails[i] = thumbnail_of(records[i], size, i < face_count, input, scratch);
    }
  };
  const unsigned cores = static_cast<unsigned>(usable_processors());
  const std::size_t threads = std::min<std::size_t>(std::min(cores, kThreadsMax), records.size());
  std::vector<std::future<void>> workers;
  for (std::size_t i = 0; i < threads; ++i) workers.push_back(std::async(std::launch::async, work));
  for (std::future<void>& worker : workers) worker.get();  // passes exceptions on
  return thumbnails;
}

}  // namespace mien::report
