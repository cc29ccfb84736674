#include "pipeline/thumbnail.h"

#include <algorithm>

#include "pipeline/device_stages.h"

namespace mien {

void make_thumbnail(const InputOptions& input, ImageView in, int width, int height, Image& out) {
  const PixelSize size = thumbnail_size(in.width, in.height, std::max(1, width), std::max(1, height));
  const bool stays = size.width == in.width && size.height == in.height;
  if (!stays && input.device && input.device->shrink(in, size, out)) return;
  make_thumbnail(in, width, height, out);
}

}  // namespace mien
