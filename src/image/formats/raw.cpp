// LibRaw finds the previews in the files of some thousand cameras. The raw data itself is not developed: the camera's
// own picture shows faces as well, and is there in a hundredth of the time.
#include "image/codecs_built.h"

#include <fmt/format.h>
#include <libraw/libraw.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>
#include <memory>
#include <string>

#include "base/cancel.h"
#include "base/dynamic_library.h"
#include "image/formats/camera_raw.h"
#include "image/limits.h"
#include "image/orientation.h"
#include "image/stated_facts.h"

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
  const StatedSize size{raw.thumbnail.twidth, raw.thumbnail.theight};
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

// What is known of the photo apart from its preview.
struct RawPhoto {
  StatedSize size;
  StatedFacts stated;
};

// Of files that are no TIFF, such as CR3. LibRaw makes a time of UTC out of the camera's clock by the zone of this
// machine, which is taken back.
StatedTimes times_by_camera(const libraw_data_t& raw) {
  constexpr std::size_t kTimeBytes = sizeof("2019-07-04T12:30:00");
  std::tm clock{};
  std::array<char, kTimeBytes> text{};
  if (raw.other.timestamp <= 0 || ::localtime_r(&raw.other.timestamp, &clock) == nullptr) return {};
  if (std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &clock) == 0) return {};
  return {read_time(text.data()), {}};
}

// LibRaw knows cameras, and leaves out mirrors, which other programs put into the tag.
RawPhoto describe_photo(const libraw_data_t& raw, const StoredPreview& stored, const DecodeOptions& options) {
  RawPhoto photo{{raw.sizes.width, raw.sizes.height}, StatedFacts(options)};
  const int by_camera = orientation_of_flip(raw.sizes.flip);
  const int by_tag = stored.orientation.value_or(1);
  const bool is_mirrored = by_tag == 2 || by_tag == 4 || by_tag == 5 || by_tag == 7;
  if (is_mirrored) {
    photo.stated.add("the raw file's tag", by_tag);
  } else if (by_camera != 1 || stored.orientation) {
    photo.stated.add("the raw file", by_camera);
  }
  photo.stated.add(stored.times);
  photo.stated.add_xmp("the raw file's XMP", stored.xmp);
  photo.stated.add(times_by_camera(raw));
  return photo;
}

RawPhoto describe_photo(const StoredPreview& stored, const DecodeOptions& options) {
  RawPhoto photo{stored.photo, StatedFacts(options)};
  photo.stated.add("the raw file's tag", stored.orientation);
  photo.stated.add(stored.times);
  photo.stated.add_xmp("the raw file's XMP", stored.xmp);
  return photo;
}

// Which way is up where the preview does not say it itself. Previews lie as the raw data does, apart from those that
// are upright already.
void turn_with_raw(const RawPhoto& photo, DecodedImage& out) {
  const bool raw_is_wide = photo.size.width > photo.size.height;
  const bool preview_is_tall = out.stored_width < out.stored_height;
  const int of_photo = photo.stated.orientation().value_or(1);
  const bool is_upright = orientation_swaps_sides(of_photo) && raw_is_wide && preview_is_tall;
  if (!out.orientation_stated) {
    photo.stated.settle(out);
    if (is_upright) out.orientation = 1;
  } else if (photo.stated.orientation() && of_photo != out.orientation && !is_upright) {
    out.warnings.push_back(fmt::format("orientation: the preview says {} and the raw file says {}; the preview counts",
                                       out.orientation, of_photo));
  }
}

void note_small_preview(StatedSize photo, DecodedImage& out) {
  const int preview = std::max(out.stored_width, out.stored_height);
  if (preview * kSmallPreview >= std::max(photo.width, photo.height)) return;
  out.warnings.push_back(fmt::format("preview: the largest one in the raw file has {} x {} pixels, the photo {} x {}",
                                     out.stored_width, out.stored_height, photo.width, photo.height));
}

Result<Done> finish_preview(const Result<Done>& decoded, const RawPhoto& photo, DecodedImage& out) {
  if (!decoded) return {{decoded.error().code, "the preview in the raw file: " + decoded.error().message}};
  const std::string of_preview = out.taken;
  turn_with_raw(photo, out);
  photo.stated.settle_xmp(out);
  out.taken = photo.stated.taken().empty() ? of_preview : photo.stated.taken();
  note_small_preview(photo.size, out);
  return Done{};
}

// The preview as LibRaw finds it.
Result<Done> decode_preview(const LibRaw& libraw, libraw_data_t& raw, const RawPhoto& photo,
                            const DecodeOptions& options, DecodedImage& out) {
  if (std::optional<Error> error = check_preview(raw, options.limits)) return *error;
  if (options.stop.stop_requested()) return cancelled_error();
  const std::string camera = camera_name(raw);  // LibRaw forgets it when it fails
  // For a preview that is cut off, the libjpeg inside LibRaw prints a line that nobody can keep it from printing.
  const int code = libraw.unpack_preview(&raw);
  if (code != LIBRAW_SUCCESS) return no_preview(camera, libraw.describe(code));
  if (raw.thumbnail.tformat != LIBRAW_THUMBNAIL_JPEG) {
    return finish_preview(copy_bitmap(libraw, raw, options.limits, out), photo, out);
  }
  if (raw.thumbnail.thumb == nullptr) return no_preview(camera, "it is empty");
  const Bytes jpeg(reinterpret_cast<const std::uint8_t*>(raw.thumbnail.thumb), raw.thumbnail.tlength);
  return finish_preview(decode_jpeg(jpeg, options, out), photo, out);
}

// The preview that lies in the file as a JPEG, for which nobody needs to know the camera.
Result<Done> decode_stored(const StoredPreview& stored, const RawPhoto& photo, const DecodeOptions& options,
                           DecodedImage& out) {
  if (options.stop.stop_requested()) return cancelled_error();
  return finish_preview(decode_jpeg(stored.jpeg, options, out), photo, out);
}

std::int64_t area(StatedSize size) { return size.width * size.height; }

// Whether another preview is worth a try: limits and a stop hold for all of them.
bool may_have_other(const Error& error) {
  return error.code == ErrorCode::unsupported || error.code == ErrorCode::bad_data;
}

Error cannot_open(const LibRaw& libraw, int code) {
  if (code == LIBRAW_UNSUFFICIENT_MEMORY) {
    return {ErrorCode::limit_exceeded, "the camera raw file asks for more memory than there is"};
  }
  if (code == LIBRAW_FILE_UNSUPPORTED) {
    return {ErrorCode::unsupported,
            "this LibRaw does not know the camera raw file, or it is broken, and no JPEG preview lies in it"};
  }
  return {ErrorCode::bad_data, fmt::format("the camera raw file cannot be read: {}", libraw.describe(code))};
}

}  // namespace

Result<Done> open_raw() { return open_result(opened_once<LibRaw>()); }

Result<Done> decode_raw(Bytes encoded, const DecodeOptions& options, DecodedImage& out) {
  const LibRaw& libraw = *opened_once<LibRaw>();
  const std::unique_ptr<libraw_data_t, decltype(libraw.close)> raw(libraw.init(kQuiet), libraw.close);
  if (raw == nullptr) return Error{ErrorCode::internal, "LibRaw cannot be started"};
  const StoredPreview stored = find_stored_preview(encoded);
  // LibRaw's parameter is not const, and it does not write to it.
  const int code = libraw.open(raw.get(), const_cast<std::uint8_t*>(encoded.data()), encoded.size());
  if (code != LIBRAW_SUCCESS) {
    return stored.jpeg.empty() ? cannot_open(libraw, code)
                               : decode_stored(stored, describe_photo(stored, options), options, out);
  }
  const RawPhoto photo = describe_photo(*raw, stored, options);
  const bool is_larger = area(stored.size) > area({raw->thumbnail.twidth, raw->thumbnail.theight});
  if (!stored.jpeg.empty() && is_larger) {
    const Result<Done> decoded = decode_stored(stored, photo, options, out);
    if (decoded || !may_have_other(decoded.error())) return decoded;
    out.warnings.clear();
  }
  const Result<Done> decoded = decode_preview(libraw, *raw, photo, options, out);
  if (decoded || is_larger || stored.jpeg.empty() || !may_have_other(decoded.error())) return decoded;
  out.warnings.clear();
  return decode_stored(stored, photo, options, out);
}

}  // namespace mien
