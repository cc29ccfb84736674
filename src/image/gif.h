// GIF by giflib, opened on first use.
#pragma once

#include "image/decode.h"

namespace mien {

// As decode_image, for bytes that begin like a GIF, after open_gif: the first frame on its canvas. Transparent pixels
// get the colour of their palette entry, and so does what lies beside the frame, as Pillow has it.
Result<Done> decode_gif(Bytes encoded, const DecodeOptions& options, DecodedImage& out);

// Opens the library, once. Error unsupported: it cannot be opened here, and what to install.
Result<Done> open_gif();

}  // namespace mien
