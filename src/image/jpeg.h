// JPEG, baseline and progressive, by libjpeg-turbo.
#pragma once

#include "image/decode.h"

namespace mien {

// As decode_image, for bytes that begin like a JPEG.
Result<Done> decode_jpeg(Bytes encoded, const DecodeOptions& options, DecodedImage& out);

}  // namespace mien
