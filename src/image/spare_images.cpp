#include "image/spare_images.h"

#include <algorithm>
#include <utility>

namespace mien {
namespace {

// One that is larger than that many times what is asked for would waste its memory.
constexpr std::size_t kTimesMax = 4;

thread_local SpareImages* in_use_here = nullptr;

}  // namespace

void SpareImages::give(Image image, std::size_t spares_max) {
  if (image.capacity_bytes() == 0) return;
  spares_.push_back(std::move(image));
  keep(spares_max);
}

void SpareImages::keep(std::size_t count) {
  if (spares_.size() > count) spares_.erase(spares_.begin(), spares_.end() - static_cast<std::ptrdiff_t>(count));
}

Image SpareImages::take(std::size_t bytes) {
  auto best = spares_.end();
  for (auto it = spares_.begin(); it != spares_.end(); ++it) {
    const std::size_t capacity = it->capacity_bytes();
    const bool fits = capacity >= bytes && capacity / kTimesMax <= bytes;
    if (fits && (best == spares_.end() || capacity < best->capacity_bytes())) best = it;
  }
  if (best == spares_.end()) return {};
  Image image = std::move(*best);
  spares_.erase(best);
  return image;
}

SpareImages::Use::Use(SpareImages& spares) : before_(std::exchange(in_use_here, &spares)) {}
SpareImages::Use::~Use() { in_use_here = before_; }

SpareImages* SpareImages::in_use() { return in_use_here; }

}  // namespace mien
