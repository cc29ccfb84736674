// PNG by libpng.
#pragma once

#include "image/decode.h"

namespace mien {

// As decode_image, for bytes that begin like a PNG. Any kind becomes RGB of 8 bits as OpenCV and Pillow make it:
// transparency is dropped, not blended; of 16 bits the upper 8 stay; gamma and colour profiles are left alone.
Result<Done> decode_png(Bytes encoded, const DecodeOptions& options, DecodedImage& out);

}  // namespace mien
