// Vectors of the library as arrays of numpy, which own them.
#pragma once

#include <nanobind/ndarray.h>

#include <cstddef>
#include <initializer_list>
#include <utility>
#include <vector>

#include "bindings.h"

namespace mien::python {

// IEEE half floats, which C++ holds as numbers of 16 bits.
inline constexpr nb::dlpack::dtype kHalf{static_cast<std::uint8_t>(nb::dlpack::dtype_code::Float), 16, 1};

// An array of this shape that owns what it was given; nothing is copied.
template <typename T>
nb::object own_array(std::vector<T> values, std::initializer_list<std::size_t> shape,
                     nb::dlpack::dtype type = nb::dtype<T>()) {
  std::vector<T>* const kept = new std::vector<T>(std::move(values));
  const nb::capsule owner(kept, [](void* data) noexcept { delete static_cast<std::vector<T>*>(data); });
  return nb::cast(nb::ndarray<nb::numpy>(kept->data(), shape.size(), shape.begin(), owner, nullptr, type));
}

}  // namespace mien::python
