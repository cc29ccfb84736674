// The caller's pixels -> a view that the operations read.
#pragma once

#include <stop_token>

#include "mien/engine.h"
#include "mien/image.h"

namespace mien {

// RGB, BGR and gray are viewed where they are; other formats are converted into `converted`. The orientation is left to
// the caller. Errors: invalid_argument (names the argument), limit_exceeded. Throws Exception(cancelled).
Result<ImageView> open_pixels(const PixelView& pixels, const ImageLimits& limits, Image& converted,
                              const std::stop_token& stop = {});

}  // namespace mien
