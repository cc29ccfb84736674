// A model file -> a detector or an embedder that is ready to run.
#pragma once

#include <memory>
#include <string>

#include "mien/catalog.h"
#include "models/catalog.h"
#include "ops/detect.h"
#include "ops/embed.h"

namespace mien {

struct LoadOptions {
  // exact: a model of one size runs at that size, as InsightFace runs it.
  bool keep_declared_size = false;
  std::optional<float> score_threshold = {};
  std::vector<DetectSize> exact_sizes = {};
  bool keep_model = false;  // its bytes are kept, for a device
};

// Throws Exception: bad_data (no model), unsupported (not a kind that mien knows).
std::unique_ptr<Detector> load_detector(const Runtime& runtime, const ModelFile& file, const LoadOptions& options);
std::unique_ptr<Embedder> load_embedder(const Runtime& runtime, const ModelFile& file, bool keep_model = false);

// Says whether OpenVINO computes the model clearly faster, as its row tells. Without a row, or where it is silent, the
// answer is what was measured with other models (docs/benchmarks.md): models with PReLU gain, because ONNX Runtime does
// not fuse it, and so do detectors larger than SCRFD-500M, unless their kind does not.
bool gains_by_openvino(const ModelFile& file);

// Opens the model as what its row says and throws when it is something else.
void open_once(const Settings& settings, const ModelFile& file);

}  // namespace mien
