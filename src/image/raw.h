// Camera raw files by the preview that the camera put into them, with LibRaw (opened on first use).
#pragma once

#include "image/decode.h"

namespace mien {

Result<Done> open_raw();

// As decode_image, for bytes that begin like a raw file: its largest preview. Errors, beside the usual ones:
// unsupported (no preview in it).
Result<Done> decode_raw(Bytes encoded, const DecodeOptions& options, DecodedImage& out);

}  // namespace mien
