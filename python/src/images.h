// Turns the pictures of Python programs into what the library takes: bytes of a file, or pixels where they lie.
#pragma once

#include <nanobind/ndarray.h>

#include <optional>
#include <string>
#include <vector>

#include "bindings.h"
#include "mien/image.h"

namespace mien::python {

// Holds what it views; the views are good as long as it lives and its Python object is not changed.
struct ImageInput {
  bool is_pixels = false;
  Bytes encoded;
  PixelView pixels;
  nb::object owner;
  nb::ndarray<nb::ro, nb::device::cpu> array;
};

// bytes, bytearray, memoryview; arrays of uint8 (HxW, HxWx3, HxWx4); what mien/inputs.py reads: paths, files, PIL.
// `colours` is "rgb" or "bgr" and is needed for arrays with colours. Throws Exception(invalid_argument) and whatever
// Python throws.
ImageInput open_image(nb::handle image, const std::optional<std::string>& colours);

// The same for the bytes of a file alone; what is refused is called `what`, as in "a batch".
ImageInput open_encoded(nb::handle image, const std::string& what);

// The same for pixels alone.
ImageInput open_array(nb::handle image, const std::optional<std::string>& colours);

using FloatArray = nb::ndarray<nb::numpy, float>;
using ByteArray = nb::ndarray<nb::numpy, std::uint8_t>;

// Arrays that own what they were given; nothing is copied.
nb::object to_numpy(std::vector<float> values);
nb::object to_numpy(Image image);

}  // namespace mien::python
