#include "pipeline/tiles.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace mien {
namespace {

// A look that enlarges by less shows no more faces.
constexpr float kHintGainMin = 1.3F;
constexpr float kFullGainMin = 1.02F;
// A detector finds faces from about so many canvas pixels on.
constexpr float kFaceSeen = 16;
// From one scale of a full look to the next: tiles see whole faces of 16 to 128 canvas pixels, a range of eight.
constexpr float kFullStep = 4;
// A hint's surroundings: so many of its sides on each side, and canvas pixels at least.
constexpr float kMarginSides = 1;
constexpr float kMarginMin = 32;

std::vector<PixelSize> tile_canvases(const Detector& detector) {
  if (detector.fixed_width || detector.fixed_height) {
    return {{detector.fixed_width.value_or(kDetectSide), detector.fixed_height.value_or(kDetectSide)}};
  }
  return {std::begin(kTileCanvases), std::end(kTileCanvases)};
}

// The smallest canvas that holds so many canvas pixels, or the largest.
PixelSize choose_canvas(std::span<const PixelSize> canvases, float width, float height) {
  for (const PixelSize& canvas : canvases) {
    if (width <= static_cast<float>(canvas.width) && height <= static_cast<float>(canvas.height)) return canvas;
  }
  return canvases.back();
}

// One direction of a tile: so many pixels of the view, which become so many of the canvas.
struct Extent {
  int part = 0;
  int scaled = 0;
};

Extent extent_of(int view, int canvas, float scale) {
  const int part = static_cast<int>(std::lround(static_cast<float>(canvas) / scale));
  if (part <= view) return {std::max(1, part), canvas};
  const int scaled = static_cast<int>(std::lround(static_cast<float>(view) * scale));
  return {view, std::clamp(scaled, 1, canvas)};
}

DetectPass make_tile(PixelSize view, PixelSize canvas, float scale, float x, float y) {
  const Extent across = extent_of(view.width, canvas.width, scale);
  const Extent down = extent_of(view.height, canvas.height, scale);
  DetectPass tile;
  tile.width = across.part;
  tile.height = down.part;
  tile.x = std::clamp(static_cast<int>(std::lround(x)), 0, view.width - across.part);
  tile.y = std::clamp(static_cast<int>(std::lround(y)), 0, view.height - down.part);
  tile.size = {across.scaled, down.scaled, canvas.width, canvas.height};
  return tile;
}

// Where tiles begin that cover `length` pixels in equal steps and overlap by `overlap` at least.
std::vector<float> tile_begins(int length, int part, float overlap) {
  const float step = std::max(1.0F, static_cast<float>(part) - overlap);
  const float rest = static_cast<float>(length - part);
  // Half a pixel of rounding is no reason for one tile more.
  const int count = rest <= 0 ? 1 : static_cast<int>(std::ceil((rest - 0.5F) / step)) + 1;
  std::vector<float> begins;
  const float each = count == 1 ? 0.0F : rest / static_cast<float>(count - 1);
  for (int i = 0; i < count; ++i) begins.push_back(each * static_cast<float>(i));
  return begins;
}

Box united(const Box& a, const Box& b) {
  return {std::min(a.x1, b.x1), std::min(a.y1, b.y1), std::max(a.x2, b.x2), std::max(a.y2, b.y2)};
}

// The hint and what is around it, within the view.
Box surroundings(const Box& hint, PixelSize view, float scale) {
  const float margin = std::max(kMarginSides * std::max(hint.width(), hint.height()), kMarginMin / scale);
  return {std::max(0.0F, hint.x1 - margin), std::max(0.0F, hint.y1 - margin),
          std::min(static_cast<float>(view.width), hint.x2 + margin),
          std::min(static_cast<float>(view.height), hint.y2 + margin)};
}

float distance(const Box& a, const Box& b) {
  return std::hypot(a.x1 + a.x2 - b.x1 - b.x2, a.y1 + a.y2 - b.y1 - b.y2) / 2;
}

bool holds(const DetectPass& tile, const Box& part) {
  return part.x1 >= static_cast<float>(tile.x) && part.y1 >= static_cast<float>(tile.y) &&
         part.x2 <= static_cast<float>(tile.x + tile.width) && part.y2 <= static_cast<float>(tile.y + tile.height);
}

// A tile with this box in its middle.
DetectPass tile_around(const Box& box, PixelSize view, PixelSize canvas, float scale) {
  const Extent across = extent_of(view.width, canvas.width, scale);
  const Extent down = extent_of(view.height, canvas.height, scale);
  return make_tile(view, canvas, scale, (box.x1 + box.x2 - static_cast<float>(across.part)) / 2,
                   (box.y1 + box.y2 - static_cast<float>(down.part)) / 2);
}

// Takes out of `parts`, the leftmost first, what one tile of this size can hold, and returns what it spans.
Box take_group(std::vector<Box>& parts, float width_max, float height_max) {
  const auto leftmost = std::min_element(
      parts.begin(), parts.end(), [](const Box& a, const Box& b) { return a.x1 != b.x1 ? a.x1 < b.x1 : a.y1 < b.y1; });
  const Box seed = *leftmost;
  std::stable_sort(parts.begin(), parts.end(),
                   [&](const Box& a, const Box& b) { return distance(a, seed) < distance(b, seed); });
  Box group = seed;
  std::erase_if(parts, [&](const Box& part) {
    const Box all = united(group, part);
    const bool is_seed = part.x1 == seed.x1 && part.y1 == seed.y1 && part.x2 == seed.x2 && part.y2 == seed.y2;
    if (!is_seed && (all.width() > width_max || all.height() > height_max)) return false;
    group = all;
    return true;
  });
  return group;
}

// Few tiles that hold all parts.
std::vector<DetectPass> cover_all(std::span<const PixelSize> canvases, PixelSize view, float scale,
                                  std::span<const Hint> all) {
  const float width_max = static_cast<float>(canvases.back().width) / scale;
  const float height_max = static_cast<float>(canvases.back().height) / scale;
  std::vector<Box> parts;
  for (const Hint& hint : all) parts.push_back(hint.box);
  std::vector<DetectPass> tiles;
  while (!parts.empty()) {
    const Box group = take_group(parts, width_max, height_max);
    const PixelSize canvas = choose_canvas(canvases, group.width() * scale, group.height() * scale);
    tiles.push_back(tile_around(group, view, canvas, scale));
    std::erase_if(parts, [&](const Box& part) { return holds(tiles.back(), part); });
  }
  return tiles;
}

// Tiles of `pixels_max` canvas pixels in all: step by step the one that shows most of what is promised for its cost.
std::vector<DetectPass> choose_tiles(std::span<const PixelSize> canvases, PixelSize view, float scale,
                                     std::vector<Hint> parts, std::int64_t pixels_max) {
  std::vector<DetectPass> offers = cover_all(canvases, view, scale, parts);
  for (const Hint& part : parts) {
    for (const PixelSize& canvas : canvases) offers.push_back(tile_around(part.box, view, canvas, scale));
  }
  const auto gain = [&](const DetectPass& tile) {
    float promise = 0;
    for (const Hint& part : parts) {
      if (holds(tile, part.box)) promise += part.promise;
    }
    return promise / static_cast<float>(canvas_pixels(tile));
  };
  std::vector<DetectPass> tiles;
  for (;;) {
    std::erase_if(offers, [&](const DetectPass& tile) { return canvas_pixels(tile) > pixels_max; });
    const DetectPass* best = nullptr;
    float best_gain = 0;
    for (const DetectPass& tile : offers) {
      const float here = gain(tile);
      if (here <= best_gain) continue;
      best = &tile;
      best_gain = here;
    }
    if (best == nullptr) return tiles;
    tiles.push_back(*best);
    pixels_max -= canvas_pixels(*best);
    std::erase_if(parts, [&](const Hint& part) { return holds(tiles.back(), part.box); });
  }
}

}  // namespace

Detail choose_detail(Precision precision, Detail asked) {
  if (precision != Precision::exact) return asked;
  if (asked != Detail::full) return Detail::off;
  throw Exception(ErrorCode::invalid_argument,
                  "detail full cannot be had with precision exact, which looks at a photo once as InsightFace does: "
                  "use detail off, or another precision");
}

DetectTerms detect_terms(Precision precision, const AnalyzeOptions& options, float enhancement) {
  if (options.det_threshold && !(*options.det_threshold >= 0 && *options.det_threshold <= 1)) {
    throw Exception(ErrorCode::invalid_argument,
                    fmt::format("a face cannot be asked to have a score of {:g}: det_threshold is a number from 0 to 1",
                                *options.det_threshold));
  }
  return {precision, choose_detail(precision, options.detail), 1 / enhancement, options.det_threshold};
}

std::vector<float> closer_scales(float first_scale, float scale_max) {
  std::vector<float> scales;
  float before = first_scale;
  for (const float factor : {2.0F, 4.0F}) {
    const float scale = std::min(factor * first_scale, scale_max);
    if (scale < kHintGainMin * before) continue;
    scales.push_back(scale);
    before = scale;
  }
  return scales;
}

std::vector<float> full_scales(float first_scale, float scale_max) {
  std::vector<float> scales;
  if (scale_max < kFullGainMin * first_scale) return scales;
  // The largest face that is whole in one of the tiles, and the smallest that the first pass sees, in view pixels.
  const float seen_first = kFaceSeen / first_scale;
  for (float scale = scale_max; scale >= kFullGainMin * first_scale; scale /= kFullStep) {
    scales.push_back(scale);
    if (kTileOverlap / scale >= seen_first) break;
  }
  return scales;
}

std::vector<DetectPass> cover_view(const Detector& detector, PixelSize view, float scale) {
  const std::vector<PixelSize> canvases = tile_canvases(detector);
  const PixelSize canvas =
      choose_canvas(canvases, static_cast<float>(view.width) * scale, static_cast<float>(view.height) * scale);
  const Extent across = extent_of(view.width, canvas.width, scale);
  const Extent down = extent_of(view.height, canvas.height, scale);
  std::vector<DetectPass> tiles;
  for (const float y : tile_begins(view.height, down.part, kTileOverlap / scale)) {
    for (const float x : tile_begins(view.width, across.part, kTileOverlap / scale)) {
      tiles.push_back(make_tile(view, canvas, scale, x, y));
    }
  }
  return tiles;
}

std::int64_t canvas_pixels(const DetectPass& pass) {
  return static_cast<std::int64_t>(pass.size.canvas_width) * pass.size.canvas_height;
}

std::vector<DetectPass> cover_hints(const Detector& detector, PixelSize view, float scale, std::span<const Hint> hints,
                                    std::int64_t pixels_max) {
  const std::vector<PixelSize> canvases = tile_canvases(detector);
  std::vector<Hint> parts;
  for (const Hint& hint : hints) parts.push_back({surroundings(hint.box, view, scale), hint.promise});
  std::vector<DetectPass> tiles = cover_all(canvases, view, scale, parts);
  std::int64_t pixels = 0;
  for (const DetectPass& tile : tiles) pixels += canvas_pixels(tile);
  return pixels <= pixels_max ? tiles : choose_tiles(canvases, view, scale, std::move(parts), pixels_max);
}

}  // namespace mien
