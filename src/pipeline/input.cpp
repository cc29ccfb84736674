#include "pipeline/input.h"

#include "image/decode.h"
#include "image/sandbox.h"
#include "pipeline/placement.h"

namespace mien {

InputOptions open_decoding(const ImageLimits& limits, bool sandbox, const Settings& settings) {
  InputOptions input{.limits = limits, .decoder = {}};
  if (!sandbox && !settings.sandbox) return input;
  input.decoder = find_decoder_program(settings.decoder).take();
  start_sandbox(decode_options(input));
  return input;
}

std::shared_ptr<DeviceStages> open_device(const Settings& settings, const Runtime& runtime, Precision precision,
                                          bool many_images) {
  std::shared_ptr<Gpu> gpu = Gpu::open(settings, runtime, {}, many_images);
  return gpu ? std::make_shared<DeviceStages>(std::move(gpu), precision) : nullptr;
}

InputOptions open_input(const ImageLimits& limits, bool sandbox, const Settings& settings) {
  InputOptions input = open_decoding(limits, sandbox, settings);
  // No models run there, for which the number of images would count.
  constexpr bool kManyImages = false;
  if (settings.wants_gpu()) {
    input.device = open_device(settings, *open_onnxruntime(settings), Precision::standard, kManyImages);
  }
  return input;
}

std::vector<Placement> input_placement(const InputOptions& input) {
  return input.device ? describe_placement(*input.device) : std::vector<Placement>();
}

}  // namespace mien
