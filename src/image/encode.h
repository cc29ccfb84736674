// Pixels -> JPEG.
#pragma once

#include <cstdint>
#include <vector>

#include "mien/image.h"

namespace mien {

// Baseline JPEG, chroma 4:2:0 below quality 90 and 4:4:4 from there on. RGB or gray. Quality 1..100.
std::vector<std::uint8_t> encode_jpeg(ImageView pixels, int quality);

}  // namespace mien
