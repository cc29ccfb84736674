// YuNet (Wu, Peng, Yu 2023, "YuNet: A Tiny Millisecond-level Face Detector") as OpenCV Zoo exports it: class score,
// object score, box and landmarks for strides 8, 16, 32, by name.
#include <algorithm>
#include <array>
#include <cmath>

#include "models/detectors.h"

namespace mien {
namespace {

// Exporters keep this order: cls_8 cls_16 cls_32 obj_8 ... kps_32.
struct Level {
  const TensorView& classes;
  const TensorView& objects;
  const TensorView& boxes;
  const TensorView& points;
};

void decode_level(const Level& level, int stride, const DecodeContext& context, std::vector<Candidate>& candidates) {
  const std::size_t columns = static_cast<std::size_t>(context.input_width / stride);
  const std::size_t rows = static_cast<std::size_t>(context.input_height / stride);
  const std::size_t count = rows * columns;
  if (level.classes.count() < count || level.objects.count() < count || level.boxes.count() < count * 4 ||
      level.points.count() < count * 10) {
    throw Exception(ErrorCode::bad_data, "the detector's outputs do not have YuNet's sizes");
  }
  const float unit = static_cast<float>(stride);
  for (std::size_t i = 0; i < count; ++i) {
    const float score =
        std::sqrt(std::clamp(level.classes.data[i], 0.0F, 1.0F) * std::clamp(level.objects.data[i], 0.0F, 1.0F));
    if (!(score >= context.score_threshold)) continue;
    const float column = static_cast<float>(i % columns);
    const float row = static_cast<float>(i / columns);
    const float* box = level.boxes.data + i * 4;
    const float centre_x = (column + box[0]) * unit;
    const float centre_y = (row + box[1]) * unit;
    const float width = std::exp(box[2]) * unit;
    const float height = std::exp(box[3]) * unit;
    Candidate face;
    face.score = score;
    face.box = {centre_x - width / 2, centre_y - height / 2, centre_x + width / 2, centre_y + height / 2};
    for (std::size_t j = 0; j < face.landmarks.size(); ++j) {
      const float* point = level.points.data + i * 10 + 2 * j;
      face.landmarks[j] = {(column + point[0]) * unit, (row + point[1]) * unit};
    }
    candidates.push_back(face);
  }
}

void decode_yunet(const Outputs& outputs, const DecodeContext& context, std::vector<Candidate>& candidates) {
  for (std::size_t level = 0; level < 3; ++level) {
    decode_level({outputs[level], outputs[3 + level], outputs[6 + level], outputs[9 + level]}, 8 << level, context,
                 candidates);
  }
}

}  // namespace

const DetectorKind kYunet = {
    .name = "yunet",
    .feed = {.mean = 0.0F, .scale = 1.0F, .bgr = true},
    .score_threshold = 0.6F,
    .nms_threshold = 0.3F,
    .nms_counts_pixels = false,
    .size_multiple = 32,
    .outputs = {.values = {1, 1, 4, 10},
                .score_groups = 2,
                .levels =
                    [](std::size_t /*outputs*/) {
                      return DetectorLevels{3, 1};
                    }},
    .decode = decode_yunet,
};

}  // namespace mien
