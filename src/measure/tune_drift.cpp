#include "measure/tune_drift.h"

#include <algorithm>
#include <utility>

#include "measure/measure.h"
#include "ops/compare.h"
#include "ops/detect.h"

namespace mien {
namespace {

// Faces that a detector is sure of must be found by both.
constexpr float kSureScore = 0.6F;
constexpr float kOverlapMin = 0.5F;

const Face* find_same(const Face& face, const std::vector<Face>& faces) {
  const auto best = std::max_element(faces.begin(), faces.end(), [&](const Face& a, const Face& b) {
    return intersection_over_union(face.bbox, a.bbox) < intersection_over_union(face.bbox, b.bbox);
  });
  return best == faces.end() || intersection_over_union(face.bbox, best->bbox) < kOverlapMin ? nullptr : &*best;
}

}  // namespace

FacesOfPhotos look_at(const Engine& engine, const std::vector<BenchPhoto>& photos) {
  FacesOfPhotos found;
  for (const BenchPhoto& photo : photos) {
    const ImageView view = photo.pixels;
    PixelView pixels;
    pixels.data = view.data;
    pixels.width = view.width;
    pixels.height = view.height;
    pixels.stride = view.stride;
    pixels.format = view.channels == 1 ? PixelFormat::gray : PixelFormat::rgb;
    Result<Analysis> analysis = engine.analyze_pixels(pixels, {.face_quality = false});
    found.push_back(std::move(analysis).take().faces);
  }
  return found;
}

void measure_drift(const FacesOfPhotos& standard, const FacesOfPhotos& other, PrecisionMeasured& measured) {
  measured.missed = 0;
  std::vector<double> cosines;
  for (std::size_t photo = 0; photo < standard.size() && photo < other.size(); ++photo) {
    for (const Face& face : standard[photo]) {
      const Face* const same = find_same(face, other[photo]);
      if (same == nullptr) {
        measured.missed += face.det_score > kSureScore;
        continue;
      }
      if (face.embedding.empty() || same->embedding.empty()) continue;
      cosines.push_back(cosine_similarity(face.embedding, same->embedding));
    }
  }
  measured.faces = static_cast<int>(cosines.size());
  if (cosines.empty()) return;
  std::sort(cosines.begin(), cosines.end());
  measured.cosine_mean = spread_of(cosines).mean;
  measured.cosine_low = cosines[cosines.size() / 20];
}

}  // namespace mien
