// Tries a detector before a device takes several images of it at once: on the CPU, whose numbers are the ones wanted.
#pragma once

#include <string>

#include "models/mask.h"
#include "ops/batch_layout.h"

namespace mien {

struct MaskProbe {
  // Empty where the masked model gives inside each rectangle what the model gives for the rectangle alone; else what
  // differs, or what failed.
  std::string problem;
  BatchLayout layout = BatchLayout::one_by_one;  // of both models' outputs
};

// Runs the detector's model on three rectangles of noise, and the masked model on one canvas with all of them. Values
// inside may differ by 1e-5 of what their output spans, and by a rounding: ONNX Runtime fuses other nodes and so adds
// up in another order (measured: SCRFD-2.5G 3.6e-6, CenterFace 9.5e-6, SCRFD-500M and YuNet 0; a mask one cell off
// moves values by half of what they span). `detector` must have its model; `runtime` must compute in 32 bits, and that
// it does not is a problem too.
MaskProbe probe_mask(const Runtime& runtime, const Detector& detector, const MaskedModel& masked);

// The layout alone, of a detector that has its model and cannot be masked. Throws Exception where it does not run.
BatchLayout probe_batch_layout(const Runtime& runtime, const Detector& detector);

}  // namespace mien
