// Faces found in an image that was turned, in pixels of the image as it stands.
#pragma once

#include <vector>

#include "pipeline/passes.h"

namespace mien {

// turns[i]: what was found in the image rotated clockwise by i quarter turns. The one that shows most wins, the upright
// one in doubt; `image` is the upright size.
Detection choose_turn(std::vector<Detection> turns, PixelSize image);

}  // namespace mien
