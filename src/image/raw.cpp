// LibRaw finds the previews in the files of some thousand cameras. The raw data itself is not developed: the camera's
// own picture shows faces as well, and is there in a hundredth of the time.
#include "image/codecs_built.h"

#include <fmt/format.h>
#include <libraw/libraw.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>

#include "base/cancel.h"
#include "base/dynamic_library.h"
#include "image/limits.h"

namespace mien {
namespace {

// Both callbacks of LibRaw that would print, in the numbers of every version.
constexpr unsigned int kQuiet = 1 | 2;

// A preview with less than this part of the photo's width has lost most of it.
constexpr int kSmallPreview = 4;

struct LibRaw {
  DynamicLibrary library{kRAWSoname, "libraw"};
  decltype(&libraw_init) init = library["libraw_init"];
  decltype(&libraw_close) close = library["libraw_close"];
  decltype(&libraw_open_buffer) open = library["libraw_open_buffer"];
  decltype(&libraw_unpack_thumb) unpack_preview = library["libraw_unpack_thumb"];
  decltype(&libraw_dcraw_make_mem_thumb) make_bitmap = library["libraw_dcraw_make_mem_thumb"];
  decltype(&libraw_dcraw_clear_mem) free_bitmap = library["libraw_dcraw_clear_mem"];
  decltype(&libraw_strerror) describe = library["libraw_strerror"];
};

// LibRaw's flip -> EXIF's orientation.
int orientation_of_flip(int flip) {
  constexpr int kOrientations[] = {1, 2, 4, 3, 5, 8, 6, 7};
  return flip >= 0 && flip < 8 ? kOrientations[flip] : 1;
}

std::string camera_name(const libraw_data_t& raw) {
  const auto text = [](const char* field, std::size_t size) { return std::string(field, strnlen(field, size)); };
  const std::string make = text(raw.idata.make, sizeof raw.idata.make);
  const std::string model = text(raw.idata.model, sizeof raw.idata.model);
  return make.empty() && model.empty() ? "an unknown camera" : make + " " + model;
}

Error no_preview(const std::string& camera, const char* reason) {
  return {ErrorCode::unsupported,
          fmt::format("the camera raw file (of {}) holds no preview that can be read: {}; raw data itself is not "
                      "developed",
                      camera, reason)};
}

// Checks the limits before LibRaw copies the preview out of the file.
std::optional<Error> check_preview(const libraw_data_t& raw, const ImageLimits& limits) {
  const PixelSize size{raw.thumbnail.twidth, raw.thumbnail.theight};
  if (std::optional<Error> error = check_pixel_limit(size, limits)) return error;
  // The preview as it lies in the file, as LibRaw gives it (at most 16 bits a channel), and our pixels.
  const double memory = raw.thumbnail.tlength + static_cast<double>(size.width * size.height) * (6 + 3);
  return check_memory_limit(memory, size, limits);
}

Result<Done> copy_bitmap(const LibRaw& libraw, libraw_data_t& raw, const ImageLimits& limits, DecodedImage& out) {
  const std::string camera = camera_name(raw);
  int code = LIBRAW_SUCCESS;
  const std::unique_ptr<libraw_processed_image_t, decltype(libraw.free_bitmap)> bitmap(libraw.make_bitmap(&raw, &code),
                                                                                       libraw.free_bitmap);
  if (bitmap == nullptr) return no_preview(camera, libraw.describe(code));
  const std::size_t channels = bitmap->colors;
  const std::size_t sample_bytes = bitmap->bits / 8;
  const bool known = bitmap->type == LIBRAW_IMAGE_BITMAP && (channels == 1 || channels == 3) &&
                     (sample_bytes == 1 || sample_bytes == 2);
  if (!known || bitmap->width == 0 || bitmap->height == 0) return no_preview(camera, "it is of an unknown layout");
  if (std::optional<Error> error = check_pixel_limit({bitmap->width, bitmap->height}, limits)) return *error;
  const std::size_t pixels = std::size_t{bitmap->width} * bitmap->height;
  if (bitmap->data_size < pixels * channels * sample_bytes) return no_preview(camera, "it is cut off");
  out.stored_width = bitmap->width;
  out.stored_height = bitmap->height;
  out.pixels.reset(out.stored_width, out.stored_height, 3);
  for (std::size_t i = 0; i < 3 * pixels; ++i) {
    const std::size_t sample = channels == 3 ? i : i / 3;
    // The upper 8 of 16 bits stay; the two bytes lie in the order of this CPU.
    out.pixels.data()[i] =
        sample_bytes == 1 ? bitmap->data[sample] : reinterpret_cast<const std::uint8_t*>(bitmap->data)[2 * sample + 1];
  }
  return Done{};
}

// The camera's word on which way is up. Previews lie as the raw data does, apart from those that are upright already.
void turn_with_raw(const libraw_data_t& raw, DecodedImage& out) {
  if (out.orientation_stated) return;
  const int orientation = orientation_of_flip(raw.sizes.flip);
  const bool raw_is_wide = raw.sizes.width > raw.sizes.height;
  const bool preview_is_tall = out.stored_width < out.stored_height;
  const bool swaps = orientation >= 5;
  out.orientation = swaps && raw_is_wide && preview_is_tall ? 1 : orientation;
}

void note_small_preview(const libraw_data_t& raw, DecodedImage& out) {
  const int preview = std::max(out.stored_width, out.stored_height);
  const int photo = std::max(raw.sizes.width, raw.sizes.height);
  if (preview * kSmallPreview >= photo) return;
  out.warnings.push_back(fmt::format("preview: the largest one in the raw file has {} x {} pixels, the photo {} x {}",
                                     out.stored_width, out.stored_height, raw.sizes.width, raw.sizes.height));
}

Result<Done> decode_preview(const LibRaw& libraw, libraw_data_t& raw, const DecodeOptions& options, DecodedImage& out) {
  if (std::optional<Error> error = check_preview(raw, options.limits)) return *error;
  if (options.stop.stop_requested()) return cancelled_error();
  const std::string camera = camera_name(raw);  // LibRaw forgets it when it fails
  // For a preview that is cut off, the libjpeg inside LibRaw prints a line that nobody can keep it from printing.
  const int code = libraw.unpack_preview(&raw);
  if (code != LIBRAW_SUCCESS) return no_preview(camera, libraw.describe(code));
  Result<Done> decoded = Done{};
  if (raw.thumbnail.tformat == LIBRAW_THUMBNAIL_JPEG) {
    if (raw.thumbnail.thumb == nullptr) return no_preview(camera, "it is empty");
    const Bytes jpeg(reinterpret_cast<const std::uint8_t*>(raw.thumbnail.thumb), raw.thumbnail.tlength);
    decoded = decode_jpeg(jpeg, options, out);
  } else {
    decoded = copy_bitmap(libraw, raw, options.limits, out);
  }
  if (!decoded) return {{decoded.error().code, "the preview in the raw file: " + decoded.error().message}};
  turn_with_raw(raw, out);
  note_small_preview(raw, out);
  return Done{};
}

}  // namespace

Result<Done> open_raw() { return open_result(opened_once<LibRaw>()); }

Result<Done> decode_raw(Bytes encoded, const DecodeOptions& options, DecodedImage& out) {
  const LibRaw& libraw = *opened_once<LibRaw>();
  const std::unique_ptr<libraw_data_t, decltype(libraw.close)> raw(libraw.init(kQuiet), libraw.close);
  if (raw == nullptr) return Error{ErrorCode::internal, "LibRaw cannot be started"};
  // LibRaw's parameter is not const, and it does not write to it.
  const int code = libraw.open(raw.get(), const_cast<std::uint8_t*>(encoded.data()), encoded.size());
  if (code == LIBRAW_UNSUFFICIENT_MEMORY) {
    return Error{ErrorCode::limit_exceeded, "the camera raw file asks for more memory than there is"};
  }
  if (code == LIBRAW_FILE_UNSUPPORTED) {
    return Error{ErrorCode::unsupported, "this LibRaw does not know the camera raw file, or it is broken"};
  }
  if (code != LIBRAW_SUCCESS) {
    return Error{ErrorCode::bad_data, fmt::format("the camera raw file cannot be read: {}", libraw.describe(code))};
  }
  return decode_preview(libraw, *raw, options, out);
}

}  // namespace mien
