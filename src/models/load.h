// A model file -> a detector or an embedder that is ready to run.
#pragma once

#include <memory>
#include <string>

#include "models/catalog.h"
#include "ops/detect.h"
#include "ops/embed.h"

namespace mien {

struct LoadOptions {
  // exact: a model of one size runs at that size, as InsightFace runs it.
  bool keep_declared_size = false;
  std::optional<float> score_threshold;
};

// Throws Exception: bad_data (no model), unsupported (not a kind that mien knows).
std::unique_ptr<Detector> load_detector(const Runtime& runtime, const ModelFile& file, const LoadOptions& options);
std::unique_ptr<Embedder> load_embedder(const Runtime& runtime, const ModelFile& file);

// "detector" or "embedder", by opening the file. Throws Exception like the two above.
std::string probe_model_role(const Settings& settings, const std::string& path);

}  // namespace mien
