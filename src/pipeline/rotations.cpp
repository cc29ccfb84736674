#include "pipeline/rotations.h"

#include <algorithm>

namespace mien {
namespace {

// Rotates a point of an image that was rotated clockwise by `quarters` back to the image before.
Point rotate_back(Point point, int quarters, float width, float height) {
  switch (quarters) {
    case 1: return {point.y, height - point.x};
    case 2: return {width - point.x, height - point.y};
    case 3: return {width - point.y, point.x};
    default: return point;
  }
}

void rotate_back(Candidate& face, int quarters, PixelSize image) {
  const float width = static_cast<float>(image.width);
  const float height = static_cast<float>(image.height);
  const Point a = rotate_back({face.box.x1, face.box.y1}, quarters, width, height);
  const Point b = rotate_back({face.box.x2, face.box.y2}, quarters, width, height);
  face.box = {std::min(a.x, b.x), std::min(a.y, b.y), std::max(a.x, b.x), std::max(a.y, b.y)};
  // Boxes end at the edges of pixels, landmarks are at their centres: the first pixel becomes the last one.
  for (Point& point : face.landmarks) point = rotate_back(point, quarters, width - 1, height - 1);
}

double total_score(const std::vector<Candidate>& faces) {
  double sum = 0;
  for (const Candidate& face : faces) sum += face.score;
  return sum;
}

}  // namespace

Detection choose_rotation(std::vector<Detection> rotations, PixelSize image) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < rotations.size(); ++i) {
    if (total_score(rotations[i].faces) > total_score(rotations[best].faces)) best = i;
  }
  Detection chosen = std::move(rotations[best]);
  for (Candidate& face : chosen.faces) {
    if (best > 0) rotate_back(face, static_cast<int>(best), image);
  }
  return chosen;
}

}  // namespace mien
