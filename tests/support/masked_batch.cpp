#include "support/masked_batch.h"

#include <algorithm>
#include <cmath>
#include <random>

namespace mien::test {
namespace {

using Floats = std::vector<float>;

struct Size {
  std::int64_t width;
  std::int64_t height;
};

constexpr Size kCanvas = {192, 160};
constexpr Size kSizes[] = {{96, 160}, {192, 64}, {128, 128}, {64, 96}};

Floats make_planes(const KnownDetector& known, const Size& size, unsigned seed) {
  std::mt19937 random(seed);
  Floats planes(static_cast<std::size_t>(3 * size.width * size.height));
  for (float& value : planes) value = (static_cast<float>(random() % 256) - known.mean) * known.scale;
  return planes;
}

// Of the rectangle number i.
Floats make_planes(const KnownDetector& known, std::size_t i) {
  return make_planes(known, kSizes[i], static_cast<unsigned>(i + 40));
}

// Copies the planes of a rectangle into those of a canvas.
void place(const Floats& planes, const Size& size, float* canvas) {
  for (std::int64_t i = 0; i < 3 * size.height; ++i) {
    const std::int64_t plane = i / size.height;
    std::copy_n(planes.data() + i * size.width, size.width,
                canvas + (plane * kCanvas.height + i % size.height) * kCanvas.width);
  }
}

// Masks of all rectangles at a stride, whose sides are `more` cells larger than they should be.
Floats make_masks(int stride, std::int64_t more) {
  Floats masks;
  for (const Size& size : kSizes) {
    for (std::int64_t row = 0; row < kCanvas.height / stride; ++row) {
      for (std::int64_t column = 0; column < kCanvas.width / stride; ++column) {
        masks.push_back(row < size.height / stride + more && column < size.width / stride + more ? 1.0F : 0.0F);
      }
    }
  }
  return masks;
}

// What a masked model gives for all rectangles on canvases.
std::vector<Floats> run_canvases(const RunModel& run, const MaskedModel& masked, const KnownDetector& known,
                                 std::int64_t more) {
  const std::size_t canvas_floats = static_cast<std::size_t>(3 * kCanvas.width * kCanvas.height);
  Floats canvases(std::size(kSizes) * canvas_floats);
  std::vector<Floats> masks;
  const auto images = static_cast<std::int64_t>(std::size(kSizes));
  std::vector<TensorView> inputs = {{canvases.data(), {images, 3, kCanvas.height, kCanvas.width}}};
  for (const int stride : masked.strides) masks.push_back(make_masks(stride, more));
  for (std::size_t i = 0; i < masks.size(); ++i) {
    const int stride = masked.strides[i];
    inputs.push_back({masks[i].data(), {images, 1, kCanvas.height / stride, kCanvas.width / stride}});
  }
  for (std::size_t i = 0; i < std::size(kSizes); ++i) {
    place(make_planes(known, i), kSizes[i], canvases.data() + i * canvas_floats);
  }
  return run(inputs);
}

}  // namespace

const KnownDetector kCenterFaceFacts = {{4, 4, 4, 4}, true};
const KnownDetector kScrfdFacts = {{8, 16, 32, 8, 16, 32, 8, 16, 32}, false, 127.5F, 1 / 128.0F};

std::vector<std::vector<Floats>> run_rectangles(const RunModel& whole, const KnownDetector& known) {
  std::vector<std::vector<Floats>> alone;
  for (std::size_t i = 0; i < std::size(kSizes); ++i) {
    const Floats planes = make_planes(known, i);
    const TensorView input{planes.data(), {1, 3, kSizes[i].height, kSizes[i].width}};
    alone.push_back(whole({&input, 1}));
  }
  return alone;
}

float largest_difference(const std::vector<std::vector<Floats>>& alone, const RunModel& run, const MaskedModel& masked,
                         const KnownDetector& known, std::int64_t more) {
  const std::vector<Floats> together = run_canvases(run, masked, known, more);
  float worst = 0;
  for (std::size_t output = 0; output < known.strides.size(); ++output) {
    const std::int64_t stride = known.strides[output];
    const std::int64_t canvas_cells = kCanvas.width / stride * (kCanvas.height / stride);
    const std::size_t of_image = together[output].size() / std::size(kSizes);
    float least = INFINITY;
    float most = -INFINITY;
    float difference = 0;
    for (std::size_t i = 0; i < std::size(kSizes); ++i) {
      const std::int64_t columns = kSizes[i].width / stride;
      const std::int64_t cells = columns * (kSizes[i].height / stride);
      const std::int64_t values = static_cast<std::int64_t>(alone[i][output].size()) / cells;
      for (std::int64_t at = 0; at < cells * values; ++at) {
        const std::int64_t cell = known.is_planar ? at % cells : at / values;
        const std::int64_t value = known.is_planar ? at / cells : at % values;
        const std::int64_t there = cell / columns * (kCanvas.width / stride) + cell % columns;
        const std::int64_t place = known.is_planar ? value * canvas_cells + there : there * values + value;
        const float wanted = alone[i][output][static_cast<std::size_t>(at)];
        least = std::min(least, wanted);
        most = std::max(most, wanted);
        const float given = together[output][i * of_image + static_cast<std::size_t>(place)];
        difference = std::isfinite(given) ? std::max(difference, std::abs(given - wanted)) : INFINITY;
      }
    }
    // Scores of noise are hundredths, and ONNX Runtime rounds a sigmoid as 1 is rounded: that much is no difference.
    constexpr float kRounding = 2.5e-7F;
    worst = std::max(worst, std::max(0.0F, difference - kRounding) / std::max(most - least, 1e-6F));
  }
  return worst;
}

}  // namespace mien::test
