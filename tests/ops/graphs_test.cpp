// The letterbox, the warp and quality as device graphs against the CPU's code, by one list of cases for all providers.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "image/orientation.h"
#include "ops/align.h"
#include "ops/crop.h"
#include "ops/graph_cases.h"
#include "ops/letterbox_graph.h"
#include "ops/quality.h"
#include "ops/quality_graph.h"
#include "ops/warp_graph.h"

namespace mien {
namespace {

using test::GraphRunner;
using test::with_pixels;

class Graphs : public test::GraphTest {};

MIEN_TEST_ON_ALL_PROVIDERS(Graphs);

struct LetterboxCase {
  Feed feed;
  int canvas_width;
  int canvas_height;
};

constexpr Feed kScrfdFeed = {.mean = 127.5F, .scale = 1.0F / 128.0F, .bgr = false};
constexpr LetterboxCase kLetterboxCases[] = {{kScrfdFeed, 320, 256},
                                             {{.mean = 0, .scale = 1, .bgr = true}, 64, 160},
                                             {{.mean = 127.5F, .scale = 0.0078F}, 96, 96}};

LetterboxSize fit(int width, int height, int canvas_width, int canvas_height) {
  const double scale = std::min(static_cast<double>(canvas_width) / width, static_cast<double>(canvas_height) / height);
  return {std::clamp(static_cast<int>(width * scale), 1, canvas_width),
          std::clamp(static_cast<int>(height * scale), 1, canvas_height), canvas_width, canvas_height};
}

std::size_t count_different_bits(std::span<const float> a, std::span<const float> b) {
  std::size_t different = a.size() == b.size() ? 0 : a.size() + b.size();
  for (std::size_t i = 0; different < a.size() && i < a.size(); ++i) {
    different += std::memcmp(&a[i], &b[i], sizeof(float)) != 0;
  }
  return different;
}

// The canvases of several views in one run, by the CPU's code and by the graph.
class LetterboxComparison {
 public:
  explicit LetterboxComparison(const LetterboxCase& row) : case_(row), inputs_(row.canvas_width, row.canvas_height) {}

  // `pixels` is what the CPU reads, `where` the same on the device.
  void add(ImageView pixels, const DeviceImage& where) {
    const LetterboxSize size = fit(pixels.width, pixels.height, case_.canvas_width, case_.canvas_height);
    inputs_.add(where, size, case_.feed);
    const std::size_t floats = static_cast<std::size_t>(3 * case_.canvas_width * case_.canvas_height);
    expected_.resize(expected_.size() + floats);
    ResizeScratch scratch;
    letterbox_into(pixels, size, case_.feed, scratch, expected_.data() + expected_.size() - floats);
  }

  std::size_t different(const GraphRunner& runner, PackedPixels& pixels) {
    const std::vector<HostValues> outputs = runner.run(with_pixels(pixels, inputs_.tensors()));
    return count_different_bits(outputs[0].floats(), expected_);
  }

 private:
  LetterboxCase case_;
  LetterboxInputs inputs_;
  std::vector<float> expected_;
};

// Whole numbers until the last two steps, which each provider does in the same order: equal to the last bit.
TEST_P(Graphs, LetterboxIsTheCpusToTheLastBit) {
  const std::vector<Image> pictures = test::make_pictures();
  for (const LetterboxCase& row : kLetterboxCases) {
    const auto runner = open(make_letterbox_graph(row.feed));
    PackedPixels pixels;
    LetterboxComparison comparison(row);
    for (const Image& picture : pictures) {
      const DeviceImage where = pixels.add(picture);
      comparison.add(picture, where);
      if (picture.width() < 40) continue;
      const ImageView part = picture.view().crop(7, 3, 30, picture.height() - 5);
      comparison.add(part, where.crop(7, 3, 30, picture.height() - 5));
      // A crop of exactly the canvas's width is copied without scaling.
      if (picture.width() > row.canvas_width && picture.height() > 90) {
        comparison.add(picture.view().crop(1, 1, row.canvas_width, 80), where.crop(1, 1, row.canvas_width, 80));
      }
    }
    EXPECT_EQ(comparison.different(*runner, pixels), 0U) << row.canvas_width;
  }
}

TEST_P(Graphs, LetterboxReadsTurnedViews) {
  const Image stored = test::make_scene(test::Scene::noise, 50, 33, 3);
  const auto runner = open(make_letterbox_graph(kScrfdFeed));
  PackedPixels pixels;
  const DeviceImage where = pixels.add(stored);
  LetterboxComparison comparison({kScrfdFeed, 64, 64});
  for (int orientation = 1; orientation <= 8; ++orientation) {
    Image upright;
    apply_orientation(stored, orientation, upright);
    comparison.add(upright, where.turned(orientation));
  }
  EXPECT_EQ(comparison.different(*runner, pixels), 0U);
}

// The five points of a face as a detector would give them: the template's, scaled, turned and moved.
Landmarks place_face(double scale, double turn, double x, double y) {
  constexpr double kPoints[5][2] = {{38.3, 51.7}, {73.5, 51.5}, {56.0, 71.7}, {41.5, 92.4}, {70.7, 92.2}};
  Landmarks landmarks{};
  for (std::size_t i = 0; i < landmarks.size(); ++i) {
    const double u = (kPoints[i][0] - 56) * scale, v = (kPoints[i][1] - 72) * scale;
    landmarks[i] = {static_cast<float>(x + u * std::cos(turn) - v * std::sin(turn)),
                    static_cast<float>(y + u * std::sin(turn) + v * std::cos(turn))};
  }
  return landmarks;
}

struct WarpCase {
  double scale, turn, x, y;  // the face's centre in parts of the image's sides
};
// Small and large, turned, upside down, half outside, far outside.
constexpr WarpCase kWarpCases[] = {{0.3, 0, 0.5, 0.5}, {1, 0.3, 0.4, 0.6}, {4, -0.2, 0.5, 0.5}, {1, 3.1, 0.5, 0.5},
                                   {2, 0.1, 0, 1},     {1, 0, 50, -70},    {0.02, 1, 0.5, 0.5}, {30, 0, 0.1, 0.2}};

// Levels differ where a value lies half way between two of them but for the rounding of positions (float32 on the
// device, float64 on the CPU): one level then, rarely.
TEST_P(Graphs, WarpIsTheCpusWithinOneLevel) {
  constexpr Feed kFeed = {.mean = 127.5F, .scale = 1.0F / 127.5F, .bgr = true};
  const auto runner = open(make_warp_graph(kFeed));
  const std::vector<Image> pictures = test::make_pictures();
  PackedPixels pixels;
  WarpInputs inputs;
  std::vector<float> expected;
  constexpr std::size_t kFloats = std::size_t{3} * kAlignedSide * kAlignedSide;
  for (const Image& picture : pictures) {
    const DeviceImage where = pixels.add(picture);
    for (const WarpCase& row : kWarpCases) {
      const Landmarks face = place_face(row.scale, row.turn, row.x * picture.width(), row.y * picture.height());
      const auto alignment = estimate_alignment(face);
      ASSERT_TRUE(alignment);
      inputs.add(where, *alignment, kFeed);
      expected.resize(expected.size() + kFloats);
      warp_aligned_into(picture, *alignment, kFeed, expected.data() + expected.size() - kFloats);
    }
  }
  inputs.fill_up(64);
  const std::vector<HostValues> outputs = runner->run(with_pixels(pixels, inputs.tensors()));
  const std::span<const float> planes = outputs[0].floats();
  ASSERT_EQ(planes.size(), 64 * kFloats);
  std::size_t different = 0;
  float furthest = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const float levels = std::abs(planes[i] - expected[i]) / kFeed.scale;
    furthest = std::max(furthest, levels);
    different += levels > 0.5F;
  }
  EXPECT_LE(furthest, 1.001F);
  EXPECT_LE(static_cast<double>(different), 0.002 * static_cast<double>(expected.size()));
  RecordProperty("different", std::to_string(different) + " of " + std::to_string(expected.size()));
}

struct QualityCase {
  Image picture;
  int x = 0, y = 0, width = 0, height = 0;
};

std::vector<QualityCase> make_quality_cases() {
  std::vector<QualityCase> cases;
  for (Image& picture : test::make_pictures()) {
    const int width = picture.width(), height = picture.height();
    cases.push_back({test::copy_pixels(picture), 0, 0, width, height});
    cases.push_back({test::copy_pixels(picture), width / 2, 0, 1, height});
    cases.push_back({test::copy_pixels(picture), 0, height / 2, width, 1});
    cases.push_back({test::copy_pixels(picture), width / 2, height / 2, 1, 1});
    if (width > 300 && height > 300) cases.push_back({std::move(picture), 100, 50, 128, 129});
  }
  cases.push_back({test::make_flat(140, 2, 3, 200), 0, 0, 140, 2});
  cases.push_back({test::make_flat(2, 300, 1, 255), 0, 0, 2, 300});
  cases.push_back({test::make_flat(129, 129, 3, 0), 0, 0, 129, 129});
  return cases;
}

// All sums but the gradient's are exact; that one's 16384 square roots and their sum are 32-bit floats, good to some
// 1e-6 in all.
void expect_equal_quality(const Quality& got, const Quality& wanted) {
  const auto tolerance = [](double value) { return 1e-5 * std::max(1e-3, std::abs(value)); };
  EXPECT_NEAR(got.blur_score, wanted.blur_score, tolerance(wanted.blur_score) * 1e-3);
  EXPECT_NEAR(got.brightness, wanted.brightness, tolerance(wanted.brightness) * 1e-3);
  EXPECT_NEAR(got.contrast, wanted.contrast, tolerance(wanted.contrast) * 1e-3);
  EXPECT_NEAR(got.sharpness, wanted.sharpness, tolerance(wanted.sharpness));
  EXPECT_NEAR(got.overall_score, wanted.overall_score, tolerance(wanted.overall_score));
}

std::vector<Quality> measure_on(const GraphRunner& runner, PackedPixels& pixels, QualityInputs& inputs) {
  std::vector<float> sums;
  while (sums.size() < inputs.tiles() * 7) {
    const std::size_t first = sums.size() / 7;
    const std::size_t count = quality_bucket(inputs.tiles() - first);
    const std::vector<HostValues> outputs = runner.run(with_pixels(pixels, {inputs.tensor(first, count)}));
    sums.insert(sums.end(), outputs[0].floats().begin(), outputs[0].floats().end());
  }
  return inputs.measure(sums);
}

TEST_P(Graphs, QualityIsTheCpus) {
  const auto runner = open(make_quality_graph());
  const std::vector<QualityCase> cases = make_quality_cases();
  PackedPixels pixels;
  QualityInputs inputs;
  for (const QualityCase& row : cases) inputs.add(pixels.add(row.picture).crop(row.x, row.y, row.width, row.height));
  const std::vector<Quality> measures = measure_on(*runner, pixels, inputs);
  ASSERT_EQ(measures.size(), cases.size());
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const QualityCase& row = cases[i];
    SCOPED_TRACE(std::to_string(i) + ": " + std::to_string(row.width) + " x " + std::to_string(row.height));
    expect_equal_quality(measures[i], measure_quality(row.picture.view().crop(row.x, row.y, row.width, row.height)));
  }
}

// Besides the pixels little goes up: below 5 % of them for a small picture that is looked at twice, has one face and
// is measured; detectors with candidates above the threshold add two numbers and 16 anchors a look.
TEST(GraphInputs, AreSmallBesideThePixels) {
  const auto bytes_of = [](const std::vector<HostTensor>& tensors) {
    std::size_t bytes = 0;
    for (const HostTensor& tensor : tensors) bytes += element_count(tensor.shape) * element_bytes(tensor.type);
    return bytes;
  };
  PackedPixels pixels;
  const DeviceImage where = pixels.add(test::make_flat(320, 240, 3, 90));
  LetterboxInputs large(320, 256), small(128, 96);
  large.add(where, {320, 240, 320, 256}, kScrfdFeed);
  small.add(where, {128, 96, 128, 96}, kScrfdFeed);
  WarpInputs warp;
  warp.add(where, {}, kScrfdFeed);
  QualityInputs quality;
  quality.add(where.crop(50, 20, 200, 210));
  const std::size_t candidates = 2 * (1 + 16) * sizeof(float);
  const std::size_t bytes = bytes_of(large.tensors()) + bytes_of(small.tensors()) + bytes_of(warp.tensors()) +
                            bytes_of({quality.tensor(0, quality_bucket(quality.tiles()))}) + candidates;
  EXPECT_LT(static_cast<double>(bytes), 0.05 * 320 * 240 * 3);
}

TEST_P(Graphs, QualityOfALargePhoto) {
  const auto runner = open(make_quality_graph());
  // Twelve megapixels take minutes on a GPU in software; there, just enough for two runs.
  const bool is_slow = GetParam() == test::Provider::gpu && test::is_real_gpu_software();
  const PixelSize size = is_slow ? PixelSize{1500, 700} : PixelSize{4000, 3000};
  const Image picture = test::scale_pixels(test::load_photo("solvay_conference_1927.jpg"), size.width, size.height);
  PackedPixels pixels;
  QualityInputs inputs;
  inputs.add(pixels.add(picture));
  EXPECT_GT(inputs.tiles(), kQualityTilesMax);
  expect_equal_quality(measure_on(*runner, pixels, inputs).front(), measure_quality(picture));
}

// The comparison sees a graph that is wrong by a trifle: the last sum is rounded with 1 of 4 added instead of 2.
TEST_P(Graphs, AWrongLetterboxIsSeen) {
  Graph graph = make_letterbox_graph(kScrfdFeed);
  GraphConstant* rounding = nullptr;
  for (GraphConstant& constant : graph.constants) {
    if (constant.type == ElementType::i32 && constant.bytes == test::ByteVector{2, 0, 0, 0}) rounding = &constant;
  }
  ASSERT_NE(rounding, nullptr);
  rounding->bytes[0] = 1;
  const auto runner = open(graph);
  const Image picture = test::load_photo("astronaut.png");
  PackedPixels pixels;
  LetterboxComparison comparison(kLetterboxCases[0]);
  comparison.add(picture, pixels.add(picture));
  EXPECT_GT(comparison.different(*runner, pixels), 1000U);
}

}  // namespace
}  // namespace mien
