// The part of a detector's outputs that comes down: the decoders find the same candidates in it as in the whole.
#include "ops/candidates_graph.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "models/detectors.h"
#include "ops/graph_cases.h"

namespace mien {
namespace {

using test::GraphRunner;

class CandidateGraphs : public test::GraphTest {};

MIEN_TEST_ON_ALL_PROVIDERS(CandidateGraphs);

struct DetectorCase {
  const DetectorKind* kind;
  std::size_t outputs;
  std::int64_t images;
  int width;
  int height;
  bool rows_are_flat;        // [images * anchors, values], as some exports of SCRFD have it
  bool images_within_cells;  // and in which order
  float share;               // of anchors above the threshold
};

const DetectorCase kCases[] = {
    {&kScrfd, 9, 1, 320, 256, false, false, 0.002F},   {&kScrfd, 9, 3, 96, 64, false, false, 0.05F},
    {&kScrfd, 9, 2, 64, 96, true, false, 0.05F},       {&kScrfd, 9, 2, 64, 96, true, true, 0.05F},
    {&kScrfd, 6, 1, 64, 64, true, false, 0.1F},        {&kScrfd, 10, 1, 128, 128, false, false, 0.1F},
    {&kScrfd, 15, 2, 128, 128, false, false, 0.1F},    {&kYunet, 12, 2, 160, 128, false, false, 0.02F},
    {&kCenterFace, 4, 2, 96, 64, false, false, 0.01F}, {&kCenterFace, 4, 1, 320, 320, false, false, 0.3F},
    {&kScrfd, 9, 1, 64, 64, false, false, 0.0F},
};

// Shapes as the model would give them.
std::vector<Shape> make_shapes(const DetectorCase& row) {
  const DetectorLevels levels = row.kind->outputs.levels(row.outputs);
  std::vector<Shape> shapes;
  for (std::size_t i = 0; i < row.outputs; ++i) {
    const std::size_t level = i % static_cast<std::size_t>(levels.count);
    const std::int64_t values = row.kind->outputs.values[i / static_cast<std::size_t>(levels.count)];
    const std::int64_t stride = row.kind->outputs.is_planar ? 4 : std::int64_t{8} << level;
    const std::int64_t rows = row.height / stride, columns = row.width / stride;
    const std::int64_t anchors = rows * columns * levels.anchors;
    if (row.kind->outputs.is_planar) {
      shapes.push_back({row.images, values, rows, columns});
    } else if (row.rows_are_flat) {
      shapes.push_back({row.images * anchors, values});
    } else {
      shapes.push_back({row.images, anchors, values});
    }
  }
  return shapes;
}

// Outputs of a run with all images, and the same cut into one image each, as the decoders want them.
struct DetectorOutputs {
  std::vector<Shape> shapes;
  std::vector<std::vector<float>> whole;
  std::vector<std::vector<std::vector<float>>> by_image;
};

DetectorOutputs make_outputs(const DetectorCase& row) {
  DetectorOutputs made;
  made.shapes = make_shapes(row);
  made.by_image.resize(static_cast<std::size_t>(row.images));
  std::uint32_t seed = 0;
  const DetectorLevels levels = row.kind->outputs.levels(row.outputs);
  const auto scores = static_cast<std::size_t>(row.kind->outputs.score_groups * levels.count);
  for (std::size_t output = 0; output < made.shapes.size(); ++output) {
    const std::size_t count = element_count(made.shapes[output]);
    const std::size_t images = static_cast<std::size_t>(row.images), of_image = count / images;
    made.whole.emplace_back(count);
    const auto values = static_cast<std::size_t>(
        row.kind->outputs.values[output / static_cast<std::size_t>(levels.count)] * levels.anchors);
    for (std::size_t image = 0; image < images; ++image) {
      std::vector<float> part(of_image);
      for (std::size_t i = 0; i < of_image; ++i) {
        ++seed;
        const float unit = static_cast<float>(test::scramble(static_cast<std::uint32_t>(i), seed, 3, 9)) / 256 +
                           static_cast<float>(test::scramble(static_cast<std::uint32_t>(i), seed, 5, 9)) / 65536;
        // A share of scores is high; YuNet's needs both of its factors to be.
        const float share = scores == 6 ? std::sqrt(row.share) : row.share;
        part[i] = output >= scores ? 2 * unit - 0.5F : unit < share ? 0.8F + 0.3F * unit : 0.49F * unit;
        const std::size_t cell = i / values;
        const std::size_t at =
            row.images_within_cells ? (cell * images + image) * values + i % values : image * of_image + i;
        made.whole[output][at] = part[i];
      }
      made.by_image[image].push_back(std::move(part));
    }
  }
  return made;
}

std::vector<Candidate> decode(const DetectorCase& row, const Outputs& outputs, float threshold) {
  std::vector<Candidate> candidates;
  row.kind->decode(outputs, {row.width, row.height, threshold}, candidates);
  return candidates;
}

Outputs view_outputs(const std::vector<std::vector<float>>& values) {
  std::vector<TensorView> views;
  for (const auto& value : values) views.push_back({value.data(), {static_cast<std::int64_t>(value.size())}});
  return {std::move(views), nullptr};
}

// Rows of the picked anchors, as many runs as that takes.
std::vector<float> pick(const GraphRunner& runner, const CandidatePlan& plan, std::vector<HostTensor> outputs,
                        std::span<const std::int32_t> anchors) {
  std::vector<float> rows;
  for (std::size_t at = 0; at < anchors.size(); at += kPickMax) {
    const std::span<const std::int32_t> some = anchors.subspan(at, std::min(kPickMax, anchors.size() - at));
    std::vector<std::int32_t> padded(some.begin(), some.end());
    padded.resize(pick_bucket(some.size()));
    std::vector<HostTensor> inputs = outputs;
    inputs.push_back(host_tensor(padded, {static_cast<std::int64_t>(padded.size())}));
    const std::vector<HostValues> results = runner.run(inputs);
    const std::span<const float> values = results[0].floats();
    const std::size_t wanted = some.size() * static_cast<std::size_t>(plan.row_floats());
    rows.insert(rows.end(), values.begin(), values.begin() + static_cast<std::ptrdiff_t>(wanted));
  }
  return rows;
}

std::vector<HostTensor> tensors_of(const DetectorOutputs& outputs) {
  std::vector<HostTensor> tensors;
  for (std::size_t i = 0; i < outputs.whole.size(); ++i) {
    tensors.push_back(host_tensor(outputs.whole[i], outputs.shapes[i]));
  }
  return tensors;
}

// Values are only moved: the same candidates to the last bit, in the same order.
TEST_P(CandidateGraphs, DecodersSeeTheSameCandidates) {
  std::size_t all = 0;
  for (const DetectorCase& row : kCases) {
    SCOPED_TRACE(std::string(row.kind->name) + " with " + std::to_string(row.outputs) + " outputs, " +
                 std::to_string(row.images) + " images of " + std::to_string(row.width));
    const DetectorOutputs outputs = make_outputs(row);
    const CandidatePlan plan(row.kind->outputs, outputs.shapes, row.images, row.images_within_cells);
    const std::vector<HostTensor> tensors = tensors_of(outputs);
    const auto mask_runner = open(make_mask_graph(plan));
    const auto pick_runner = open(make_pick_graph(plan));

    const std::vector<float> threshold = {mask_threshold(plan, row.kind->score_threshold)};
    const std::size_t scores = plan.levels().size() * static_cast<std::size_t>(plan.score_groups());
    std::vector<HostTensor> inputs(tensors.begin(), tensors.begin() + static_cast<std::ptrdiff_t>(scores));
    inputs.push_back(host_tensor(threshold, {1}));
    const std::vector<HostValues> masks = mask_runner->run(inputs);
    const std::vector<std::int32_t> anchors = read_mask(plan, masks[0].floats());
    const std::vector<float> rows = pick(*pick_runner, plan, tensors, anchors);

    SparseOutputs sparse(plan);
    for (std::int64_t image = 0; image < row.images; ++image) {
      sparse.fill(image, anchors, rows);
      const std::vector<Candidate> got = decode(row, sparse.outputs(), row.kind->score_threshold);
      const std::vector<Candidate> wanted =
          decode(row, view_outputs(outputs.by_image[static_cast<std::size_t>(image)]), row.kind->score_threshold);
      ASSERT_EQ(got.size(), wanted.size());
      all += got.size();
      EXPECT_EQ(row.share > 0, !wanted.empty());
      for (std::size_t i = 0; i < got.size(); ++i) {
        static_assert(sizeof(Candidate) == 15 * sizeof(float));
        EXPECT_EQ(std::memcmp(&got[i], &wanted[i], sizeof(Candidate)), 0) << "candidate " << i;
      }
    }
  }
  EXPECT_GT(all, kPickMax);  // one case takes several runs of the pick
}

// Thresholds at the score itself and just beside it: the mask may take too much, never too little.
TEST_P(CandidateGraphs, TheMaskLosesNoScoreAtTheThreshold) {
  const Shape shape = {1, 16, 1};
  const std::vector<float> classes(16, 0.7F);
  std::vector<float> objects;
  for (int i = 0; i < 16; ++i) objects.push_back(0.7F + static_cast<float>(i - 8) * 6e-8F);
  const std::vector<float> boxes(64), points(160);
  const std::vector<Shape> shapes = {shape,      shape,      shape,      shape,       shape,       shape,
                                     {1, 16, 4}, {1, 16, 4}, {1, 16, 4}, {1, 16, 10}, {1, 16, 10}, {1, 16, 10}};
  const CandidatePlan plan(kYunet.outputs, shapes, 1);
  const auto runner = open(make_mask_graph(plan));
  const float score = std::sqrt(0.7F * 0.7F);
  const std::vector<float> threshold = {mask_threshold(plan, score)};
  const HostTensor c = host_tensor(classes, shape), o = host_tensor(objects, shape);
  const std::vector<HostValues> mask = runner->run({c, c, c, o, o, o, host_tensor(threshold, {1})});
  EXPECT_EQ(read_mask(plan, mask[0].floats()).size(), 48U);
}

TEST_P(CandidateGraphs, TheTotalShowsAScoreThatIsNoNumber) {
  const std::vector<Shape> shapes = {{1, 1, 4, 4}, {1, 2, 4, 4}, {1, 2, 4, 4}, {1, 10, 4, 4}};
  const CandidatePlan plan(kCenterFace.outputs, shapes, 1);
  const auto runner = open(make_mask_graph(plan));
  std::vector<float> heat(16, 0.25F);
  const std::vector<float> threshold = {mask_threshold(plan, 0.5F)};
  const HostTensor scores = host_tensor(heat, shapes[0]);
  EXPECT_EQ(runner->run({scores, host_tensor(threshold, {1})})[1].floats()[0], 4.0F);
  heat[11] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_FALSE(std::isfinite(runner->run({scores, host_tensor(threshold, {1})})[1].floats()[0]));
}

TEST(CandidatePlans, RefuseOutputsOfOtherSizes) {
  EXPECT_THROW(CandidatePlan(kCenterFace.outputs, {{1, 1, 4, 4}, {1, 2, 4, 4}, {1, 2, 4, 4}, {1, 9, 4, 4}}, 1),
               Exception);
  EXPECT_THROW(CandidatePlan(kCenterFace.outputs, {}, 1), Exception);
}

TEST(CandidatePlans, PickBuckets) {
  EXPECT_EQ(pick_bucket(0), 16U);
  EXPECT_EQ(pick_bucket(16), 16U);
  EXPECT_EQ(pick_bucket(17), 32U);
  EXPECT_EQ(pick_bucket(5000), kPickMax);
}

}  // namespace
}  // namespace mien
