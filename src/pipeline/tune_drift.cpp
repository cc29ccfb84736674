#include "pipeline/tune_drift.h"

#include <algorithm>
#include <numeric>

#include "ops/compare.h"

namespace mien {
namespace {

// Faces that a detector is sure of must be found by both.
constexpr float kSureScore = 0.6F;
constexpr float kOverlapMin = 0.5F;

float overlap(const Box& a, const Box& b) {
  const float width = std::min(a.x2, b.x2) - std::max(a.x1, b.x1);
  const float height = std::min(a.y2, b.y2) - std::max(a.y1, b.y1);
  if (width <= 0 || height <= 0) return 0;
  const float both = width * height;
  return both / (a.width() * a.height() + b.width() * b.height() - both);
}

const Face* find_same(const Face& face, const std::vector<Face>& faces) {
  const auto best = std::max_element(faces.begin(), faces.end(), [&](const Face& a, const Face& b) {
    return overlap(face.bbox, a.bbox) < overlap(face.bbox, b.bbox);
  });
  return best == faces.end() || overlap(face.bbox, best->bbox) < kOverlapMin ? nullptr : &*best;
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
    const Result<Analysis> analysis = engine.analyze_pixels(pixels, {.face_quality = false});
    found.push_back(analysis ? analysis->faces : std::vector<Face>());
  }
  return found;
}

void measure_drift(const FacesOfPhotos& standard, const FacesOfPhotos& other, PrecisionMeasured& measured) {
  std::vector<float> cosines;
  for (std::size_t photo = 0; photo < standard.size() && photo < other.size(); ++photo) {
    for (const Face& face : standard[photo]) {
      const Face* const same = find_same(face, other[photo]);
      if (same == nullptr) {
        measured.missed += face.det_score > kSureScore;
      } else if (!face.embedding.empty() && !same->embedding.empty()) {
        cosines.push_back(cosine_similarity(face.embedding, same->embedding));
      }
    }
  }
  measured.faces = static_cast<int>(cosines.size());
  if (cosines.empty()) return;
  std::sort(cosines.begin(), cosines.end());
  measured.cosine_mean = std::accumulate(cosines.begin(), cosines.end(), 0.0) / static_cast<double>(cosines.size());
  measured.cosine_low = cosines[cosines.size() / 20];
}

}  // namespace mien
