#include "mien/image.h"

#include <cassert>
#include <utility>

#include "image/spare_images.h"

namespace mien {

void Image::reset(int width, int height, int channels, bool bgr) {
  assert(width >= 0 && height >= 0 && (channels == 1 || channels == 3));
  width_ = width;
  height_ = height;
  channels_ = channels;
  bgr_ = bgr;
  const std::size_t needed = size_bytes();
  if (needed <= capacity_) return;
  if (SpareImages* const spares = SpareImages::in_use()) {
    Image spare = spares->take(needed);
    std::swap(data_, spare.data_);
    std::swap(capacity_, spare.capacity_);
    if (capacity_ > 0) return;
  }
  // Uninitialised on purpose: every decoder writes every pixel, and zeroing 36 MB costs milliseconds.
  data_ = std::make_unique_for_overwrite<std::uint8_t[]>(needed);
  capacity_ = needed;
}

}  // namespace mien
