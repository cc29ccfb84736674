// HEIC and AVIF by libheif, opened on first use.
#pragma once

#include "image/decode.h"

namespace mien {

Result<Done> open_heif();

// As decode_image, for bytes that begin like a HEIF file: the primary image, rotated and cropped as the file says,
// so that `orientation` is always 1. Of more than 8 bits the upper 8 stay; transparency is dropped.
Result<Done> decode_heif(Bytes encoded, const DecodeOptions& options, DecodedImage& out);

}  // namespace mien
