// Which passes a detector makes over an image at first: one square (exact), or a rectangle, tiles of a panorama and a
// small second pass. tiles.h has those that look closer, looks.h runs them all.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "mien/engine.h"
#include "ops/crop.h"
#include "ops/detect.h"

namespace mien {

// The long side of a detector's input, and of the second pass for faces that fill the image (InsightFace's automatic
// mode uses the same two).
inline constexpr int kDetectSide = 640;
inline constexpr int kSmallSide = 128;
// Images smaller than kDetectSide go through the detector in their own size, but no smaller than this.
inline constexpr int kDetectSideMin = 320;
// Above this ratio of sides the long side alone would decide the scale, so the image is cut into overlapping tiles.
inline constexpr double kTileAspect = 2.5;

struct DetectPlan {
  std::vector<DetectPass> passes;        // all of them are run
  std::optional<DetectPass> small_pass;  // run when no pass found a large face
  bool is_merged = false;                // what the passes found overlaps
};

// Plans the passes, by what the detector can take and by the precision. Width and height are of the upright image.
DetectPlan plan_detection(const Detector& detector, Precision precision, int width, int height);

// A pass to make over one of several views (an image, or an image rotated).
struct DetectRequest {
  std::size_t view = 0;
  DetectPass pass;
};

// A face in pixels of a view, and how it was seen.
struct DetectedFace : Candidate {
  float scale = 1;   // detector-input pixels per pixel of the view
  int rotation = 0;  // Face::rotation
};

}  // namespace mien
