// What an Engine and a Workspace are made of. Only the pipeline sees it.
#pragma once

#include <memory>

#include "image/decode.h"
#include "mien/engine.h"
#include "models/load.h"
#include "ops/detect.h"
#include "ops/embed.h"

namespace mien {

struct Engine::State {
  EngineOptions options;
  InputOptions input;
  std::unique_ptr<Runtime> runtime;
  ModelFile detector_file;
  std::unique_ptr<Detector> detector;
  ModelFile embedder_file;
  std::unique_ptr<Embedder> embedder;  // null when it was not asked for
  std::string processor;               // the CPU's name
};

struct Workspace::State {
  Image converted;  // of pixels that cannot be read in place
  DecodedImage decoded;
  Image upright;
  Image enhanced;
  Image turned;
  DetectScratch detect;
  AlignedFaces aligned;
};

}  // namespace mien
