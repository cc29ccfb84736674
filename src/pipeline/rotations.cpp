#include "pipeline/rotations.h"

#include <algorithm>

namespace mien {
namespace {

// Turns a point of an image that was rotated clockwise by `quarter_turns` back to the image before.
Point turn_back(Point point, int quarter_turns, float width, float height) {
  switch (quarter_turns) {
    case 1: return {point.y, height - point.x};
    case 2: return {width - point.x, height - point.y};
    case 3: return {width - point.y, point.x};
    default: return point;
  }
}

void turn_back(Candidate& face, int quarter_turns, PixelSize image) {
  const float width = static_cast<float>(image.width);
  const float height = static_cast<float>(image.height);
  const Point a = turn_back({face.box.x1, face.box.y1}, quarter_turns, width, height);
  const Point b = turn_back({face.box.x2, face.box.y2}, quarter_turns, width, height);
  face.box = {std::min(a.x, b.x), std::min(a.y, b.y), std::max(a.x, b.x), std::max(a.y, b.y)};
  // Boxes end at the edges of pixels, landmarks are at their centres: the first pixel becomes the last one.
  for (Point& point : face.landmarks) point = turn_back(point, quarter_turns, width - 1, height - 1);
}

double total_score(const std::vector<Candidate>& faces) {
  double sum = 0;
  for (const Candidate& face : faces) sum += face.score;
  return sum;
}

}  // namespace

Detection choose_turn(std::vector<Detection> turns, PixelSize image) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < turns.size(); ++i) {
    if (total_score(turns[i].faces) > total_score(turns[best].faces)) best = i;
  }
  Detection chosen = std::move(turns[best]);
  for (Candidate& face : chosen.faces) {
    if (best > 0) turn_back(face, static_cast<int>(best), image);
  }
  return chosen;
}

}  // namespace mien
