#include "models/split_heads.h"

#include <gtest/gtest.h>

#include <cmath>

#include "models/detectors.h"
#include "ops/detect.h"
#include "support/tiny_models.h"

namespace mien {
namespace {

using test::ByteVector;

std::vector<float> make_noise(std::int64_t width, std::int64_t height) {
  std::vector<float> planes(static_cast<std::size_t>(3 * width * height));
  for (std::size_t i = 0; i < planes.size(); ++i) planes[i] = std::sin(static_cast<float>(i * i % 977));
  return planes;
}

struct SplitDetector {
  ByteVector model;
  DetectorHeads heads;
};

SplitDetector split(const ByteVector& bytes) {
  onnx::ModelProto model = parse_model(bytes).take();
  std::optional<DetectorHeads> heads = split_heads(model);
  if (!heads) throw Exception(ErrorCode::internal, "the model was not cut");
  return {serialize(model), std::move(*heads)};
}

// The candidates that the whole model finds, and those that the cut one and mien find together.
struct BothWays {
  std::vector<Candidate> whole, cut;
};

BothWays detect_both_ways(std::int64_t width, std::int64_t height, float threshold) {
  const std::unique_ptr<Runtime> runtime = open_onnxruntime(test::plain_settings());
  const ByteVector model = test::make_tiny_scrfd({.side = 0, .real_heads = true});
  const SplitDetector cut = split(model);
  const std::vector<float> planes = make_noise(width, height);
  const TensorView input{planes.data(), {1, 3, height, width}};
  const DecodeContext context{static_cast<int>(width), static_cast<int>(height), threshold};
  BothWays found;
  kScrfd.decode(runtime->create_session(model, "whole")->run({&input, 1}), context, found.whole);
  HeadScratch scratch;
  const Outputs features = runtime->create_session(cut.model, "cut")->run({&input, 1});
  kScrfd.decode_heads(features, cut.heads, context, scratch, found.cut);
  return found;
}

void expect_equal(const std::vector<Candidate>& a, const std::vector<Candidate>& b) {
  ASSERT_EQ(a.size(), b.size());
  constexpr float kNear = 1e-3F;  // pixels: sums of 27 products in another order, times up to 32
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_NEAR(a[i].score, b[i].score, 1e-6);
    EXPECT_NEAR(a[i].box.x1, b[i].box.x1, kNear);
    EXPECT_NEAR(a[i].box.y1, b[i].box.y1, kNear);
    EXPECT_NEAR(a[i].box.x2, b[i].box.x2, kNear);
    EXPECT_NEAR(a[i].box.y2, b[i].box.y2, kNear);
    for (std::size_t j = 0; j < 5; ++j) {
      EXPECT_NEAR(a[i].landmarks[j].x, b[i].landmarks[j].x, kNear);
      EXPECT_NEAR(a[i].landmarks[j].y, b[i].landmarks[j].y, kNear);
    }
  }
}

// Widths that fill vectors and that do not, one cell, and one row.
TEST(SplitHeads, FindWhatTheWholeModelFinds) {
  for (const auto& [width, height] : {std::pair{32, 32}, {96, 64}, {640, 32}, {352, 224}, {1056, 96}}) {
    const BothWays all = detect_both_ways(width, height, 0.0F);
    EXPECT_EQ(all.whole.size(), static_cast<std::size_t>(2 * width * height * (16 + 4 + 1) / 1024));
    expect_equal(all.whole, all.cut);
  }
}

TEST(SplitHeads, KeepTheThreshold) {
  const BothWays all = detect_both_ways(352, 224, 0.0F);
  const float middle = all.whole[all.whole.size() / 2].score + 1e-5F;
  const BothWays some = detect_both_ways(352, 224, middle);
  EXPECT_FALSE(some.whole.empty());
  EXPECT_LT(some.whole.size(), all.whole.size());
  expect_equal(some.whole, some.cut);
  EXPECT_TRUE(detect_both_ways(96, 64, 1.0F).cut.empty());
}

TEST(SplitHeads, LeaveOtherModelsWhole) {
  for (const ByteVector& bytes : {
           test::make_tiny_scrfd({}),  // heads of 1 x 1
           test::make_tiny_scrfd({.landmarks = false}),
           test::make_tiny_scrfd({.side = 0, .real_heads = true, .head_pad = 0}),
           test::make_tiny_scrfd_of_five(),
           test::make_tiny_yunet(),
           test::make_tiny_centerface(),
       }) {
    onnx::ModelProto model = parse_model(bytes).take();
    const ByteVector before = serialize(model);
    EXPECT_FALSE(split_heads(model));
    EXPECT_EQ(serialize(model), before);
  }
}

TEST(SplitHeads, RefuseFeaturesOfAnotherSize) {
  const SplitDetector cut = split(test::make_tiny_scrfd({.side = 0, .real_heads = true}));
  const std::unique_ptr<Runtime> runtime = open_onnxruntime(test::plain_settings());
  const std::vector<float> planes = make_noise(64, 64);
  const TensorView input{planes.data(), {1, 3, 64, 64}};
  const Outputs features = runtime->create_session(cut.model, "cut")->run({&input, 1});
  HeadScratch scratch;
  std::vector<Candidate> found;
  EXPECT_THROW(kScrfd.decode_heads(features, cut.heads, {96, 64, 0.5F}, scratch, found), Exception);
}

}  // namespace
}  // namespace mien
