// The parts of an Engine and of a Workspace. Only the pipeline sees them.
#pragma once

#include <memory>
#include <vector>

#include "image/decode.h"
#include "image/spare_images.h"
#include "mien/engine.h"
#include "models/load.h"
#include "ops/detect.h"
#include "ops/embed.h"
#include "pipeline/device_stages.h"
#include "pipeline/group.h"

namespace mien {

struct Engine::State {
  EngineOptions options;
  InputOptions input;
  std::shared_ptr<const Runtime> detector_runtime;  // on the CPU
  std::shared_ptr<const Runtime> embedder_runtime;  // the same or another; null without an embedder
  std::shared_ptr<const Runtime> device_runtime;    // null when no operation asks for a GPU
  std::string why_not_fast;
  ModelFile detector_file;
  std::shared_ptr<const Detector> detector;  // shared with work on a device
  ModelFile embedder_file;
  std::shared_ptr<const Embedder> embedder;  // null when it was not asked for
  std::string cpu;                           // the CPU's name
  std::shared_ptr<DeviceStages> device;      // null when no operation asks for a GPU
};

// A face that the CPU embeds: of which image of the call, and which of its faces.
struct PendingFace {
  std::size_t image;
  std::size_t face;
};

struct Workspace::State {
  Image converted;                    // of pixels that cannot be read in place
  std::shared_ptr<ItemMemory> spare;  // of the image before
  SpareImages spare_images;           // of images that were in work together
  Image rotated;
  Image aligned_face;
  DetectScratch detect;
  // The faces of one call in the order in which they came, the embeddings of the first of them, and the other faces,
  // fewer than a batch, aligned and not embedded yet.
  std::vector<PendingFace> pending;
  std::vector<Result<std::vector<float>>> embeddings;
  AlignedFaces aligned;
  double embed_ms = 0;

  void begin_call() {
    pending.clear();
    embeddings.clear();
    aligned.clear();
    embed_ms = 0;
  }
};

}  // namespace mien
