// BMP by the shared library of stb_image, opened on first use.
#pragma once

#include "image/decode.h"

namespace mien {

// As decode_image, for bytes that begin like a BMP, after open_bmp: 1 to 32 bits a pixel, no run-length compression.
// Transparency is dropped.
Result<Done> decode_bmp(Bytes encoded, const DecodeOptions& options, DecodedImage& out);

// Opens the library, once. Error unsupported: it cannot be opened here, and what to install.
Result<Done> open_bmp();

}  // namespace mien
