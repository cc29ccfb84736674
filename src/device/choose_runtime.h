// Which runtime runs the models on the CPU.
#pragma once

#include <memory>
#include <string>

#include "device/session.h"

namespace mien {

struct RuntimeWish {
  bool many_images = false;        // enough of them that a slower start pays where each is faster
  bool reduced_precision = false;  // reduced precision (Precision::fast)
  bool operator==(const RuntimeWish&) const = default;
};

struct ChosenRuntime {
  std::unique_ptr<Runtime> runtime;
  std::string why_not_reduced;  // reduced precision was wished for and is not there: the reason
};

// Opens the runtime that MIEN_RUNTIME names. For auto: ONNX Runtime, which starts faster; OpenVINO, where it is
// installed and either there are many images or it has the reduced precision that is wished for. Throws
// Exception(not_found, unsupported).
ChosenRuntime choose_runtime(const Settings& settings, const RuntimeWish& wish);

}  // namespace mien
