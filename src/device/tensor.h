// Values that graphs and device sessions take and give.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace mien {

using Shape = std::vector<std::int64_t>;

enum class ElementType { u8, i32, i64, f32, boolean };

constexpr std::size_t element_bytes(ElementType type) {
  switch (type) {
    case ElementType::i64: return 8;
    case ElementType::i32:
    case ElementType::f32: return 4;
    case ElementType::u8:
    case ElementType::boolean: break;
  }
  return 1;
}

inline std::size_t element_count(const Shape& shape) {
  std::size_t product = 1;
  for (const std::int64_t side : shape) product *= static_cast<std::size_t>(side);
  return product;
}

}  // namespace mien
