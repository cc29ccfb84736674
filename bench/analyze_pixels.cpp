// The faces of decoded photos, PASSES times over, by the C++ interface: what bench/python_overhead.py compares with
// Python's.
//   analyze_pixels DETECTOR EMBEDDER PASSES [FILE WIDTH HEIGHT]...
// DETECTOR and EMBEDDER are names, files, or empty for the default ones; FILE holds RGB pixels, row after row.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <vector>

#include "mien/engine.h"
#include "mien/settings.h"

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  std::vector<std::vector<char>> photos;
  std::vector<mien::PixelView> views;
  for (int i = 4; i + 2 < argc; i += 3) {
    mien::PixelView view;
    view.width = std::atoi(argv[i + 1]);
    view.height = std::atoi(argv[i + 2]);
    view.stride = view.width * 3;
    view.format = mien::PixelFormat::rgb;
    photos.emplace_back(static_cast<std::size_t>(view.stride) * static_cast<std::size_t>(view.height));
    std::ifstream(argv[i], std::ios::binary).read(photos.back().data(), static_cast<long>(photos.back().size()));
    view.data = reinterpret_cast<const std::uint8_t*>(photos.back().data());
    views.push_back(view);
  }
  mien::EngineOptions options;
  options.detector = argv[1];
  options.embedder = argv[2];
  options.settings = mien::load_settings({});
  const mien::Engine engine(options);
  mien::Workspace workspace;
  std::size_t faces = 0;
  float sum = 0;
  for (int pass = 0; pass < std::atoi(argv[3]); ++pass) {
    for (const mien::PixelView& view : views) {
      const mien::Analysis analysis = engine.analyze_pixels(view, {}, workspace).take();
      for (const mien::Face& face : analysis.faces) {
        sum += face.bbox.x1 + face.det_score + face.embedding[0];
        ++faces;
      }
    }
  }
  std::printf("%zu %.3f\n", faces, sum);
}
