// Passes that look closer: tiles of an image at larger scales than the first pass has, everywhere or around hints.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "pipeline/passes.h"

namespace mien {

// The canvases of tiles, the smallest first: those that a device plans for (device_models.cpp), and no other shape.
inline constexpr PixelSize kTileCanvases[] = {{320, 320}, {640, 480}, {480, 640}, {640, 640}};
// Neighbouring tiles share so many canvas pixels: a smaller face is whole in one of them.
inline constexpr int kTileOverlap = 128;

// How closely an image may be looked at.
struct DetectTerms {
  Precision precision = Precision::standard;
  Detail detail = Detail::off;
  // Detector-input pixels per pixel of the image at most, in tiles. An enlarged image has fewer pixels of its source.
  float scale_max = 1;
  std::optional<float> score_threshold = {};  // of a face; empty: the detector's
};

// What is looked at: `exact` knows Detail::off alone. Throws Exception(invalid_argument) for `exact` with
// Detail::full.
Detail choose_detail(Precision precision, Detail asked);

// Of an image that was enlarged by `enhancement`. Throws as choose_detail, and for a threshold that is no score.
DetectTerms detect_terms(Precision precision, const AnalyzeOptions& options, float enhancement);

// The scales at which hints are looked at again: twice and four times the first, where that is worth a look.
std::vector<float> closer_scales(float first_scale, float scale_max);
// The scales at which everything is looked at, the largest first: down to the pixels of the source, and where their
// tiles leave a gap to what the first pass sees, at a quarter of that.
std::vector<float> full_scales(float first_scale, float scale_max);

// Tiles that cover the whole view at this scale, in rows.
std::vector<DetectPass> cover_view(const Detector& detector, PixelSize view, float scale);
// A place to look at closer, in pixels of the view, and what that promises: 1 where a face was nearly found, less where
// only others may be beside it.
struct Hint {
  Box box;
  float promise = 1;
};

// Canvas pixels of a pass: what it costs.
std::int64_t canvas_pixels(const DetectPass& pass);
// Tiles that hold all hints with what is around each. Where they would cost more than `pixels_max` canvas pixels in
// all, those of them that promise most for their cost.
std::vector<DetectPass> cover_hints(const Detector& detector, PixelSize view, float scale, std::span<const Hint> hints,
                                    std::int64_t pixels_max);

}  // namespace mien
