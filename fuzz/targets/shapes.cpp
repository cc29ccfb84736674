// An ONNX file of somebody -> its shapes freed, and the facts of its graph.
#include "models/shapes.h"
#include "../target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mien;
  const Bytes model(data, size);
  for (const FreeShapes wanted : {FreeShapes{.batch = true}, FreeShapes{.size = true}}) {
    const Result<FreedModel> freed = free_shapes(model, wanted);
    if (!freed) continue;
    fuzz::require(freed->facts.output_count >= 0, "outputs are counted");
    // What was written is a model again, and frees to itself.
    const Result<FreedModel> again = free_shapes(freed->bytes, wanted);
    fuzz::require(again.ok(), "a freed model is a model");
    fuzz::require(freed->obstacle.empty() || freed->bytes.size() == size, "an obstacle leaves the model as it was");
  }
  return 0;
}
