// Thumbnails and enhancement by device graphs against the CPU's code.
#include "ops/enhance_graph.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>

#include "ops/crop.h"
#include "ops/enhance.h"
#include "ops/graph_cases.h"
#include "ops/quality.h"
#include "ops/quality_graph.h"
#include "ops/resample_graph.h"

namespace mien {
namespace {

using test::GraphRunner;

class EnhanceGraphs : public test::GraphTest {};

MIEN_TEST_ON_ALL_PROVIDERS(EnhanceGraphs);

// An image that a graph gave, and where it lies in its bytes.
struct DeviceResult {
  HostValues values;
  DeviceImage image;

  HostTensor flat() const {
    return {ElementType::u8, {static_cast<std::int64_t>(values.bytes.size())}, values.bytes.data()};
  }
  HostTensor whole() const { return {ElementType::u8, values.shape, values.bytes.data()}; }
};

DeviceResult run_step(const GraphRunner& runner, const HostTensor& pixels, const DeviceImage& image,
                      const ResampleStep& step) {
  ResampleInputs inputs(image, step, ResampleFilter::lanczos);
  std::vector<HostValues> outputs;
  HostTensor sums = inputs.first_sums();
  for (int run = 0; run < inputs.runs(); ++run) {
    std::vector<HostTensor> tensors = inputs.tensors(run);
    tensors.insert(tensors.begin(), {pixels, sums});
    std::vector<HostValues> next = runner.run(tensors);
    outputs = std::move(next);
    sums = {ElementType::i32, outputs[0].shape, outputs[0].bytes.data()};
  }
  return {std::move(outputs[1]), inputs.result()};
}

// How far two images are apart at most; 256 where their sizes differ.
int furthest(const Image& a, const Image& b) {
  if (a.width() != b.width() || a.height() != b.height() || a.channels() != b.channels()) return 256;
  int most = 0;
  for (std::size_t i = 0; i < a.size_bytes(); ++i) most = std::max(most, std::abs(a.data()[i] - b.data()[i]));
  return most;
}

// Whole numbers with the same weights: equal to the last bit, which is less than the level that would be allowed.
TEST_P(EnhanceGraphs, ThumbnailIsTheCpus) {
  const auto runner = open(make_resample_graph());
  for (const Image& picture : test::make_pictures()) {
    for (const int side : {256, 40}) {
      Image wanted;
      make_thumbnail(picture, side, side, wanted);
      PackedPixels pixels;
      DeviceResult result{{}, pixels.add(picture)};
      const HostTensor source = pixels.bytes();
      bool is_first = true;
      for (const ResampleStep& step :
           plan_resample(picture.width(), picture.height(), wanted.width(), wanted.height())) {
        result = run_step(*runner, is_first ? source : result.flat(), result.image, step);
        is_first = false;
      }
      if (is_first) continue;  // the picture is its own thumbnail
      EXPECT_EQ(furthest(read_image(result.image, result.values.bytes), wanted), 0)
          << picture.width() << " x " << picture.height() << " to " << side;
    }
  }
}

// Twelve megapixels: windows of about a hundred pixels, in many runs.
TEST_P(EnhanceGraphs, ThumbnailOfALargePhoto) {
  const Image picture = test::scale_pixels(test::load_photo("solvay_conference_1927.jpg"), 4000, 3000);
  Image wanted;
  make_thumbnail(picture, 256, 256, wanted);
  const auto runner = open(make_resample_graph());
  PackedPixels pixels;
  const DeviceImage where = pixels.add(picture);
  const DeviceResult narrow = run_step(*runner, pixels.bytes(), where, {true, wanted.width()});
  const DeviceResult result = run_step(*runner, narrow.flat(), narrow.image, {false, wanted.height()});
  EXPECT_EQ(furthest(read_image(result.image, result.values.bytes), wanted), 0);
}

class Enhancer {
 public:
  explicit Enhancer(std::array<std::unique_ptr<GraphRunner>, 3> runners) : runners_(std::move(runners)) {}

  DeviceResult enhance(const Image& picture) const {
    PackedPixels pixels;
    const DeviceImage where = pixels.add(picture);
    const PixelSize size = enhanced_size(picture.width(), picture.height());
    const DeviceResult wide = run_step(*runners_[0], pixels.bytes(), where, {true, size.width});
    DeviceResult large = run_step(*runners_[0], wide.flat(), wide.image, {false, size.height});
    EnhanceInputs inputs(large.image, large.values.shape[0], large.values.shape[1]);
    std::vector<HostTensor> tensors = inputs.gray_tensors();
    tensors.insert(tensors.begin(), large.whole());
    const std::vector<HostValues> sums = runners_[1]->run(tensors);
    tensors = inputs.enhance_tensors(sums[0].floats());
    tensors.insert(tensors.begin(), large.whole());
    std::vector<HostValues> enhanced = runners_[2]->run(tensors);
    return {std::move(enhanced[0]), large.image};
  }

 private:
  std::array<std::unique_ptr<GraphRunner>, 3> runners_;
};

// Likewise equal to the last bit.
TEST_P(EnhanceGraphs, EnhancementIsTheCpus) {
  const Enhancer enhancer({open(make_resample_graph()), open(make_gray_sum_graph()), open(make_enhance_graph())});
  std::vector<Image> pictures;
  for (Image& picture : test::make_pictures()) {
    if (picture.width() < 500) pictures.push_back(std::move(picture));
  }
  pictures.push_back(test::scale_pixels(test::load_photo("biden.jpg"), 130, 170));
  pictures.push_back(test::make_scene(test::Scene::noise, 2, 1900, 3));  // the scale is no whole number
  pictures.push_back(test::make_scene(test::Scene::edges, 3, 4100, 1));  // and 1 where a side is long enough
  pictures.push_back(test::make_scene(test::Scene::noise, 1, 30, 3));
  for (const Image& picture : pictures) {
    Image wanted;
    enhance_pixels(picture, wanted);
    const DeviceResult result = enhancer.enhance(picture);
    EXPECT_EQ(furthest(read_image(result.image, result.values.bytes), wanted), 0)
        << picture.width() << " x " << picture.height() << " x " << picture.channels();
  }
}

// The enhanced image is where another graph can read it, column by column.
TEST_P(EnhanceGraphs, QualityReadsAnEnhancedImage) {
  const Enhancer enhancer({open(make_resample_graph()), open(make_gray_sum_graph()), open(make_enhance_graph())});
  const Image picture = test::scale_pixels(test::load_photo("obama.jpg"), 120, 90);
  Image enhanced;
  enhance_pixels(picture, enhanced);
  const Quality wanted = measure_quality(enhanced);
  const DeviceResult result = enhancer.enhance(picture);
  QualityInputs inputs;
  inputs.add(result.image);
  const std::size_t tiles = quality_bucket(inputs.tiles());
  const std::vector<HostValues> sums = open(make_quality_graph())->run({result.flat(), inputs.tensor(0, tiles)});
  const Quality found = inputs.measure(sums[0].floats()).front();
  EXPECT_NEAR(found.brightness, wanted.brightness, 1e-6);
  EXPECT_NEAR(found.contrast, wanted.contrast, 1e-6);
  EXPECT_NEAR(found.blur_score, wanted.blur_score, 1e-6 * wanted.blur_score);
}

}  // namespace
}  // namespace mien
