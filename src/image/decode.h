// Bytes of a file -> pixels as stored, with what the file says about its orientation.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "mien/engine.h"
#include "mien/image.h"
#include "mien/result.h"

namespace mien {

struct DecodeOptions {
  ImageLimits limits;
  // 1, 2, 4 or 8: decode at this fraction of the size where the format can (JPEG); others ignore it.
  int scale_denominator = 1;
  // Turn wide gamut into sRGB by the embedded profile. Without it colours stay as stored, and a warning says so.
  bool convert_colours = true;
  bool converted_too = false;  // where colours stay as stored: DecodedImage::converted beside them
  bool hash = false;           // DecodedImage::hash
  bool keep_xmp = false;       // DecodedImage::xmp, where this process decodes
  std::stop_token stop = {};
  std::string decoder_program = {};  // decode in a child of this program (image/sandbox.h); empty: in this process
};

inline DecodeOptions decode_options(const InputOptions& input) {
  return {.limits = input.limits, .decoder_program = input.decoder};
}

struct DecodedImage {
  Image pixels;          // RGB, as stored: orientation not applied
  Image converted;       // the same pixels in sRGB, when asked for; empty where that changes nothing
  std::uint64_t hash{};  // perceptual, of the pixels before colours are converted, as other programs see the file
  std::string format;    // "jpeg", "png", ...
  int stored_width = 0;  // of the full size, before scale_denominator
  int stored_height = 0;
  int orientation = 1;                         // EXIF, 1..8
  bool orientation_stated = false;             // by EXIF of the image itself
  std::string taken;                           // see Analysis::taken
  std::vector<std::vector<std::uint8_t>> xmp;  // packets, when asked for
  std::vector<std::uint8_t> icc_profile;       // of the RGB or gray that was stored; empty without one
  std::vector<std::string> warnings;           // "truncated: ...": what there is was used
};

// Memory of `out` is used again. Errors: bad_data (no image, or nothing usable in it), limit_exceeded, cancelled,
// unsupported (a format whose library is missing from the build or from the machine, named).
Result<Done> decode_image(Bytes encoded, const DecodeOptions& options, DecodedImage& out);

// What a file is by its first bytes (512 are enough), before anybody decodes it.
struct Beginning {
  bool is_image = false;
  bool has_codec = false;  // of an image: mien has a decoder, in this build or in another
  std::string text;        // of anything else: "it looks like a PDF document"
};
Beginning look_at_beginning(Bytes first_bytes);

struct FormatInfo {
  std::string name;     // as in DecodedImage
  std::string problem;  // empty: it can be read here; else why not, and what to install
};
// Every format that mien has a decoder for. Opens their libraries.
std::vector<FormatInfo> image_formats();

}  // namespace mien
