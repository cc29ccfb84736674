// Antialiased resizing with Pillow's arithmetic (8 bits a channel, fixed point with 22 bits, one pass a
// direction).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "mien/image.h"

namespace mien {

enum class ResampleFilter { bilinear, lanczos };

// The input pixels of each output pixel of one direction, with weights of kWeightBits fractional bits.
class ResampleWindows {
 public:
  ResampleWindows(int in_size, int out_size, ResampleFilter filter);
  int count() const { return static_cast<int>(windows_.size()); }
  int first(int i) const { return windows_[static_cast<std::size_t>(i)].first; }
  std::span<const std::int32_t> weights(int i) const {
    const Window& w = windows_[static_cast<std::size_t>(i)];
    return std::span(weights_).subspan(w.offset, w.count);
  }

 private:
  struct Window {
    int first;
    std::size_t offset;
    std::size_t count;
  };
  std::vector<Window> windows_;
  std::vector<std::int32_t> weights_;
};

// One pass: to this width, or to this height.
struct ResampleStep {
  bool is_width = true;
  int size = 0;
};
// The passes of resample in their order; each rounds to 8 bits. None when the size stays.
std::vector<ResampleStep> plan_resample(int in_width, int in_height, int width, int height);

// RGB or gray. Equal to Pillow 13's Image.resize((width, height), filter) to the last bit. Sides at least 1.
// `out` must not own the pixels of `in`.
void resample(ImageView in, int width, int height, ResampleFilter filter, Image& out);

// The same of the gray version of `in`, which is in memory as a whole only where the height comes first.
void resample_gray(ImageView in, int width, int height, ResampleFilter filter, Image& out);

}  // namespace mien
