// TIFF by libtiff, opened on first use.
#pragma once

#include "image/decode.h"

namespace mien {

// As decode_image, for bytes that begin like a TIFF, after open_tiff: the first page: 1 to 16 bits a sample, gray,
// palette, RGB, YCbCr, CMYK and L*a*b, in strips or tiles, with every compression that libtiff has. Transparency is
// dropped, not blended.
Result<Done> decode_tiff(Bytes encoded, const DecodeOptions& options, DecodedImage& out);

// Opens the library, once. Error unsupported: it cannot be opened here, and what to install.
Result<Done> open_tiff();

}  // namespace mien
