#include "scan/report_thumbnail.h"

#include <algorithm>
#include <atomic>
#include <future>
#include <thread>

#include "base/base64.h"
#include "base/file.h"
#include "image/decode.h"
#include "image/encode.h"
#include "image/orientation.h"
#include "ops/crop.h"

namespace mien::report {
namespace {

constexpr unsigned kThreadsMax = 8;

Thumbnail no_thumbnail(std::string problem) {
  Thumbnail thumbnail;
  thumbnail.problem = std::move(problem);
  return thumbnail;
}

// The smallest decode that still has every pixel of the thumbnail.
int decode_denominator(const Analysis& analysis, int side_max) {
  const int side = std::max(analysis.width, analysis.height);
  for (const int denominator : {8, 4, 2}) {
    if (side / denominator >= side_max) return denominator;
  }
  return 1;
}

// Memory that one thread uses again from image to image.
struct Scratch {
  DecodedImage decoded;
  Image upright;
  Image small;
};

Thumbnail thumbnail_of(const Record& record, ThumbnailSize size, Scratch& scratch) {
  DecodeOptions options;
  options.scale_denominator = decode_denominator(record.analysis, size.side_max);
  const Result<std::vector<std::uint8_t>> bytes = read_file(record.source, options.limits.bytes_max);
  if (!bytes) return no_thumbnail("the file cannot be read any more");
  const Result<Done> decoded = decode_image(*bytes, options, scratch.decoded);
  if (!decoded) return no_thumbnail("the file has changed since and is no image any more");
  int width = scratch.decoded.stored_width;
  int height = scratch.decoded.stored_height;
  if (orientation_swaps_sides(scratch.decoded.orientation)) std::swap(width, height);
  // Boxes of another picture must not be drawn over this one.
  if (width != record.analysis.width || height != record.analysis.height) {
    return no_thumbnail("the file has changed since");
  }
  // Shrinking first means that few pixels are turned.
  make_thumbnail(scratch.decoded.pixels, size.side_max, size.side_max, scratch.small);
  apply_orientation(scratch.small, scratch.decoded.orientation, scratch.upright);
  Thumbnail thumbnail;
  thumbnail.width = scratch.upright.width();
  thumbnail.height = scratch.upright.height();
  thumbnail.data_uri = "data:image/jpeg;base64," + base64_encode(encode_jpeg(scratch.upright, size.jpeg_quality));
  return thumbnail;
}

}  // namespace

std::vector<Thumbnail> make_thumbnails(std::span<const Record> records, ThumbnailSize size) {
  std::vector<Thumbnail> thumbnails(records.size());
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    Scratch scratch;
    for (std::size_t i = next++; i < records.size(); i = next++) {
      thumbnails[i] = thumbnail_of(records[i], size, scratch);
    }
  };
  const unsigned cores = std::max(1U, std::thread::hardware_concurrency());
  const std::size_t threads = std::min<std::size_t>(std::min(cores, kThreadsMax), records.size());
  std::vector<std::future<void>> workers;
  for (std::size_t i = 0; i < threads; ++i) workers.push_back(std::async(std::launch::async, work));
  for (std::future<void>& worker : workers) worker.get();  // passes exceptions on
  return thumbnails;
}

}  // namespace mien::report
