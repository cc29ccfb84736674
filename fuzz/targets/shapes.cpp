// An ONNX file of somebody -> its shapes freed, the facts of its graph, its heads cut off, its weights for bf16.
#include "models/shapes.h"

#include "../target.h"
#include "models/bf16_weights.h"
#include "models/split_heads.h"

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
  if (const std::optional<SplitDetector> split = split_heads(model)) {
    fuzz::require(free_shapes(split->model, {}).ok(), "a cut model is a model");
    for (const HeadLevel& level : split->heads.levels) {
      for (const HeadConv* head : {&level.scores, &level.boxes, &level.landmarks}) {
        fuzz::require(head->bias.size() == head->outputs && head->weights.size() == head->outputs * head->channels * 9,
                      "a head has as many weights as it says");
      }
    }
  }
  const std::vector<std::uint8_t> prepared = prepare_for_bf16(model);
  fuzz::require(free_shapes(prepared, {}).ok() == free_shapes(model, {}).ok(), "a prepared model is a model");
  return 0;
}
