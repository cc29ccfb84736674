// SCRFD (Guo et al. 2021, "Sample and Computation Redistribution for Efficient Face Detection") as InsightFace exports
// it: scores, then box distances, then landmark distances, each for strides 8, 16, 32 (or up to 128).
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "models/detectors.h"

namespace mien {
namespace {

struct Layout {
  int strides = 3;
  int anchors = 2;
  bool landmarks = true;
};

Layout layout_of(std::size_t outputs) {
  const bool five = outputs == 10 || outputs == 15;
  return {five ? 5 : 3, five ? 1 : 2, outputs == 9 || outputs == 15};
}

DetectorLevels levels_of(std::size_t outputs) {
  const Layout layout = layout_of(outputs);
  return {layout.strides, layout.anchors};
}

// Distances to the box's sides and to the landmarks (or null), in strides, from the corner (x, y) of a cell.
void add_face(float x, float y, float unit, float score, const float* sides, const float* points,
              std::vector<Candidate>& candidates) {
  Candidate face;
  face.score = score;
  face.box = {x - sides[0] * unit, y - sides[1] * unit, x + sides[2] * unit, y + sides[3] * unit};
  for (std::size_t j = 0; points != nullptr && j < face.landmarks.size(); ++j) {
    face.landmarks[j] = {x + points[2 * j] * unit, y + points[2 * j + 1] * unit};
  }
  candidates.push_back(face);
}

void decode_stride(const Outputs& outputs, const Layout& layout, int level, const DecodeContext& context,
                   std::vector<Candidate>& candidates) {
  const int stride = 8 << level;
  const std::size_t columns = static_cast<std::size_t>(context.input_width / stride);
  const std::size_t rows = static_cast<std::size_t>(context.input_height / stride);
  const std::size_t anchors = static_cast<std::size_t>(layout.anchors);
  const std::size_t at = static_cast<std::size_t>(level);
  const std::size_t levels = static_cast<std::size_t>(layout.strides);
  const TensorView& scores = outputs[at];
  const TensorView& boxes = outputs[levels + at];
  const std::size_t count = rows * columns * anchors;
  if (scores.count() < count || boxes.count() < count * 4) {
    throw Exception(ErrorCode::bad_data, "the detector's outputs do not have SCRFD's sizes");
  }
  const float* points = layout.landmarks ? outputs[2 * levels + at].data : nullptr;
  if (points != nullptr && outputs[2 * levels + at].count() < count * 10) {
    throw Exception(ErrorCode::bad_data, "the detector's landmarks do not have SCRFD's sizes");
  }
  const float unit = static_cast<float>(stride);
  for (std::size_t i = 0; i < count; ++i) {
    if (!(scores.data[i] >= context.score_threshold)) continue;
    const std::size_t cell = i / anchors;
    add_face(static_cast<float>(cell % columns) * unit, static_cast<float>(cell / columns) * unit, unit, scores.data[i],
             boxes.data + i * 4, points == nullptr ? nullptr : points + i * 10, candidates);
  }
}

void decode_scrfd(const Outputs& outputs, const DecodeContext& context, std::vector<Candidate>& candidates) {
  const Layout layout = layout_of(outputs.size());
  for (int level = 0; level < layout.strides; ++level) {
    decode_stride(outputs, layout, level, context, candidates);
  }
}

// The least logit whose sigmoid may reach the threshold.
float logit_of(float threshold) {
  constexpr float kSlack = 1e-3F;  // the sigmoid itself decides
  if (!(threshold > 0)) return -std::numeric_limits<float>::infinity();
  if (threshold >= 1) return std::numeric_limits<float>::infinity();
  return std::log(threshold / (1 - threshold)) - kSlack;
}

void decode_features(const TensorView& features, const HeadLevel& heads, int stride, const DecodeContext& context,
                     HeadScratch& scratch, std::vector<Candidate>& candidates) {
  const Shape wanted = {1, static_cast<std::int64_t>(heads.scores.channels), context.input_height / stride,
                        context.input_width / stride};
  if (features.shape != wanted) {
    throw Exception(ErrorCode::bad_data, "the detector's feature maps do not have SCRFD's sizes");
  }
  const float unit = static_cast<float>(stride);
  const float bar = logit_of(context.score_threshold);
  FeatureRows rows(features, scratch);
  while (rows.next()) {
    const FeatureRows::Row logits = rows.convolve(heads.scores);
    for (std::size_t column = 0; column < rows.columns(); ++column) {
      bool is_looked_at = false;  // both anchors of a cell see the same window
      for (std::size_t anchor = 0; anchor < heads.scores.outputs; ++anchor) {
        const float logit = logits.data[anchor * logits.stride + column];
        if (!(logit >= bar)) continue;
        const float score = 1 / (1 + std::exp(-logit));
        if (!(score >= context.score_threshold)) continue;
        std::array<float, 4> sides;
        std::array<float, 10> points;
        if (!std::exchange(is_looked_at, true)) rows.look_at(column);
        rows.convolve_window(heads.boxes, anchor * sides.size(), sides.size(), sides.data());
        rows.convolve_window(heads.landmarks, anchor * points.size(), points.size(), points.data());
        add_face(static_cast<float>(column) * unit, static_cast<float>(rows.row()) * unit, unit, score, sides.data(),
                 points.data(), candidates);
      }
    }
  }
}

void decode_scrfd_heads(const Outputs& features, const DetectorHeads& heads, const DecodeContext& context,
                        HeadScratch& scratch, std::vector<Candidate>& candidates) {
  if (features.size() != heads.levels.size()) {
    throw Exception(ErrorCode::bad_data, "the detector does not have SCRFD's feature maps");
  }
  for (std::size_t level = 0; level < heads.levels.size(); ++level) {
    decode_features(features[level], heads.levels[level], 8 << level, context, scratch, candidates);
  }
}

}  // namespace

const DetectorKind kScrfd = {
    .name = "scrfd",
    .feed = {.mean = 127.5F, .scale = 1.0F / 128.0F, .bgr = false},
    .score_threshold = 0.5F,
    .nms_threshold = 0.4F,
    .nms_counts_pixels = true,
    .size_multiple = 32,
    .outputs = {.values = {1, 4, 10}, .levels = levels_of},
    .decode = decode_scrfd,
    .decode_heads = decode_scrfd_heads,
};

}  // namespace mien
