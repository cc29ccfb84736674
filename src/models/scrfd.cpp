// SCRFD (Guo et al. 2021, "Sample and Computation Redistribution for Efficient Face Detection") as InsightFace exports
// it: scores, then box distances, then landmark distances, each for strides 8, 16, 32 (or up to 128).
#include <algorithm>

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
    const float x = static_cast<float>(cell % columns) * unit;
    const float y = static_cast<float>(cell / columns) * unit;
    const float* distance = boxes.data + i * 4;
    Candidate face;
    face.score = scores.data[i];
    face.box = {x - distance[0] * unit, y - distance[1] * unit, x + distance[2] * unit, y + distance[3] * unit};
    for (std::size_t j = 0; points != nullptr && j < face.landmarks.size(); ++j) {
      face.landmarks[j] = {x + points[i * 10 + 2 * j] * unit, y + points[i * 10 + 2 * j + 1] * unit};
    }
    candidates.push_back(face);
  }
}

void decode_scrfd(const Outputs& outputs, const DecodeContext& context, std::vector<Candidate>& candidates) {
  const Layout layout = layout_of(outputs.size());
  for (int level = 0; level < layout.strides; ++level) {
    decode_stride(outputs, layout, level, context, candidates);
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
};

}  // namespace mien
