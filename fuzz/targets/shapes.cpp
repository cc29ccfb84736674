// An ONNX file of somebody -> its shapes freed, the facts of its graph, its heads cut off, its weights for bf16, masks.
#include "models/shapes.h"

#include "../target.h"
#include "models/bf16_weights.h"
#include "models/mask.h"
#include "models/split_heads.h"

namespace mien {
namespace {

// Checks that a rewritten model is a model again once it is written.
void require_model(const onnx::ModelProto& model, const char* what) {
  Result<onnx::ModelProto> written = parse_model(serialize(model));
  fuzz::require(written.ok() && free_shapes(*written, {}).ok(), what);
}

void require_whole(const DetectorHeads& heads) {
  for (const HeadLevel& level : heads.levels) {
    for (const HeadConv* head : {&level.scores, &level.boxes, &level.landmarks}) {
      fuzz::require(head->bias.size() == head->outputs && head->weights.size() == head->outputs * head->channels * 9,
                    "a head has as many weights as it says");
    }
  }
}

// All that loading does to a model, one after another.
void rewrite(onnx::ModelProto model, const FreeShapes& wanted) {
  const std::vector<std::uint8_t> before = serialize(model);
  const Result<ModelShapes> shapes = free_shapes(model, wanted);
  const bool is_changed = shapes.ok() && shapes->is_changed;
  fuzz::require(is_changed || serialize(model) == before, "what is not changed stays as it was");
  if (!shapes) return;
  fuzz::require(shapes->facts.output_count >= 0, "outputs are counted");
  require_model(model, "a freed model is a model");
  if (const std::optional<DetectorHeads> heads = split_heads(model)) {
    require_whole(*heads);
    require_model(model, "a cut model is a model");
  }
  if (prepare_for_bf16(model)) require_model(model, "a prepared model is a model");
}

}  // namespace
}  // namespace mien

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mien;
  const Result<onnx::ModelProto> model = parse_model({data, size});
  if (!model) return 0;
  for (const FreeShapes& wanted : {FreeShapes{.batch = true}, FreeShapes{.size = true}, FreeShapes{}}) {
    rewrite(*model, wanted);
  }
  const Result<MaskedModel> masked = mask_model({data, size});
  fuzz::require(!masked.ok() || parse_model(masked->model).ok(), "a masked model is a model");
  return 0;
}
