// The loop of mien-decoder: requests in, pixels out.
#pragma once

#include <span>

#include "image/decode.h"

namespace mien::decoder {

using Decode = Result<Done> (*)(Bytes encoded, const DecodeOptions& options, DecodedImage& out);

// Confines the process as its arguments say (bytes of memory, pixels, seconds, the parent) and answers requests until
// the socket closes. Returns the exit code of the program.
int serve(std::span<char*> arguments, Decode decode);

}  // namespace mien::decoder
