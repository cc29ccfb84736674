#include "models/mask.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "models/detectors.h"
#include "models/load.h"
#include "models/mask_probe.h"
#include "support/freed_model.h"
#include "support/graph_writer.h"
#include "support/tiny_models.h"

namespace mien {
namespace {

using test::ByteVector;
using test::GraphWriter;
using test::integer_attribute;
using test::ints_attribute;
using test::string_attribute;
using Floats = std::vector<float>;

struct Size {
  std::int64_t width;
  std::int64_t height;
};

constexpr Size kCanvas = {192, 160};
constexpr Size kSizes[] = {{96, 160}, {192, 64}, {128, 128}, {64, 96}};

// What a test knows of a detector, by its publication and not by mien's row.
struct Known {
  std::vector<std::int64_t> strides;  // of its outputs
  bool is_planar = false;             // [N, values, rows, columns], else a row a cell and anchor
  float mean = 0;
  float scale = 1;
};
const Known kCenterFaceFacts = {{4, 4, 4, 4}, true};
const Known kScrfdFacts = {{8, 16, 32, 8, 16, 32, 8, 16, 32}, false, 127.5F, 1 / 128.0F};

Floats make_planes(const Known& known, const Size& size, unsigned seed) {
  std::mt19937 random(seed);
  Floats planes(static_cast<std::size_t>(3 * size.width * size.height));
  for (float& value : planes) value = (static_cast<float>(random() % 256) - known.mean) * known.scale;
  return planes;
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

class Mask : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { runtime = open_onnxruntime(test::plain_settings()); }
  static void TearDownTestSuite() { runtime.reset(); }

  static std::unique_ptr<Session> open(Bytes model) { return runtime->create_session(model, "the model"); }

  // A detector as a device is given it.
  static std::unique_ptr<Detector> load(const std::string& path) {
    ModelFile file;
    file.info.name = "detector.onnx";
    file.info.path = path;
    file.info.role = "detector";
    return load_detector(*runtime, file, {.keep_model = true});
  }
  std::unique_ptr<Detector> load(const ByteVector& model) { return load(folder.add("model.onnx", model)); }

  static Detector detector_of(const DetectorKind& kind, const ByteVector& model, bool batch_is_free = true) {
    Detector detector;
    detector.kind = &kind;
    detector.model = std::make_shared<const ByteVector>(model);
    detector.batch_is_free = batch_is_free;
    return detector;
  }

  static inline std::unique_ptr<Runtime> runtime;
  test::ScratchFolder folder;
};

// The largest difference of any value inside a rectangle on the canvas from that of the rectangle alone, as a share of
// what its output spans.
float largest_difference(const Session& whole, const Session& session, const MaskedModel& masked, const Known& known,
                         std::int64_t more = 0) {
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
  std::vector<Outputs> alone;
  for (std::size_t i = 0; i < std::size(kSizes); ++i) {
    const Floats planes = make_planes(known, kSizes[i], static_cast<unsigned>(i + 40));
    place(planes, kSizes[i], canvases.data() + i * canvas_floats);
    const TensorView input{planes.data(), {1, 3, kSizes[i].height, kSizes[i].width}};
    alone.push_back(whole.run({&input, 1}));
  }
  const Outputs together = session.run(inputs);
  float worst = 0;
  for (std::size_t output = 0; output < known.strides.size(); ++output) {
    const std::int64_t stride = known.strides[output];
    const std::int64_t canvas_cells = kCanvas.width / stride * (kCanvas.height / stride);
    const std::size_t of_image = together[output].count() / std::size(kSizes);
    float least = INFINITY;
    float most = -INFINITY;
    float difference = 0;
    for (std::size_t i = 0; i < std::size(kSizes); ++i) {
      const std::int64_t columns = kSizes[i].width / stride;
      const std::int64_t cells = columns * (kSizes[i].height / stride);
      const std::int64_t values = static_cast<std::int64_t>(alone[i][output].count()) / cells;
      for (std::int64_t at = 0; at < cells * values; ++at) {
        const std::int64_t cell = known.is_planar ? at % cells : at / values;
        const std::int64_t value = known.is_planar ? at / cells : at % values;
        const std::int64_t there = cell / columns * (kCanvas.width / stride) + cell % columns;
        const std::int64_t place = known.is_planar ? value * canvas_cells + there : there * values + value;
        const float wanted = alone[i][output].data[at];
        least = std::min(least, wanted);
        most = std::max(most, wanted);
        const float given = together[output].data[i * of_image + static_cast<std::size_t>(place)];
        difference = std::isfinite(given) ? std::max(difference, std::abs(given - wanted)) : INFINITY;
      }
    }
    // Scores of noise are hundredths, and ONNX Runtime rounds a sigmoid as 1 is rounded: that much is no difference.
    constexpr float kRounding = 2.5e-7F;
    worst = std::max(worst, std::max(0.0F, difference - kRounding) / std::max(most - least, 1e-6F));
  }
  return worst;
}

// What must show: equal inside, and that this is no accident.
void expect_masked(const Session& whole, const Session& session, const MaskedModel& masked, const Known& known) {
  const std::vector<int> strides(known.strides.begin(), known.strides.end());
  EXPECT_EQ(masked.output_strides, strides);
  const float difference = largest_difference(whole, session, masked, known);
  ::testing::Test::RecordProperty("difference", std::to_string(difference));
  EXPECT_LE(difference, 1e-5F);
  EXPECT_GT(largest_difference(whole, session, masked, known, 1), 1e-2F) << "masks one cell too large";
  EXPECT_GT(largest_difference(whole, session, masked, known, -1), 1e-2F) << "masks one cell too small";
}

// A real detector that falls to rectangles fails here.
TEST_F(Mask, CenterFace) {
  const std::unique_ptr<Detector> detector = load(test::deps_path("models/centerface.onnx"));
  const Result<MaskedModel> masked = mask_model(*detector->model);
  ASSERT_TRUE(masked) << masked.error().message;
  EXPECT_EQ(masked->strides, (std::vector<int>{2, 4, 8, 16, 32}));
  EXPECT_EQ(masked->masked_values, 18);
  expect_masked(*open(*detector->model), *open(masked->model), *masked, kCenterFaceFacts);
  const MaskProbe probe = probe_mask(*runtime, *detector, *masked);
  EXPECT_EQ(probe.problem, "");
  EXPECT_EQ(probe.layout, BatchLayout::plain);
}

TEST_F(Mask, Scrfd) {
  const std::unique_ptr<Detector> detector = load(test::deps_path("test-models/scrfd_2.5g_static640.onnx"));
  ASSERT_EQ(detector->kind, &kScrfd);
  const Result<MaskedModel> masked = mask_model(*detector->model);
  ASSERT_TRUE(masked) << masked.error().message;
  EXPECT_EQ(masked->strides, (std::vector<int>{2, 4, 8, 16, 32}));
  EXPECT_EQ(masked->masked_values, 42);
  expect_masked(*open(*detector->model), *open(masked->model), *masked, kScrfdFacts);
  const MaskProbe probe = probe_mask(*runtime, *detector, *masked);
  EXPECT_EQ(probe.problem, "");
  EXPECT_EQ(probe.layout, BatchLayout::plain);
}

}  // namespace
}  // namespace mien
