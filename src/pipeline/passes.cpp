#include "pipeline/passes.h"

#include <algorithm>
#include <cmath>

namespace mien {
namespace {

int round_up(int value, int multiple) { return (value + multiple - 1) / multiple * multiple; }

// The image scaled until its long side fits, as InsightFace rounds it: one scale, the other side rounded down.
LetterboxSize fit_inside(int width, int height, int canvas_width, int canvas_height) {
  LetterboxSize size;
  const double image_ratio = static_cast<double>(height) / width;
  const double canvas_ratio = static_cast<double>(canvas_height) / canvas_width;
  if (image_ratio > canvas_ratio) {
    size.height = canvas_height;
    size.width = std::max(1, static_cast<int>(canvas_height / image_ratio));
  } else {
    size.width = canvas_width;
    size.height = std::max(1, static_cast<int>(canvas_width * image_ratio));
  }
  size.canvas_width = canvas_width;
  size.canvas_height = canvas_height;
  return size;
}

// The whole part at `side` along its long side, on a canvas no larger than the detector's multiple needs.
LetterboxSize fit_rectangle(const Detector& detector, int width, int height, int side) {
  LetterboxSize size = fit_inside(width, height, side, side);
  size.canvas_width = round_up(size.width, detector.kind->size_multiple);
  size.canvas_height = round_up(size.height, detector.kind->size_multiple);
  return size;
}

// Equal steps from edge to edge, so that neighbours overlap by at least a fifth of a tile. Tiles are squares of the
// short side; those of a thin strip are longer, or a picture of one row would need tens of thousands of passes.
std::vector<DetectPass> cut_tiles(const Detector& detector, int width, int height) {
  const bool is_wide = width > height;
  const int length = std::max(width, height);
  const int side = std::min(width, height);
  const int step = std::min(length, std::max(side, kDetectSideMin));
  const int count = static_cast<int>(std::ceil((length - step) / (0.8 * step))) + 1;
  std::vector<DetectPass> tiles;
  for (int i = 0; i < count && count > 1; ++i) {
    const int at = static_cast<int>(static_cast<std::int64_t>(length - step) * i / (count - 1));
    DetectPass tile{is_wide ? at : 0, is_wide ? 0 : at, is_wide ? step : side, is_wide ? side : step, {}};
    tile.size = fit_rectangle(detector, tile.width, tile.height, std::clamp(step, kDetectSideMin, kDetectSide));
    tiles.push_back(tile);
  }
  return tiles;
}

DetectPass whole(int width, int height, const LetterboxSize& size) { return {0, 0, width, height, size}; }

// The sizes asked for, or the one that the model has. As InsightFace does, overlaps are dropped among all of them.
std::vector<DetectPass> exact_passes(const Detector& detector, int width, int height) {
  std::vector<DetectSize> sizes = detector.exact_sizes;
  if (detector.fixed_width || detector.fixed_height || sizes.empty()) {
    sizes = {{detector.fixed_width.value_or(kDetectSide), detector.fixed_height.value_or(kDetectSide)}};
  }
  std::vector<DetectPass> passes;
  for (const DetectSize& size : sizes) {
    passes.push_back(whole(width, height, fit_inside(width, height, size.width, size.height)));
    passes.back().keeps_overlaps = sizes.size() > 1;
    passes.back().has_one_scale = true;
  }
  return passes;
}

}  // namespace

DetectPlan plan_detection(const Detector& detector, Precision precision, int width, int height) {
  DetectPlan plan;
  const int long_side_px = std::max(width, height);
  if (detector.fixed_width || detector.fixed_height || precision == Precision::exact) {
    plan.passes = exact_passes(detector, width, height);
    plan.is_merged = plan.passes.size() > 1;
    return plan;
  }
  const int side = std::clamp(long_side_px, kDetectSideMin, kDetectSide);
  plan.passes.push_back(whole(width, height, fit_rectangle(detector, width, height, side)));
  if (long_side_px > kTileAspect * std::min(width, height)) {
    plan.is_merged = true;
    for (const DetectPass& tile : cut_tiles(detector, width, height)) plan.passes.push_back(tile);
  }
  plan.small_pass = whole(width, height, fit_rectangle(detector, width, height, kSmallSide));
  // In a panorama that pixel is many of the image, and its tiles would show the same face elsewhere.
  plan.passes.front().has_one_scale = plan.small_pass->has_one_scale = !plan.is_merged;
  return plan;
}

}  // namespace mien
