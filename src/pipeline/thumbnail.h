// Thumbnails where the settings want them made.
#pragma once

#include "mien/engine.h"
#include "ops/crop.h"

namespace mien {

// make_thumbnail of ops/crop.h, on the device of `input` where image_processing asks for it. Throws
// Exception(unavailable) when a GPU is required and fails.
void make_thumbnail(const InputOptions& input, ImageView in, int width, int height, Image& out);

}  // namespace mien
