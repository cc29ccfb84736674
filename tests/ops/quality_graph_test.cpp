// Quality as a device graph against the CPU's code.
#include "ops/quality_graph.h"

#include <algorithm>
#include <cmath>

#include "ops/crop.h"
#include "ops/graph_cases.h"
#include "ops/quality.h"

namespace mien {
namespace {

using test::GraphRunner;
using test::with_pixels;

class QualityGraphs : public test::GraphTest {};

MIEN_TEST_ON_ALL_PROVIDERS(QualityGraphs);

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

TEST_P(QualityGraphs, AreTheCpus) {
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

TEST_P(QualityGraphs, MeasureALargePhoto) {
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

}  // namespace
}  // namespace mien
