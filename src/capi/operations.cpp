// Operations without models.
#include "capi/handles.h"
#include "mien/settings.h"

namespace mien::capi {
namespace {

Bytes read_bytes(const std::uint8_t* data, std::size_t size) {
  if (data == nullptr) fail("the image is a null pointer");
  return {data, size};
}

// These calls have no engine that would know the settings, and MIEN_SANDBOX counts for them as well.
InputOptions input_options() { return open_input({}, false, load_settings()); }

// A call that makes a JPEG of an image.
template <typename Make>
mien_status make_jpeg(const std::uint8_t* data, std::size_t size, mien_buffer** jpeg, mien_error** error, Make make) {
  return guard(error, [&] {
    if (jpeg == nullptr) fail("there is no place to put the JPEG");
    *jpeg = nullptr;
    *jpeg = new mien_buffer{make(read_bytes(data, size)).take()};
  });
}

void give_quality(const Quality& value, mien_quality* quality) {
  if (write_struct(quality_to_c(value), quality)) return;
  fail("there is no place to put the quality, or its struct_size is not set");
}

}  // namespace
}  // namespace mien::capi

// The functions of mien.h are global; these files hold nothing else below.
using namespace mien;        // NOLINT(google-build-using-namespace)
using namespace mien::capi;  // NOLINT(google-build-using-namespace)

const uint8_t* mien_buffer_data(const mien_buffer* buffer) {
  return buffer != nullptr ? buffer->bytes.data() : nullptr;
}

size_t mien_buffer_size(const mien_buffer* buffer) { return buffer != nullptr ? buffer->bytes.size() : 0; }

void mien_buffer_free(mien_buffer* buffer) { delete buffer; }

mien_status mien_assess_quality(const uint8_t* data, size_t size, mien_quality* quality, int32_t* width,
                                int32_t* height, mien_error** error) {
  return guard(error, [&] {
    const Bytes image = read_bytes(data, size);
    const ImageQuality measured = assess_quality(image, input_options()).take();
    if (width != nullptr) *width = measured.width;
    if (height != nullptr) *height = measured.height;
    give_quality(measured.quality, quality);
  });
}

mien_status mien_assess_pixels(const mien_pixels* pixels, const mien_box* bbox, mien_quality* quality,
                               mien_error** error) {
  return guard(error, [&] {
    const PixelView view = read_pixels(pixels);
    const Box box = bbox != nullptr ? Box{bbox->x1, bbox->y1, bbox->x2, bbox->y2} : Box{};
    const ImageQuality measured =
        assess_quality(view, bbox != nullptr ? &box : nullptr, nullptr, input_options()).take();
    give_quality(measured.quality, quality);
  });
}

mien_status mien_enhance(const uint8_t* data, size_t size, mien_buffer** jpeg, double* scale, mien_error** error) {
  return make_jpeg(data, size, jpeg, error, [&](Bytes image) -> Result<std::vector<std::uint8_t>> {
    EnhancedImage enhanced = enhance_image(image, input_options()).take();
    if (scale != nullptr) *scale = enhanced.scale;
    return std::move(enhanced.bytes);
  });
}

mien_status mien_crop(const uint8_t* data, size_t size, mien_box bbox, double margin, mien_buffer** jpeg,
                      mien_error** error) {
  return make_jpeg(data, size, jpeg, error, [&](Bytes image) {
    return crop_face(image, {bbox.x1, bbox.y1, bbox.x2, bbox.y2}, margin, input_options());
  });
}

mien_status mien_thumbnail(const uint8_t* data, size_t size, int32_t width, int32_t height, mien_buffer** jpeg,
                           mien_error** error) {
  return make_jpeg(data, size, jpeg, error,
                   [&](Bytes image) { return create_thumbnail(image, width, height, input_options()); });
}

mien_status mien_phash(const uint8_t* data, size_t size, char hash[17], mien_error** error) {
  return guard(error, [&] {
    if (hash == nullptr) fail("there is no place to put the hash");
    hash[0] = '\0';
    const Bytes image = read_bytes(data, size);
    const std::string hex = compute_phash(image, input_options()).take();
    hash[hex.copy(hash, 16)] = '\0';
  });
}
