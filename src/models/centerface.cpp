// CenterFace (Xu et al. 2019, "CenterFace: Joint Face Detection and Alignment Using Face as Point"): a heat map of
// face centres at a quarter of the input, with size, offset and landmarks at each cell.
#include <algorithm>
#include <cmath>

#include "models/detectors.h"

namespace mien {
namespace {

constexpr int kStride = 4;

void decode_centerface(const Outputs& outputs, const DecodeContext& context, std::vector<Candidate>& candidates) {
  const std::size_t columns = static_cast<std::size_t>(context.input_width / kStride);
  const std::size_t rows = static_cast<std::size_t>(context.input_height / kStride);
  const std::size_t plane = rows * columns;
  if (outputs.size() != 4 || outputs[0].count() < plane || outputs[1].count() < 2 * plane ||
      outputs[2].count() < 2 * plane || outputs[3].count() < 10 * plane) {
    throw Exception(ErrorCode::bad_data, "the detector's outputs do not have CenterFace's sizes");
  }
  const float* heat = outputs[0].data;
  const float* sizes = outputs[1].data;
  const float* offsets = outputs[2].data;
  const float* points = outputs[3].data;
  const float unit = static_cast<float>(kStride);
  const float right = static_cast<float>(context.part_width > 0 ? context.part_width : context.input_width);
  const float bottom = static_cast<float>(context.part_height > 0 ? context.part_height : context.input_height);
  for (std::size_t i = 0; i < plane; ++i) {
    if (!(heat[i] >= context.score_threshold)) continue;
    const float column = static_cast<float>(i % columns);
    const float row = static_cast<float>(i / columns);
    const float height = std::exp(sizes[i]) * unit;
    const float width = std::exp(sizes[plane + i]) * unit;
    const float centre_y = (row + offsets[i] + 0.5F) * unit;
    const float centre_x = (column + offsets[plane + i] + 0.5F) * unit;
    Candidate face;
    face.score = heat[i];
    const float left = std::max(0.0F, centre_x - width / 2);
    const float top = std::max(0.0F, centre_y - height / 2);
    face.box = {left, top, std::min(left + width, right), std::min(top + height, bottom)};
    for (std::size_t j = 0; j < face.landmarks.size(); ++j) {
      const float down = points[(2 * j) * plane + i];
      const float across = points[(2 * j + 1) * plane + i];
      face.landmarks[j] = {across * width + left, down * height + top};
    }
    candidates.push_back(face);
  }
}

}  // namespace

const DetectorKind kCenterFace = {
    .name = "centerface",
    .feed = {.mean = 0.0F, .scale = 1.0F, .bgr = false},
    .score_threshold = 0.5F,
    .nms_threshold = 0.3F,
    .nms_counts_pixels = false,
    .size_multiple = 32,
    .outputs = {.values = {1, 2, 2, 10},
                .is_planar = true,
                .levels =
                    [](std::size_t /*outputs*/) {
                      return DetectorLevels{1, 1};
                    }},
    .decode = decode_centerface,
    .gains_by_openvino = false,
};

}  // namespace mien
