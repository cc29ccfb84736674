// Pictures with real faces for measuring: photos composed to the sizes of the benchmark.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "pipeline/state.h"

namespace mien {

// The .jpg, .jpeg and .png files of a folder, sorted. Throws Exception(not_found).
std::vector<std::filesystem::path> list_photos(const std::string& folder);

// An upright photo and the box around all of its faces.
struct BenchPhoto {
  Image pixels;
  Box faces;
};

// At most kBenchPhotosMax photos in which the detector finds a face, of this folder, or of the build's sample photos
// when it is empty. Throws Exception: not_found (the message says what to do), cancelled.
inline constexpr std::size_t kBenchPhotosMax = 8;
std::vector<BenchPhoto> load_bench_photos(const Engine::State& engine, const std::string& folder,
                                          const std::stop_token& stop = {});

Image copy_picture(ImageView view);

// The part of the photo with this aspect ratio that shows most of its faces, resampled to the size.
Image compose_picture(const BenchPhoto& photo, PixelSize size);

}  // namespace mien
