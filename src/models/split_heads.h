// Cuts a detector before its last convolutions, so that mien computes those (ops/heads.h).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "mien/image.h"
#include "ops/heads.h"

namespace mien {

struct SplitDetector {
  std::vector<std::uint8_t> model;  // its outputs are the feature maps, one a level
  DetectorHeads heads;
};

// Nothing where the model does not end as SCRFD with landmarks at three levels does: nine outputs, of which each is a
// convolution of 3 x 3 over the feature map of its level, turned so that channels come last; boxes perhaps times a
// number, scores through a sigmoid.
std::optional<SplitDetector> split_heads(Bytes model);

}  // namespace mien
