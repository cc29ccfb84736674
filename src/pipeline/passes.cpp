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

// A face that an inner edge of its tile cuts is seen whole by the neighbour, or by the pass over the whole image.
bool is_cut_by_tile(const Candidate& face, const DetectPass& tile, int width, int height) {
  constexpr float kMargin = 2;
  const float right = static_cast<float>(tile.x + tile.width);
  const float bottom = static_cast<float>(tile.y + tile.height);
  return (tile.x > 0 && face.box.x1 < static_cast<float>(tile.x) + kMargin) ||
         (tile.y > 0 && face.box.y1 < static_cast<float>(tile.y) + kMargin) ||
         (tile.x + tile.width < width && face.box.x2 > right - kMargin) ||
         (tile.y + tile.height < height && face.box.y2 > bottom - kMargin);
}

float long_side(const Box& box) { return std::max(box.width(), box.height()); }

float large_side(PixelSize view) { return kLargeFaceShare * static_cast<float>(std::max(view.width, view.height)); }

// Faces of the small pass that fill the image and that no other pass has found.
void add_large_faces(const std::vector<Candidate>& large, float side_min, std::vector<Candidate>& faces) {
  const std::size_t before = faces.size();
  for (const Candidate& face : large) {
    if (long_side(face.box) < side_min) continue;
    const bool is_known =
        std::any_of(faces.begin(), faces.begin() + static_cast<std::ptrdiff_t>(before),
                    [&](const Candidate& other) { return intersection_over_union(face.box, other.box) > 0.3F; });
    if (!is_known) faces.push_back(face);
  }
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

std::vector<Detection> detect_views(const Detector& detector, Precision precision, std::span<const PixelSize> views,
                                    const DetectRunner& run) {
  std::vector<Detection> results(views.size());
  std::vector<DetectPlan> plans;
  std::vector<DetectRequest> requests;
  for (std::size_t i = 0; i < views.size(); ++i) {
    plans.push_back(plan_detection(detector, precision, views[i].width, views[i].height));
    results[i].scale = pass_scale(plans[i].passes.front());
    for (const DetectPass& pass : plans[i].passes) requests.push_back({i, pass});
  }
  std::vector<std::vector<Candidate>> found = run(requests);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const auto& [view, pass] = requests[i];
    for (const Candidate& face : found[i]) {
      if (!is_cut_by_tile(face, pass, views[view].width, views[view].height)) results[view].faces.push_back(face);
    }
  }

  std::vector<DetectRequest> small_passes;
  for (std::size_t i = 0; i < views.size(); ++i) {
    std::vector<Candidate>& faces = results[i].faces;
    if (plans[i].is_merged) suppress_overlaps(*detector.kind, faces);
    const float large = large_side(views[i]);
    const bool has_large =
        std::any_of(faces.begin(), faces.end(), [&](const Candidate& face) { return long_side(face.box) >= large; });
    if (plans[i].small_pass && !has_large) small_passes.push_back({i, *plans[i].small_pass});
  }
  if (small_passes.empty()) return results;
  found = run(small_passes);
  for (std::size_t i = 0; i < small_passes.size(); ++i) {
    const std::size_t view = small_passes[i].view;
    add_large_faces(found[i], large_side(views[view]), results[view].faces);
    std::stable_sort(results[view].faces.begin(), results[view].faces.end(),
                     [](const Candidate& a, const Candidate& b) { return a.score > b.score; });
  }
  return results;
}

Detection detect_faces(const Detector& detector, Precision precision, ImageView image, DetectScratch& scratch,
                       const std::stop_token& stop) {
  const PixelSize size{image.width, image.height};
  const auto run = [&](std::span<const DetectRequest> requests) {
    std::vector<std::vector<Candidate>> found(requests.size());
    for (std::size_t i = 0; i < requests.size(); ++i) {
      detect_pass(detector, image, requests[i].pass, scratch, found[i], stop);
    }
    return found;
  };
  return std::move(detect_views(detector, precision, {&size, 1}, run).front());
}

}  // namespace mien
