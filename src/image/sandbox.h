// Decoding in a child process that may do nothing but decode: src/image/decoder is that program. What a codec's defect
// lets a file do, it does there.
#pragma once

#include <string>

#include "image/decode.h"

namespace mien {

// As decode_image, by the program options.decoder_program. Each thread that calls this keeps one child from image to
// image; it ends with the thread. Errors beside those of decoding: bad_data (the child ended on this file),
// limit_exceeded (time, memory), cancelled, unsupported (the program does not start or cannot confine itself).
Result<Done> decode_in_sandbox(Bytes encoded, const DecodeOptions& options, DecodedImage& out);

// Starts this thread's child, so that what is missing is said before any work. Throws Exception(unsupported).
void start_sandbox(const DecodeOptions& options);

// Where mien-decoder is: MIEN_DECODER, beside the program or library, ../libexec/mien from there. Error: unsupported.
Result<std::string> find_decoder_program(const std::string& asked);

}  // namespace mien
