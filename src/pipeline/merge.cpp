#include "pipeline/merge.h"

#include <algorithm>
#include <optional>

#include "ops/align.h"

namespace mien {
namespace {

// An inner edge this near, in pixels of the view, cuts a face.
constexpr float kCutMargin = 2;
// A box that ends within this part of its side from an inner edge may be a piece of a face.
constexpr float kNearShare = 0.25F;
// A piece lies in the whole face by this part of itself, and is smaller than that by this factor.
constexpr float kPieceShare = 0.7F;
constexpr float kPieceArea = 0.9F;
// Boxes of one face, seen at two scales or from two sides.
constexpr float kOneFaceUnion = 0.3F;
constexpr float kOneFaceShare = 0.6F;
// Seen with so many canvas pixels, a face has its best numbers; a larger scale adds nothing.
constexpr float kSeenWell = 64;

float area(const Box& box) { return std::max(0.0F, box.width()) * std::max(0.0F, box.height()); }

float shared_area(const Box& a, const Box& b) {
  return area({std::max(a.x1, b.x1), std::max(a.y1, b.y1), std::min(a.x2, b.x2), std::min(a.y2, b.y2)});
}

template <typename Face>
void sort_by_score(std::vector<Face>& faces) {
  std::stable_sort(faces.begin(), faces.end(), [](const Face& a, const Face& b) { return a.score > b.score; });
}

bool is_piece_of(const Sighting& piece, const Sighting& whole) {
  return whole.pass != piece.pass && whole.place == EdgePlace::whole &&
         area(piece.box) < kPieceArea * area(whole.box) &&
         shared_area(piece.box, whole.box) > kPieceShare * area(piece.box);
}

// Rotates a point of an image that was rotated clockwise by `quarters` back to the image before.
Point rotate_back(Point point, int quarters, float width, float height) {
  switch (quarters) {
    case 1: return {point.y, height - point.x};
    case 2: return {width - point.x, height - point.y};
    case 3: return {width - point.y, point.x};
    default: return point;
  }
}

void rotate_back(DetectedFace& face, int quarters, PixelSize image) {
  if (quarters == 0) return;
  const float width = static_cast<float>(image.width);
  const float height = static_cast<float>(image.height);
  const Point a = rotate_back({face.box.x1, face.box.y1}, quarters, width, height);
  const Point b = rotate_back({face.box.x2, face.box.y2}, quarters, width, height);
  face.box = {std::min(a.x, b.x), std::min(a.y, b.y), std::max(a.x, b.x), std::max(a.y, b.y)};
  // Boxes end at the edges of pixels, landmarks are at their centres: the first pixel becomes the last one.
  for (Point& point : face.landmarks) point = rotate_back(point, quarters, width - 1, height - 1);
  // What stands upright after so many quarters clockwise leaned by as many the other way.
  face.rotation = (4 - quarters) * 90;
}

// A face as one of several rotations shows it. Detectors find faces that stand otherwise too, at times with a higher
// score than the upright ones; but their landmarks then have no face's shape. (Of 185 faces on pages the score alone
// chose wrong landmarks for four.)
struct RotatedFace : DetectedFace {
  float plausibility = 0;  // the score, less the alignment error of the landmarks
};

// 0 where there are no landmarks: the score alone decides.
float landmarks_error(const Landmarks& landmarks) {
  const std::optional<Similarity> to_template = estimate_alignment(landmarks);
  return to_template ? static_cast<float>(alignment_error(landmarks, *to_template)) : 0.0F;
}

}  // namespace

float long_side(const Box& box) { return std::max(box.width(), box.height()); }

float contained_share(const Box& a, const Box& b) {
  const float smaller = std::min(area(a), area(b));
  return smaller > 0 ? shared_area(a, b) / smaller : 0.0F;
}

bool is_one_face(const Box& a, const Box& b) {
  return intersection_over_union(a, b) > kOneFaceUnion || contained_share(a, b) > kOneFaceShare;
}

EdgePlace edge_place(const Candidate& face, const DetectPass& pass, PixelSize view) {
  EdgePlace place = EdgePlace::whole;
  const auto look = [&](bool is_inner, float gap, float side) {
    if (!is_inner) return;
    if (gap < kCutMargin) {
      place = EdgePlace::cut;
    } else if (gap < kNearShare * side && place == EdgePlace::whole) {
      place = EdgePlace::near;
    }
  };
  const float width = face.box.width();
  const float height = face.box.height();
  look(pass.x > 0, face.box.x1 - static_cast<float>(pass.x), width);
  look(pass.y > 0, face.box.y1 - static_cast<float>(pass.y), height);
  look(pass.x + pass.width < view.width, static_cast<float>(pass.x + pass.width) - face.box.x2, width);
  look(pass.y + pass.height < view.height, static_cast<float>(pass.y + pass.height) - face.box.y2, height);
  return place;
}

void drop_pieces(std::vector<Sighting>& seen, float score_threshold) {
  std::erase_if(seen, [](const Sighting& face) { return face.place == EdgePlace::cut; });
  std::vector<Sighting> whole;
  for (const Sighting& face : seen) {
    if (face.place == EdgePlace::whole && face.score >= score_threshold) whole.push_back(face);
  }
  std::erase_if(seen, [&](const Sighting& face) {
    return face.place == EdgePlace::near &&
           std::any_of(whole.begin(), whole.end(), [&](const Sighting& other) { return is_piece_of(face, other); });
  });
}

std::vector<DetectedFace> merge_looks(const std::vector<Candidate>& first, float first_scale,
                                      std::vector<Sighting> closer) {
  std::vector<DetectedFace> faces;
  std::vector<DetectedFace> small;
  for (const Candidate& face : first) {
    const bool is_kept = closer.empty() || long_side(face.box) * first_scale >= kKeptFace;
    (is_kept ? faces : small).push_back({face, first_scale, 0});
  }
  const auto seen_pixels = [](const Sighting& face) { return std::min(long_side(face.box) * face.scale, kSeenWell); };
  std::stable_sort(closer.begin(), closer.end(), [&](const Sighting& a, const Sighting& b) {
    if (a.place != b.place) return a.place < b.place;
    return seen_pixels(a) != seen_pixels(b) ? seen_pixels(a) > seen_pixels(b) : a.score > b.score;
  });
  const auto is_known = [](const auto& known, const Box& box) {
    return std::any_of(known.begin(), known.end(), [&](const auto& other) { return is_one_face(box, other.box); });
  };
  std::vector<Sighting> accepted;
  for (const Sighting& face : closer) {
    // One pass has told its own faces apart.
    const auto is_seen_before = [&](const Sighting& other) {
      return other.pass != face.pass && is_one_face(face.box, other.box);
    };
    if (!is_known(faces, face.box) && std::none_of(accepted.begin(), accepted.end(), is_seen_before)) {
      accepted.push_back(face);
    }
  }
  for (const DetectedFace& face : small) {
    if (!is_known(accepted, face.box)) faces.push_back(face);
  }
  faces.insert(faces.end(), accepted.begin(), accepted.end());
  sort_by_score(faces);
  return faces;
}

std::vector<DetectedFace> merge_rotations(std::vector<std::vector<DetectedFace>> rotations, PixelSize image) {
  if (rotations.size() == 1) return std::move(rotations.front());
  std::vector<RotatedFace> all;
  for (std::size_t i = 0; i < rotations.size(); ++i) {
    for (DetectedFace& face : rotations[i]) {
      rotate_back(face, static_cast<int>(i), image);
      all.push_back({face, face.score - landmarks_error(face.landmarks)});
    }
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const RotatedFace& a, const RotatedFace& b) { return a.plausibility > b.plausibility; });
  std::vector<DetectedFace> faces;
  for (const RotatedFace& face : all) {
    const bool is_known = std::any_of(faces.begin(), faces.end(), [&](const DetectedFace& better) {
      return better.rotation != face.rotation && is_one_face(face.box, better.box);
    });
    if (!is_known) faces.push_back(face);
  }
  sort_by_score(faces);
  return faces;
}

}  // namespace mien
