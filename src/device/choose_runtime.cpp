#include "device/choose_runtime.h"
#include "base/processor.h"

#include <fmt/format.h>

#include "backends/backend.h"
#include "base/log.h"

namespace mien {
namespace {

constexpr const char* kOnly32 = "OpenVINO computes in 32 bits on this CPU";
constexpr const char* kNoUnits = "this CPU has no bf16 arithmetic (AVX512_BF16, AMX or Arm's)";

// Null where it does not open: then the reason is a warning, and the work goes on.
std::unique_ptr<Runtime> try_openvino(const Settings& settings, bool reduced_precision) {
  try {
    return open_openvino(settings, reduced_precision);
  } catch (const Exception& error) {
    log(LogLevel::warning, fmt::format("ONNX Runtime computes in place of OpenVINO: {}", error.what()));
    return nullptr;
  }
}

}  // namespace

ChosenRuntime choose_runtime(const Settings& settings, const RuntimeWish& wish) {
  const bool reduced_precision = wish.reduced_precision && read_cpu().features.find("bf16") != std::string::npos;
  const bool pays = wish.many_images && !settings.wants_gpu();
  ChosenRuntime chosen;
  std::string why_not = reduced_precision ? kOnly32 : kNoUnits;
  if (settings.runtime == "openvino") {
    chosen.runtime = open_openvino(settings, wish.reduced_precision);
  } else if (settings.runtime == "onnxruntime") {
    why_not = "MIEN_RUNTIME=onnxruntime has no cheaper arithmetic";
  } else if (!is_openvino_installed(settings)) {
    if (reduced_precision) why_not = "it needs OpenVINO: mien backends install openvino";
  } else if (reduced_precision || pays) {
    chosen.runtime = try_openvino(settings, reduced_precision);
    if (chosen.runtime == nullptr && reduced_precision) why_not = "OpenVINO does not open";
    if (chosen.runtime != nullptr && !pays && !chosen.runtime->has_reduced_precision()) chosen.runtime = nullptr;
  }
  if (chosen.runtime == nullptr) chosen.runtime = open_onnxruntime(settings);
  if (wish.reduced_precision && !chosen.runtime->has_reduced_precision()) chosen.why_not_reduced = why_not;
  return chosen;
}

}  // namespace mien
