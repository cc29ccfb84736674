#include "measure/bench_images.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/cancel.h"
#include "base/file.h"
#include "base/text.h"
#include "image/orientation.h"
#include "image/resample.h"
#include "pipeline/looks.h"

namespace mien {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPhotosLookedAtMax = 100;

Box around_all(const std::vector<DetectedFace>& faces) {
  Box box = faces.front().box;
  for (const DetectedFace& face : faces) {
    box.x1 = std::min(box.x1, face.box.x1);
    box.y1 = std::min(box.y1, face.box.y1);
    box.x2 = std::max(box.x2, face.box.x2);
    box.y2 = std::max(box.y2, face.box.y2);
  }
  return box;
}

// Where a stretch of `length` begins among `total` so that its middle is as near to `middle` as can be.
int begin_around(double middle, int length, int total) {
  return std::clamp(static_cast<int>(std::lround(middle - length / 2.0)), 0, total - length);
}

// This folder, or that of the build's sample photos when it is empty.
std::string photo_folder(const std::string& asked) {
  if (!asked.empty()) return asked;
  std::error_code failure;
  if (*MIEN_DEFAULT_PHOTO_DIR != '\0' && fs::is_directory(MIEN_DEFAULT_PHOTO_DIR, failure)) {
    return MIEN_DEFAULT_PHOTO_DIR;
  }
  throw Exception(ErrorCode::not_found,
                  "there are no photos to measure with: name a folder of photos with faces by --images DIR");
}

}  // namespace

std::vector<fs::path> list_photos(const std::string& folder) {
  std::vector<fs::path> paths;
  std::error_code failure;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, failure)) {
    const std::string extension = lower(entry.path().extension().string());
    std::error_code ignored;
    if (!entry.is_regular_file(ignored)) continue;  // links are followed
    if (extension == ".jpg" || extension == ".jpeg" || extension == ".png") paths.push_back(entry.path());
  }
  if (failure) {
    throw Exception(ErrorCode::not_found, fmt::format("{} cannot be listed: {}", folder, failure.message()));
  }
  if (paths.empty()) {
    throw Exception(ErrorCode::not_found, fmt::format("no .jpg, .jpeg or .png files in {}", folder));
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::vector<BenchPhoto> load_bench_photos(const Engine::State& engine, const std::string& folder,
                                          const std::stop_token& stop) {
  const std::string place = photo_folder(folder);
  std::vector<BenchPhoto> photos;
  DetectScratch scratch;
  std::size_t looked_at = 0;
  for (const fs::path& path : list_photos(place)) {
    throw_if_stopped(stop);
    if (photos.size() == kBenchPhotosMax || looked_at++ == kPhotosLookedAtMax) break;
    const Result<std::vector<std::uint8_t>> bytes = read_file(path.string(), engine.options.limits.bytes_max);
    DecodedImage decoded;
    Image turned;
    if (!bytes || !decode_image(*bytes, decode_options(engine.input), decoded)) continue;
    const ImageView upright = upright_view(decoded.pixels, decoded.orientation, turned, stop);
    const std::vector<DetectedFace> faces =
        detect_faces(*engine.detector, {.precision = engine.options.precision}, upright, scratch, stop);
    if (faces.empty()) continue;
    photos.push_back({copy_picture(upright), around_all(faces)});
  }
  if (photos.empty()) {
    throw Exception(ErrorCode::not_found,
                    fmt::format("no photo with a face in {}: name another folder by --images DIR", place));
  }
  return photos;
}

Image copy_picture(ImageView view) {
  Image copy;
  copy.reset(view.width, view.height, view.channels, view.bgr);
  for (int y = 0; y < view.height; ++y) std::copy_n(view.row(y), copy.stride(), copy.row(y));
  return copy;
}

Image compose_picture(const BenchPhoto& photo, PixelSize size) {
  const int width = photo.pixels.width(), height = photo.pixels.height();
  const double scale = std::max(static_cast<double>(size.width) / width, static_cast<double>(size.height) / height);
  const int part_width = std::clamp(static_cast<int>(std::lround(size.width / scale)), 1, width);
  const int part_height = std::clamp(static_cast<int>(std::lround(size.height / scale)), 1, height);
  const int x = begin_around((photo.faces.x1 + photo.faces.x2) / 2.0, part_width, width);
  const int y = begin_around((photo.faces.y1 + photo.faces.y2) / 2.0, part_height, height);
  Image picture;
  resample(photo.pixels.view().crop(x, y, part_width, part_height), size.width, size.height, ResampleFilter::lanczos,
           picture);
  return picture;
}

}  // namespace mien
