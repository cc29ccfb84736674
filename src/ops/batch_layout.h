// How a detector's outputs hold several images, found by comparing runs.
#pragma once

#include <vector>

#include "ops/detect.h"

namespace mien {

enum class BatchLayout {
  one_by_one,    // several images at once give other numbers than each alone, or nothing
  plain,         // one image after the other
  within_cells,  // [cells, images, anchors]: exports of SCRFD that Transpose by (2, 3, 0, 1) before their Reshape
};

// The values of each output of one run.
using OutputValues = std::vector<std::vector<float>>;

// Says how `pair`, the outputs of a run with two images, holds those of each: values may differ by a thousandth.
BatchLayout batch_layout_of(const OutputLayout& outputs, const OutputValues& first, const OutputValues& second,
                            const OutputValues& pair);

}  // namespace mien
