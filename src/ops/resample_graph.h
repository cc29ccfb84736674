// One pass of resample as a device graph: thumbnails, and the enlargement that enhancement begins with.
#pragma once

#include <cstdint>
#include <vector>

#include "device/graph.h"
#include "image/resample.h"
#include "ops/device_image.h"

namespace mien {

// Input pixels of a window that one run adds up; longer windows take several runs.
inline constexpr int kResampleTaps = 8;

// Inputs, R lines of C channels in which J pixels are made of others:
//   pixels   u8  [any]      the bytes that hold the image
//   sums     i32 [R, J, C]  what earlier runs gave; at first [1, 1, 1] of 2^21, the half that rounds
//   lines    i32 [R]        byte offset of each line (a row where the width changes, else a column)
//   channels i32 [C]        bytes of a pixel
//   axis     i32 [2]        the last pixel of a line, and the bytes from one to the next
//   windows  i32 [2, J]     first pixel of the window, and the row of `weights` for it
//   weights  i32 [U, 8]     of 22 fractional bits; each that occurs once
// Outputs: sums i32 [R, J, C]; resampled u8 [R, J, C], the same rounded and clipped. Whole numbers all the way: equal
// to resample's pass to the last bit.
Graph make_resample_graph();

// One pass. Lines and pixels are filled up to buckets.
class ResampleInputs {
 public:
  ResampleInputs(const DeviceImage& in, const ResampleStep& step, ResampleFilter filter);
  int runs() const { return runs_; }
  // Returns the tensors of this run, in the order of the graph's inputs, those after `sums`. They view this object and
  // are valid until the next call.
  std::vector<HostTensor> tensors(int run);
  // The sums that the first run takes.
  HostTensor first_sums() const { return host_tensor(half_, {1, 1, 1}); }
  // The image in the bytes of `resampled`. Where the height changed it lies there column by column.
  DeviceImage result() const { return result_; }
  // Returns the shape of `resampled` in bytes, which is also the shape of `sums` in 32-bit numbers.
  Shape shape() const { return {static_cast<std::int64_t>(lines_.size()), size_, result_.channels}; }

 private:
  ResampleWindows windows_;
  DeviceImage result_;
  std::int64_t size_;  // J
  int runs_ = 1;
  std::vector<std::int32_t> half_;
  std::vector<std::int32_t> lines_;
  std::vector<std::int32_t> channels_;
  std::vector<std::int32_t> axis_;
  std::vector<std::int32_t> places_;
  std::vector<std::int32_t> weights_;
};

}  // namespace mien
