// How a detector's outputs hold several images, found by comparing runs, and the noise that models are tried with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "ops/detect.h"

namespace mien {

enum class BatchLayout {
  one_by_one,    // several images at once give other numbers than each alone, or nothing
  plain,         // one image after the other
  within_cells,  // [cells, images, anchors]: exports of SCRFD that Transpose by (2, 3, 0, 1) before their Reshape
};

// The values of each output of one run.
using OutputValues = std::vector<std::vector<float>>;

// Says how `pair`, the outputs of a run with two images, holds those of each: values may differ by a thousandth.
BatchLayout batch_layout_of(const OutputLayout& outputs, const OutputValues& first, const OutputValues& second,
                            const OutputValues& pair);

// So many levels of 0 to 255 by chance, the same ones for a seed; and these as a model is fed them.
std::vector<std::uint8_t> make_noise_levels(std::size_t count, unsigned seed = 1);
std::vector<float> make_noise(const Feed& feed, std::size_t count, unsigned seed = 1);

// Runs a detector's model, wherever that is, over planes of this shape. Throws Exception.
using RunModel = std::function<OutputValues(std::span<const float> planes, const Shape& shape)>;

// Says how the detector's outputs hold several images. A model whose batch was freed is trusted with several once it
// gave for two what it gives for each. Throws what `run` throws for one image, and OutOfDeviceMemory for two.
BatchLayout find_batch_layout(const Detector& detector, const RunModel& run);

}  // namespace mien
