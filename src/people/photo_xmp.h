// How a photo is decoded for the packets of XMP in it and its orientation alone.
#pragma once

#include <stop_token>

#include "image/decode.h"

namespace mien {

// Pixels are needed for nothing: where a format can, hardly any are made.
inline DecodeOptions xmp_decoding(const InputOptions& input, const std::stop_token& stop) {
  DecodeOptions decoding;
  decoding.limits = input.limits;
  decoding.scale_denominator = 8;
  decoding.convert_colours = false;
  decoding.keep_xmp = true;
  decoding.stop = stop;
  return decoding;
}

}  // namespace mien
