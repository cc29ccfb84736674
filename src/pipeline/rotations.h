// Faces found in an image that was rotated, in pixels of the image as it stands.
#pragma once

#include <vector>

#include "pipeline/passes.h"

namespace mien {

// rotations[i]: what was found in the image rotated clockwise by i quarters. The one that shows most wins, the upright
// one in doubt; `image` is the upright size.
Detection choose_rotation(std::vector<Detection> rotations, PixelSize image);

}  // namespace mien
