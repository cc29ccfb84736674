// A batch of rectangles of several sizes on canvases of one, as a masked detector takes it, and what each rectangle
// gives alone.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "device/session.h"
#include "models/mask.h"

namespace mien::test {

// What a test knows of a detector, by its publication and not by mien's row.
struct KnownDetector {
  std::vector<std::int64_t> strides;  // of its outputs
  bool is_planar = false;             // [N, values, rows, columns], else a row a cell and anchor
  float mean = 0;
  float scale = 1;
};
extern const KnownDetector kCenterFaceFacts;
extern const KnownDetector kScrfdFacts;

// Runs a model. Returns the values of all outputs.
using RunModel = std::function<std::vector<std::vector<float>>(std::span<const TensorView>)>;

// The outputs of each rectangle by itself, for models that take any size.
std::vector<std::vector<std::vector<float>>> run_rectangles(const RunModel& whole, const KnownDetector& known);

// The largest difference of any value inside a rectangle on the canvas from that of the rectangle alone, as a share of
// what its output spans. `more`: the masks are so many cells larger than they should be.
float largest_difference(const std::vector<std::vector<std::vector<float>>>& alone, const RunModel& run,
                         const MaskedModel& masked, const KnownDetector& known, std::int64_t more = 0);

}  // namespace mien::test
