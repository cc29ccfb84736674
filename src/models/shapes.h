// Frees a model of the size that it was exported at.
#pragma once

#include <cstdint>
#include <string>

#include "device/onnx_file.h"
#include "mien/result.h"

namespace mien {

// Facts that the graph itself tells, such as how it wants its pixels.
struct GraphFacts {
  // Among the first eight nodes there are a Sub and a Mul: the graph normalises its input by itself. InsightFace
  // decides by the nodes' names in the same eight, and so do we.
  bool normalises_itself = false;
  int output_count = 0;
};

struct ModelShapes {
  bool is_changed = false;  // the model was rewritten
  bool batch_is_free = false;
  bool size_is_free = false;
  // As declared before rewriting; 0 where it was free.
  std::int64_t declared_batch = 0;
  std::int64_t declared_height = 0;
  std::int64_t declared_width = 0;
  // Set when something that ties the model to its size could not be rewritten; the model is as it was then.
  std::string obstacle;
  GraphFacts facts;
};

struct FreeShapes {
  bool batch = false;  // rows of the input: for embedders
  bool size = false;   // height and width of the input: for detectors
};

// Rewrites the declared input in place so that batch, or height and width, may be anything: declared output and
// intermediate shapes are dropped, constant Reshape targets that start with a batch of 1 keep the batch of their input
// instead, and constant Resize sizes become the scales that they stood for. Error, and a model as it was: bad_data
// without an input, unsupported where that is no image.
Result<ModelShapes> free_shapes(onnx::ModelProto& model, const FreeShapes& wanted);

}  // namespace mien
