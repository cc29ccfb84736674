// WebP by libwebp, opened on first use.
#pragma once

#include "image/decode.h"

namespace mien {

// As decode_image, for bytes that begin like a WebP, after open_webp: lossy or lossless; of an animation the first
// frame on its canvas. Transparency is dropped, not blended, and what lies beside the first frame is black, as Pillow
// has it.
Result<Done> decode_webp(Bytes encoded, const DecodeOptions& options, DecodedImage& out);

// Opens the library, once. Error unsupported: it cannot be opened here, and what to install.
Result<Done> open_webp();

}  // namespace mien
