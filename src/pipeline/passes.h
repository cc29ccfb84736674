// Which passes over an image a detector makes: one square (exact), or a rectangle, tiles and a small second pass.
#pragma once

#include <functional>
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
// A face may be this part of the image's long side before the first pass starts to miss it.
inline constexpr float kLargeFaceShare = 0.4F;

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
// Runs the requests, in whatever batches suit it: returns one list of faces a request, as detect_pass gives it.
using DetectRunner = std::function<std::vector<std::vector<Candidate>>(std::span<const DetectRequest> requests)>;

// Faces in pixels of a view, by falling score, and the detector-input pixels per pixel of it.
struct Detection {
  std::vector<Candidate> faces;
  float scale = 1;
};

// Runs the plan of each view and merges what its passes found. Throws what the runner throws.
std::vector<Detection> detect_views(const Detector& detector, Precision precision, std::span<const PixelSize> views,
                                    const DetectRunner& run);

// The same for one image, on the CPU. Throws Exception(internal, cancelled).
Detection detect_faces(const Detector& detector, Precision precision, ImageView image, DetectScratch& scratch,
                       const std::stop_token& stop = {});

}  // namespace mien
