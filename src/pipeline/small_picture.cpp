#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "image/decode.h"
#include "image/encode.h"
#include "image/orientation.h"
#include "mien/tools/picture.h"
#include "ops/crop.h"

namespace mien {
namespace {

constexpr int kFaceJpegQuality = 80;
constexpr int kPictureJpegQuality = 85;
constexpr double kFaceMargin = 0.25;  // of the longer side

void check_side(int side) {
  if (side >= 1 && side <= kSmallPictureSideMax) return;
  throw Exception(ErrorCode::invalid_argument,
                  fmt::format("a picture cannot have a side of {} pixels: use 1 to {}", side, kSmallPictureSideMax));
}

// The part of the photo that a face's picture shows. Throws Exception(invalid_argument).
PixelRect square_around(Box box, PhotoSize photo) {
  const PixelRect face = clip_box(box, 0, photo.width, photo.height);
  if (face.width <= 0 || face.height <= 0) {
    throw Exception(ErrorCode::invalid_argument,
                    fmt::format("the box ({:.1f}, {:.1f}, {:.1f}, {:.1f}) lies outside the photo of {}x{} pixels",
                                box.x1, box.y1, box.x2, box.y2, photo.width, photo.height));
  }
  const double wanted = std::ceil((1 + 2 * kFaceMargin) * std::max(face.width, face.height));
  const int side = std::min({static_cast<int>(wanted), photo.width, photo.height});
  const int x = face.x + face.width / 2 - side / 2;
  const int y = face.y + face.height / 2 - side / 2;
  return {std::clamp(x, 0, photo.width - side), std::clamp(y, 0, photo.height - side), side, side};
}

// Decodes at the smallest size in which `from` pixels of the photo are still `to` of them. Throws Exception.
void decode_reduced(Bytes encoded, PhotoSize photo, int from, int to, const InputOptions& input, DecodedImage& out) {
  DecodeOptions options = decode_options(input);
  for (const int denominator : {8, 4, 2}) {
    if (options.scale_denominator == 1 && from / denominator >= to) options.scale_denominator = denominator;
  }
  (void)decode_image(encoded, options, out).take();
  int width = out.stored_width;
  int height = out.stored_height;
  if (orientation_swaps_sides(out.orientation)) std::swap(width, height);
  if (width == photo.width && height == photo.height) return;
  throw Exception(ErrorCode::bad_data, fmt::format("the photo has {}x{} pixels and had {}x{}: it has changed", width,
                                                   height, photo.width, photo.height));
}

// Where a square of the upright picture lies in the stored one of so many pixels: rotating the small picture afterwards
// spares rotating the large one.
PixelRect stored_square(PixelRect upright, int orientation, int width, int height) {
  const int side = upright.width;
  const int x = orientation_swaps_sides(orientation) ? upright.y : upright.x;
  const int y = orientation_swaps_sides(orientation) ? upright.x : upright.y;
  const bool from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool from_below = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  return {from_right ? width - x - side : x, from_below ? height - y - side : y, side, side};
}

std::vector<std::uint8_t> shrink(ImageView pixels, int side, int orientation, int quality) {
  Image small;
  Image upright;
  make_thumbnail(pixels, side, side, small);
  return encode_jpeg(upright_view(small, orientation, upright), quality);
}

}  // namespace

Result<std::vector<std::uint8_t>> face_square(Bytes encoded, PhotoSize photo, Box bbox, int side,
                                              const InputOptions& input) {
  try {
    check_side(side);
    const PixelRect square = square_around(bbox, photo);
    DecodedImage decoded;
    decode_reduced(encoded, photo, square.width, side, input, decoded);
    const PixelRect stored = stored_square(square, decoded.orientation, decoded.stored_width, decoded.stored_height);
    const ImageView pixels = decoded.pixels;
    const double scale = static_cast<double>(pixels.width) / decoded.stored_width;
    const auto scaled = [scale](int length) { return static_cast<int>(length * scale); };
    const int cut = std::clamp(scaled(stored.width), 1, std::min(pixels.width, pixels.height));
    const int x = std::clamp(scaled(stored.x), 0, pixels.width - cut);
    const int y = std::clamp(scaled(stored.y), 0, pixels.height - cut);
    return shrink(pixels.crop(x, y, cut, cut), side, decoded.orientation, kFaceJpegQuality);
  } catch (const Exception& error) {
    return error.error();
  }
}

Result<std::vector<std::uint8_t>> fit_picture(Bytes encoded, PhotoSize photo, int side, const InputOptions& input) {
  try {
    check_side(side);
    DecodedImage decoded;
    decode_reduced(encoded, photo, std::max(photo.width, photo.height), side, input, decoded);
    return shrink(decoded.pixels, side, decoded.orientation, kPictureJpegQuality);
  } catch (const Exception& error) {
    return error.error();
  }
}

}  // namespace mien
