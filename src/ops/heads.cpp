#include "ops/heads.h"

#include <algorithm>

namespace mien {

FeatureRows::FeatureRows(const TensorView& features, HeadScratch& scratch)
    : scratch_(scratch),
      features_(features.data),
      channels_(static_cast<std::size_t>(features.shape[1])),
      rows_(static_cast<std::size_t>(features.shape[2])),
      columns_(static_cast<std::size_t>(features.shape[3])),
      padded_((columns_ + kHeadStrip - 1) / kHeadStrip * kHeadStrip),
      stride_(padded_ + 2) {
  // All zeros: the border stays so, and so does the row above the first.
  scratch_.rows.assign(3 * channels_ * stride_, 0.0F);
  load(0);
}

// Row r and the three before and after it lie in different thirds.
float* FeatureRows::slot(std::int64_t row) const {
  return scratch_.rows.data() + static_cast<std::size_t>((row + 3) % 3) * channels_ * stride_;
}

void FeatureRows::load(std::int64_t row) {
  float* to = slot(row);
  if (static_cast<std::size_t>(row) >= rows_) {
    std::fill_n(to, channels_ * stride_, 0.0F);
    return;
  }
  const float* from = features_ + static_cast<std::size_t>(row) * columns_;
  for (std::size_t channel = 0; channel < channels_; ++channel) {
    std::copy_n(from + channel * rows_ * columns_, columns_, to + channel * stride_ + 1);
  }
}

bool FeatureRows::next() {
  if (static_cast<std::size_t>(row_ + 1) >= rows_) return false;
  ++row_;
  load(row_ + 1);
  return true;
}

FeatureRows::Row FeatureRows::convolve(const HeadConv& head) {
  const HeadRows rows{{slot(row_ - 1), slot(row_), slot(row_ + 1)}, stride_, channels_};
  scratch_.scores.resize(head.outputs * padded_);
  for (std::size_t output = 0; output < head.outputs; ++output) {
    convolve_head_row(rows, head.weights.data() + output * channels_ * 9, head.bias[output], padded_,
                      scratch_.scores.data() + output * padded_);
  }
  return {scratch_.scores.data(), padded_};
}

void FeatureRows::look_at(std::size_t column) {
  scratch_.window.resize(channels_ * 9);
  float* to = scratch_.window.data();
  for (std::size_t channel = 0; channel < channels_; ++channel) {
    for (std::int64_t row = row_ - 1; row <= row_ + 1; ++row) {
      to = std::copy_n(slot(row) + channel * stride_ + column, 3, to);
    }
  }
}

void FeatureRows::convolve_window(const HeadConv& head, std::size_t first, std::size_t count, float* out) const {
  for (std::size_t i = 0; i < count; ++i) {
    const float* const weights = head.weights.data() + (first + i) * channels_ * 9;
    out[i] = head.bias[first + i] + dot_product(scratch_.window.data(), weights, channels_ * 9);
  }
}

}  // namespace mien
