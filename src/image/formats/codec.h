// The reader of a format: a function, and the library behind it, which may be missing from the build or the machine.
#pragma once

#include <optional>
#include <string_view>

#include "image/decode.h"
#include "image/limits.h"

namespace mien {

using DecodeFunction = Result<Done> (*)(Bytes, const DecodeOptions&, DecodedImage&);

struct Codec {
  std::string_view library;  // as people call it: "libwebp"
  std::string_view package;  // the Debian package that a build with it needs: "libwebp-dev"
  DecodeFunction decode;     // null: not built in
  // Opens the library, once; null where it is linked. The error is that of DynamicLibrary.
  Result<Done> (*open)();
};

// The error of check_pixel_limit; when there is none, the size becomes the stored one of `out`.
inline std::optional<Error> take_size(StatedSize size, const ImageLimits& limits, DecodedImage& out) {
  if (std::optional<Error> error = check_pixel_limit(size, limits)) return error;
  out.stored_width = static_cast<int>(size.width);
  out.stored_height = static_cast<int>(size.height);
  return std::nullopt;
}

// Returns what `open` says of the library that it has tried to open.
template <typename Table>
Result<Done> open_result(const Result<Table>& library) {
  if (!library) return library.error();
  return Done{};
}

// The decoders. Each is as decode_image, for bytes that begin like its format, after its open_*: that opens the
// library, once, and its error, unsupported, says what to install where it cannot be opened.

// JPEG, baseline and progressive, by libjpeg-turbo, which is linked.
Result<Done> decode_jpeg(Bytes encoded, const DecodeOptions& options, DecodedImage& out);

// PNG by libpng, which is linked. Any kind becomes RGB of 8 bits as OpenCV and Pillow make it: transparency is dropped,
// not blended; of 16 bits the upper 8 stay; gamma and colour profiles are left alone.
Result<Done> decode_png(Bytes encoded, const DecodeOptions& options, DecodedImage& out);

// BMP by stb_image: 1 to 32 bits a pixel, no run-length compression. Transparency is dropped.
Result<Done> open_bmp();
Result<Done> decode_bmp(Bytes encoded, const DecodeOptions& options, DecodedImage& out);

// GIF by giflib: the first frame on its canvas. Transparent pixels get the colour of their palette entry, and so does
// what lies beside the frame, as Pillow has it.
Result<Done> open_gif();
Result<Done> decode_gif(Bytes encoded, const DecodeOptions& options, DecodedImage& out);

// HEIC and AVIF by libheif: the primary image, rotated and cropped as the file says, so that `orientation` is always 1.
// Samples of more than 8 bits keep the upper 8; transparency is dropped.
Result<Done> open_heif();
Result<Done> decode_heif(Bytes encoded, const DecodeOptions& options, DecodedImage& out);

// Camera raw files by the preview that the camera put into them, the largest, with LibRaw. Errors, beside the usual
// ones: unsupported (no preview in it).
Result<Done> open_raw();
Result<Done> decode_raw(Bytes encoded, const DecodeOptions& options, DecodedImage& out);

// TIFF by libtiff, the first page: 1 to 16 bits a sample, gray, palette, RGB, YCbCr, CMYK and L*a*b, in strips or
// tiles, with every compression that libtiff has. Transparency is dropped, not blended.
Result<Done> open_tiff();
Result<Done> decode_tiff(Bytes encoded, const DecodeOptions& options, DecodedImage& out);

// WebP by libwebp: lossy or lossless; of an animation the first frame on its canvas. Transparency is dropped, not
// blended, and what lies beside the first frame is black, as Pillow has it.
Result<Done> open_webp();
Result<Done> decode_webp(Bytes encoded, const DecodeOptions& options, DecodedImage& out);

}  // namespace mien
