#include "models/mask_probe.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace mien {
namespace {

struct Rectangle {
  std::int64_t width;
  std::int64_t height;
};

// The canvas differs down and across, so that neither is taken for the other; so do the rectangles. One ends at the
// canvas's right border, one at its lower one.
constexpr Rectangle kCanvas = {160, 128};
constexpr std::array<Rectangle, 3> kRectangles = {{{96, 64}, {160, 96}, {64, 128}}};

using Floats = std::vector<float>;

std::int64_t area(const Rectangle& size) { return size.width * size.height; }

Shape image_shape(std::int64_t images, const Rectangle& size) { return {images, 3, size.height, size.width}; }

OutputValues run(const Session& session, std::span<const TensorView> inputs) {
  const Outputs outputs = session.run(inputs);
  OutputValues values;
  for (const TensorView& output : outputs.tensors()) values.emplace_back(output.data, output.data + output.count());
  return values;
}

OutputValues run(const Session& session, std::span<const float> planes, const Shape& shape) {
  const TensorView input{planes.data(), shape};
  return run(session, {&input, 1});
}

BatchLayout find_layout(const Session& session, const Detector& detector) {
  return find_batch_layout(
      detector, [&](std::span<const float> planes, const Shape& shape) { return run(session, planes, shape); });
}

// A canvas for each of some rectangles: their noise, 0 outside of it, and a mask a stride.
struct Canvases {
  Floats planes;
  std::vector<Floats> masks;
};

void fill(Floats& plane, std::size_t at, const Rectangle& canvas, const Rectangle& inside, const float* values) {
  for (std::int64_t row = 0; row < inside.height; ++row) {
    for (std::int64_t column = 0; column < inside.width; ++column) {
      plane[at + static_cast<std::size_t>(row * canvas.width + column)] =
          values == nullptr ? 1.0F : values[row * inside.width + column];
    }
  }
}

Rectangle cells_of(const Rectangle& size, int stride) { return {size.width / stride, size.height / stride}; }

Canvases make_canvases(std::span<const Rectangle> rectangles, std::span<const Floats> noise,
                       std::span<const int> strides) {
  Canvases canvases;
  const auto plane_floats = static_cast<std::size_t>(area(kCanvas));
  canvases.planes.resize(rectangles.size() * 3 * plane_floats);
  for (std::size_t i = 0; i < rectangles.size(); ++i) {
    for (std::size_t channel = 0; channel < 3; ++channel) {
      fill(canvases.planes, (3 * i + channel) * plane_floats, kCanvas, rectangles[i],
           noise[i].data() + channel * static_cast<std::size_t>(area(rectangles[i])));
    }
  }
  for (const int stride : strides) {
    const Rectangle cells = cells_of(kCanvas, stride);
    Floats mask(rectangles.size() * static_cast<std::size_t>(area(cells)));
    for (std::size_t i = 0; i < rectangles.size(); ++i) {
      fill(mask, i * static_cast<std::size_t>(area(cells)), cells, cells_of(rectangles[i], stride), nullptr);
    }
    canvases.masks.push_back(std::move(mask));
  }
  return canvases;
}

// How the values of an output lie: those of some images, each of so many cells.
struct Places {
  Rectangle cells;
  std::int64_t images;
  std::int64_t values;  // of a cell
  bool is_planar;
  BatchLayout layout;

  std::size_t place(std::int64_t image, std::int64_t row, std::int64_t column, std::int64_t value) const {
    const std::int64_t cell = row * cells.width + column;
    if (is_planar) return static_cast<std::size_t>((image * values + value) * area(cells) + cell);
    if (layout == BatchLayout::within_cells) {
      return static_cast<std::size_t>((cell * images + image) * values + value);
    }
    return static_cast<std::size_t>((image * area(cells) + cell) * values + value);
  }
};

class Probe {
 public:
  Probe(const Detector& detector, const MaskedModel& masked, const Session& whole, const Session& session,
        BatchLayout layout)
      : detector_(detector), masked_(masked), whole_(whole), session_(session), layout_(layout) {}

  // Returns what differs, or nothing.
  std::string find_problem() const {
    std::vector<Floats> noise;
    std::vector<OutputValues> alone;
    for (std::size_t i = 0; i < kRectangles.size(); ++i) {
      const std::size_t floats = static_cast<std::size_t>(3 * area(kRectangles[i]));
      noise.push_back(make_noise(detector_.kind->feed, floats, static_cast<unsigned>(3 + i)));
      alone.push_back(run(whole_, noise.back(), image_shape(1, kRectangles[i])));
    }
    const std::size_t batch = layout_ == BatchLayout::one_by_one ? 1 : kRectangles.size();
    for (std::size_t first = 0; first < kRectangles.size(); first += batch) {
      const std::span<const Rectangle> rectangles = std::span(kRectangles).subspan(first, batch);
      const OutputValues together = run_canvases(rectangles, std::span(noise).subspan(first, batch));
      for (std::size_t i = 0; i < batch; ++i) {
        std::string problem = compare(alone[first + i], together, i, rectangles);
        if (!problem.empty()) return problem;
      }
    }
    return {};
  }

 private:
  OutputValues run_canvases(std::span<const Rectangle> rectangles, std::span<const Floats> noise) const {
    const Canvases canvases = make_canvases(rectangles, noise, masked_.strides);
    const auto images = static_cast<std::int64_t>(rectangles.size());
    std::vector<TensorView> inputs = {{canvases.planes.data(), image_shape(images, kCanvas)}};
    for (std::size_t i = 0; i < masked_.strides.size(); ++i) {
      const Rectangle cells = cells_of(kCanvas, masked_.strides[i]);
      inputs.push_back({canvases.masks[i].data(), {images, 1, cells.height, cells.width}});
    }
    return run(session_, inputs);
  }

  std::string compare(const OutputValues& alone, const OutputValues& together, std::size_t image,
                      std::span<const Rectangle> rectangles) const {
    if (alone.size() != masked_.output_strides.size() || together.size() != alone.size()) {
      return fmt::format("the model has {} outputs, the masked one {}", alone.size(), together.size());
    }
    for (std::size_t output = 0; output < alone.size(); ++output) {
      std::string problem = compare_output(output, alone[output], together[output], image, rectangles);
      if (!problem.empty()) return problem;
    }
    return {};
  }

  std::string compare_output(std::size_t output, const Floats& alone, const Floats& together, std::size_t image,
                             std::span<const Rectangle> rectangles) const {
    const std::string& name = whole_.outputs()[output].name;
    const Rectangle& rectangle = rectangles[image];
    const Rectangle cells = cells_of(rectangle, masked_.output_strides[output]);
    const Rectangle canvas_cells = cells_of(kCanvas, masked_.output_strides[output]);
    const auto images = static_cast<std::int64_t>(rectangles.size());
    const std::int64_t values = static_cast<std::int64_t>(alone.size()) / area(cells);
    if (alone.empty() || alone.size() != static_cast<std::size_t>(values * area(cells)) ||
        together.size() != static_cast<std::size_t>(images * values * area(canvas_cells))) {
      return fmt::format("output {} has {} values for a rectangle of {} x {} pixels, and {} for {} canvases", name,
                         alone.size(), rectangle.width, rectangle.height, together.size(), images);
    }
    const bool is_planar = detector_.kind->outputs.is_planar;
    const Places mine{cells, 1, values, is_planar, layout_};
    const Places theirs{canvas_cells, images, values, is_planar, layout_};
    const auto [least, most] = std::minmax_element(alone.begin(), alone.end());
    // ONNX Runtime computes a sigmoid as a half and what is added to it, so that one near 0 is rounded as 1 is.
    constexpr float kRounding = 4 * std::numeric_limits<float>::epsilon();
    const float limit = 1e-5F * (*most - *least) + kRounding * std::max({1.0F, std::abs(*least), std::abs(*most)});
    for (std::int64_t row = 0; row < cells.height; ++row) {
      for (std::int64_t column = 0; column < cells.width; ++column) {
        for (std::int64_t value = 0; value < values; ++value) {
          const float wanted = alone[mine.place(0, row, column, value)];
          const float given = together[theirs.place(static_cast<std::int64_t>(image), row, column, value)];
          if (std::abs(given - wanted) <= limit) continue;
          return fmt::format(
              "output {} of a rectangle of {} x {} pixels is {} alone and {} on a canvas, in row {} and column {}",
              name, rectangle.width, rectangle.height, wanted, given, row, column);
        }
      }
    }
    return {};
  }

  const Detector& detector_;
  const MaskedModel& masked_;
  const Session& whole_;
  const Session& session_;
  const BatchLayout layout_;
};

}  // namespace

MaskProbe probe_mask(const Runtime& runtime, const Detector& detector, const MaskedModel& masked) {
  MaskProbe probe;
  if (runtime.has_reduced_precision()) {
    probe.problem = fmt::format("{} computes in 16 bits, and cannot tell", runtime.name());
    return probe;
  }
  try {
    const std::unique_ptr<Session> whole = runtime.create_session(*detector.model, "the detector");
    probe.layout = find_layout(*whole, detector);
    const std::unique_ptr<Session> session = runtime.create_session(masked.model, "the masked detector");
    probe.problem = Probe(detector, masked, *whole, *session, probe.layout).find_problem();
  } catch (const Exception& error) {
    probe.problem = error.error().message;
  }
  return probe;
}

BatchLayout probe_batch_layout(const Runtime& runtime, const Detector& detector) {
  return find_layout(*runtime.create_session(*detector.model, "the detector"), detector);
}

}  // namespace mien
