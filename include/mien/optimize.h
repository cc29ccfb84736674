// Makes an int8 detector of a float one, measures it, and keeps it where it is as good and faster.
#pragma once

#include <cstddef>
#include <functional>
#include <stop_token>
#include <string>

#include "mien/engine.h"
#include "mien/export.h"

namespace mien {

// What an int8 detector may lose against its float one, on photos with at least kOptimizeFacesMin faces of a score over
// 0.6: one of so many, no more. And what the embeddings of the faces that it finds must keep: kDriftMeanMin and
// kDriftLowMin of mien/tools/tune.h.
inline constexpr int kOptimizeFacesMin = 20;
inline constexpr int kOptimizeFacesPerMiss = 500;

struct OptimizeProgress {
  std::string what;      // "calibration", "drift"
  std::size_t done = 0;  // photos
  std::size_t total = 0;
};

struct OptimizeOptions {
  // Photos with faces, best the user's own; empty: the build's sample photos. Every other one is for calibration, and
  // what is measured is measured on the others.
  std::string images_dir;
  std::string embedder;    // whose embeddings are compared: as EngineOptions has it
  bool any_speed = false;  // keep it where it gains no time, too
  std::stop_token stop = {};
  std::function<void(const OptimizeProgress&)> on_progress = {};
};

struct OptimizeResult {
  ModelInfo model;       // the float one
  std::string path;      // of the int8 file; empty when it was refused
  std::string refusal;   // why nothing is kept
  int convolutions = 0;  // in 8 bits
  int photos_calibrated = 0;
  int photos_compared = 0;  // others
  int sure_faces = 0;       // of a score over 0.6, found by the float model
  int missed = 0;           // of those, by the int8 one
  int faces = 0;            // that both found: the figures below are theirs
  double overlap_mean = 1;  // of the two boxes: intersection over union
  double cosine_mean = 1;   // of the two embeddings
  double cosine_low = 1;    // the 5th percentile
  double float_ms = 0;      // detection in a photo
  double int8_ms = 0;
};

// `name`: a detector, as EngineOptions has it. The int8 file lies in the user's own folder of models, and
// Precision::fast takes it where the processor has no bf16, or MIEN_RUNTIME is onnxruntime; until the model's file is
// another, or the processor. Throws Exception: invalid_argument (an embedder), not_found (the model, photos, faces in
// them), unsupported (a model that cannot be quantised), io, cancelled.
MIEN_API OptimizeResult optimize_model(const Settings& settings, const std::string& name,
                                       const OptimizeOptions& options);

}  // namespace mien
