// The last convolutions of a detector, computed by mien and not by the runtime: scores everywhere, boxes and landmarks
// only where a score says that there is a face. A runtime computes all of them for every cell, a fifth of SCRFD-500M's
// time, and nearly all of it is thrown away.
#pragma once

#include <array>
#include <vector>

#include "device/session.h"
#include "ops/head_kernel.h"

namespace mien {

// A convolution of 3 x 3 with stride 1 and a border of zeros.
struct HeadConv {
  std::size_t channels = 0;
  std::size_t outputs = 0;
  std::vector<float> weights;  // [outputs, channels, 3, 3]
  std::vector<float> bias;     // [outputs]
};

// The last convolutions of one feature map. Their outputs lie anchor by anchor.
struct HeadLevel {
  HeadConv scores;  // before the sigmoid
  HeadConv boxes;
  HeadConv landmarks;
};

struct DetectorHeads {
  std::vector<HeadLevel> levels;
};

struct HeadScratch {
  std::vector<float> rows;    // three of the feature map
  std::vector<float> scores;  // of one row: [outputs, columns rounded up to kHeadStrip]
  std::vector<float> window;  // [channels, 3, 3]
};

// Walks down a feature map of [1, channels, rows, columns].
class FeatureRows {
 public:
  FeatureRows(const TensorView& features, HeadScratch& scratch);

  // Goes to the first row, then to the next one; returns false after the last.
  bool next();
  std::size_t row() const { return static_cast<std::size_t>(row_); }
  std::size_t columns() const { return columns_; }

  // All outputs for all columns of this row. Valid until the next call.
  struct Row {
    const float* data;
    std::size_t stride;  // between outputs
  };
  Row convolve(const HeadConv& head);

  // Takes the window around a column of this row, and computes outputs [first, first + count) for it.
  void look_at(std::size_t column);
  void convolve_window(const HeadConv& head, std::size_t first, std::size_t count, float* out) const;

 private:
  void load(std::int64_t row);
  float* slot(std::int64_t row) const;

  HeadScratch& scratch_;
  const float* features_;
  std::size_t channels_;
  std::size_t rows_;
  std::size_t columns_;
  std::size_t padded_;  // columns rounded up
  std::size_t stride_;
  std::int64_t row_ = -1;
};

}  // namespace mien
