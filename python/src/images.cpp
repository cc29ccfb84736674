#include "images.h"

#include <nanobind/stl/string.h>

#include <utility>

#include "arrays.h"

namespace mien::python {
namespace {

[[noreturn]] void refuse(const std::string& reason) { throw Exception(ErrorCode::invalid_argument, reason); }

PixelFormat format_of(std::size_t channels, const std::optional<std::string>& colours) {
  if (channels == 1) return PixelFormat::gray;
  if (!colours) refuse("an array with colours needs colours='rgb' or colours='bgr' (OpenCV reads images as bgr)");
  if (*colours == "rgb") return channels == 3 ? PixelFormat::rgb : PixelFormat::rgba;
  if (*colours == "bgr") return channels == 3 ? PixelFormat::bgr : PixelFormat::bgra;
  refuse("colours='" + *colours + "' is not known: use 'rgb' or 'bgr'");
}

// The channels of array[..., ::-1] lie in the other order, one byte before each other.
PixelFormat swapped(PixelFormat format) { return format == PixelFormat::rgb ? PixelFormat::bgr : PixelFormat::rgb; }

// Whether rows may be read where they lie. Fills in everything but the format's meaning.
bool view_pixels(const nb::ndarray<nb::ro, nb::device::cpu>& array, PixelView& pixels) {
  const std::size_t channels = array.ndim() == 3 ? array.shape(2) : 1;
  const std::int64_t between_channels = array.ndim() == 3 ? array.stride(2) : 1;
  const std::int64_t row = static_cast<std::int64_t>(array.shape(1) * channels);
  pixels.data = static_cast<const std::uint8_t*>(array.data());
  pixels.width = static_cast<int>(array.shape(1));
  pixels.height = static_cast<int>(array.shape(0));
  pixels.stride = array.stride(0);
  if (pixels.height == 1) pixels.stride = row;
  if (pixels.stride < row || (array.shape(1) > 1 && array.stride(1) != static_cast<std::int64_t>(channels))) {
    return false;
  }
  if (channels == 3 && between_channels == -1) {
    pixels.data -= 2;
    pixels.format = swapped(pixels.format);
    return true;
  }
  return channels == 1 || between_channels == 1;
}

std::string shape_text(const nb::ndarray<nb::ro, nb::device::cpu>& array) {
  std::string text;
  for (std::size_t i = 0; i < array.ndim(); ++i) text += (i == 0 ? "" : "x") + std::to_string(array.shape(i));
  return text;
}

void check_array(const nb::object& owner, const nb::ndarray<nb::ro, nb::device::cpu>& array) {
  if (array.dtype() != nb::dtype<std::uint8_t>()) {
    refuse("an array of pixels holds uint8, and this one " +
           std::string(nb::str(nb::getattr(owner, "dtype", nb::str("another type"))).c_str()) +
           ": bring its values to 0..255, then convert it with .astype('uint8')");
  }
  const bool is_picture =
      array.ndim() == 2 || (array.ndim() == 3 && (array.shape(2) == 1 || array.shape(2) == 3 || array.shape(2) == 4));
  if (!is_picture) refuse("an array of pixels has the shape HxW, HxWx3 or HxWx4, and this one " + shape_text(array));
  constexpr std::size_t kSideMax = 1 << 24;
  if (array.shape(0) == 0 || array.shape(1) == 0) refuse("an array of pixels has at least one pixel");
  if (array.shape(0) > kSideMax || array.shape(1) > kSideMax) refuse("an array of pixels is too large");
}

ImageInput open_pixels(nb::object owner, nb::ndarray<nb::ro, nb::device::cpu> array,
                       const std::optional<std::string>& colours) {
  check_array(owner, array);
  ImageInput input;
  input.is_pixels = true;
  input.pixels.format = format_of(array.ndim() == 3 ? array.shape(2) : 1, colours);
  if (!view_pixels(array, input.pixels)) {
    // Rows from the bottom up, every second pixel, ...: numpy puts them in order.
    nb::object ordered = nb::module_::import_("numpy").attr("ascontiguousarray")(owner);
    return open_pixels(ordered, nb::cast<nb::ndarray<nb::ro, nb::device::cpu>>(ordered), colours);
  }
  input.owner = std::move(owner);
  input.array = std::move(array);
  return input;
}

ImageInput open_bytes(nb::object owner, const void* data, std::size_t size) {
  ImageInput input;
  input.encoded = {static_cast<const std::uint8_t*>(data), size};
  input.owner = std::move(owner);
  return input;
}

}  // namespace

ImageInput open_image(nb::handle image, const std::optional<std::string>& colours) {
  if (PyBytes_Check(image.ptr())) {
    const nb::bytes bytes = nb::borrow<nb::bytes>(image);
    return open_bytes(bytes, bytes.data(), bytes.size());
  }
  nb::ndarray<nb::ro, nb::device::cpu> array;
  if (nb::ndarray_check(image) && nb::try_cast(image, array)) {
    if (array.ndim() != 1) return open_pixels(nb::borrow(image), std::move(array), colours);
    if (array.itemsize() != 1 || (array.shape(0) > 1 && array.stride(0) != 1)) {
      refuse("the bytes of an image file come one after the other");
    }
    ImageInput input = open_bytes(nb::borrow(image), array.data(), array.shape(0));
    input.array = std::move(array);
    return input;
  }
  // Paths, files and PIL images: bytes, or an array and the order of its colours.
  const nb::tuple read = nb::cast<nb::tuple>(nb::module_::import_("mien.inputs").attr("read_image")(image));
  const nb::object content = read[0];
  return open_image(content, read[1].is_none() ? colours : nb::cast<std::string>(read[1]));
}

ImageInput open_encoded(nb::handle image, const std::string& what) {
  // In any order of colours: an array is refused for what it is, and not for want of `colours`.
  ImageInput input = open_image(image, "rgb");
  if (input.is_pixels) refuse(what + " needs the bytes or the path of an image file, not an array or a PIL image");
  return input;
}

ImageInput open_array(nb::handle image, const std::optional<std::string>& colours) {
  ImageInput input = open_image(image, colours);
  if (!input.is_pixels) refuse("pixels are needed here: a numpy array or a PIL image, not the bytes of a file");
  return input;
}

nb::object to_numpy(std::vector<float> values) {
  const std::size_t size = values.size();
  return own_array(std::move(values), {size});
}

nb::object to_numpy(Image image) {
  Image* const kept = new Image(std::move(image));
  const nb::capsule owner(kept, [](void* data) noexcept { delete static_cast<Image*>(data); });
  return nb::cast(ByteArray(kept->data(),
                            {static_cast<std::size_t>(kept->height()), static_cast<std::size_t>(kept->width()),
                             static_cast<std::size_t>(kept->channels())},
                            owner));
}

}  // namespace mien::python
