#include "ops/detect.h"

#include <algorithm>
#include <cmath>

namespace mien {
namespace {

float overlap(const Box& a, const Box& b, float one) {
  const float width = std::max(0.0F, std::min(a.x2, b.x2) - std::max(a.x1, b.x1) + one);
  const float height = std::max(0.0F, std::min(a.y2, b.y2) - std::max(a.y1, b.y1) + one);
  const float shared = width * height;
  const float area_a = (a.width() + one) * (a.height() + one);
  const float area_b = (b.width() + one) * (b.height() + one);
  const float all = area_a + area_b - shared;
  return all > 0 ? shared / all : 0.0F;
}

bool is_finite(const Candidate& face) {
  float sum = face.box.x1 + face.box.y1 + face.box.x2 + face.box.y2 + face.score;
  for (const Point& point : face.landmarks) sum += point.x + point.y;
  return std::isfinite(sum);
}

void map_to_image(const DetectPass& pass, std::vector<Candidate>& faces) {
  const float down = pass_scale(pass);
  const float across = pass.has_one_scale ? down : static_cast<float>(pass.size.width) / static_cast<float>(pass.width);
  const float offset_x = static_cast<float>(pass.x);
  const float offset_y = static_cast<float>(pass.y);
  for (Candidate& face : faces) {
    face.box = {face.box.x1 / across + offset_x, face.box.y1 / down + offset_y, face.box.x2 / across + offset_x,
                face.box.y2 / down + offset_y};
    for (Point& point : face.landmarks) point = {point.x / across + offset_x, point.y / down + offset_y};
  }
}

}  // namespace

Detector with_session(const Detector& detector, std::unique_ptr<Session> session) {
  Detector other;
  other.kind = detector.kind;
  other.session = std::move(session);
  other.heads = detector.heads;
  other.score_threshold = detector.score_threshold;
  other.has_landmarks = detector.has_landmarks;
  other.fixed_width = detector.fixed_width;
  other.fixed_height = detector.fixed_height;
  other.exact_sizes = detector.exact_sizes;
  return other;
}

float pass_threshold(const Detector& detector, const DetectPass& pass) {
  return pass.score_threshold.value_or(detector.score_threshold) - pass.peak_margin;
}

float pass_scale(const DetectPass& pass) {
  return static_cast<float>(pass.size.height) / static_cast<float>(pass.height);
}

float intersection_over_union(const Box& a, const Box& b) { return overlap(a, b, 0.0F); }

void suppress_overlaps(const DetectorKind& kind, std::vector<Candidate>& candidates) {
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) { return a.score > b.score; });
  const float one = kind.nms_counts_pixels ? 1.0F : 0.0F;
  std::vector<Candidate> kept;
  for (const Candidate& candidate : candidates) {
    const bool is_covered = std::any_of(kept.begin(), kept.end(), [&](const Candidate& better) {
      return overlap(better.box, candidate.box, one) > kind.nms_threshold;
    });
    if (!is_covered) kept.push_back(candidate);
  }
  candidates = std::move(kept);
}

void finish_pass(const Detector& detector, const DetectPass& pass, std::vector<Candidate>& found) {
  std::erase_if(
      found, [](const Candidate& face) { return !is_finite(face) || face.box.width() <= 0 || face.box.height() <= 0; });
  // In pixels of the image from here on. InsightFace drops overlaps there too, and "+ 1 pixel" depends on it.
  map_to_image(pass, found);
  if (!pass.keeps_overlaps) suppress_overlaps(*detector.kind, found);
}

void detect_pass(const Detector& detector, ImageView image, const DetectPass& pass, DetectScratch& scratch,
                 std::vector<Candidate>& faces, const std::stop_token& stop) {
  const std::int64_t width = pass.size.canvas_width;
  const std::int64_t height = pass.size.canvas_height;
  scratch.planes.resize(static_cast<std::size_t>(3 * width * height));
  letterbox_into(image.crop(pass.x, pass.y, pass.width, pass.height), pass.size, detector.kind->feed, scratch.resize,
                 scratch.planes.data());
  const TensorView input{scratch.planes.data(), {1, 3, height, width}};
  const Outputs outputs = detector.session->run({&input, 1}, stop);

  std::vector<Candidate> found;
  const DecodeContext context{pass.size.canvas_width, pass.size.canvas_height, pass_threshold(detector, pass)};
  if (detector.heads != nullptr) {
    detector.kind->decode_heads(outputs, *detector.heads, context, scratch.heads, found);
  } else {
    detector.kind->decode(outputs, context, found);
  }
  finish_pass(detector, pass, found);
  faces.insert(faces.end(), found.begin(), found.end());
}

}  // namespace mien
