#include "models/mask.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "device/onnx_file.h"
#include "models/detectors.h"
#include "models/load.h"
#include "models/mask_probe.h"
#include "support/graph_writer.h"
#include "support/masked_batch.h"
#include "support/tiny_models.h"

namespace mien {
namespace {

using test::ByteVector;
using test::GraphWriter;
using test::integer_attribute;
using test::ints_attribute;
using test::kCenterFaceFacts;
using test::KnownDetector;
using test::kScrfdFacts;
using test::string_attribute;
using Floats = std::vector<float>;

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

test::RunModel run_of(const Session& session) {
  return [&session](std::span<const TensorView> inputs) {
    const Outputs outputs = session.run(inputs);
    std::vector<Floats> values;
    for (std::size_t i = 0; i < session.outputs().size(); ++i) {
      values.emplace_back(outputs[i].data, outputs[i].data + outputs[i].count());
    }
    return values;
  };
}

float largest_difference(const Session& whole, const Session& session, const MaskedModel& masked,
                         const KnownDetector& known, std::int64_t more = 0) {
  return test::largest_difference(test::run_rectangles(run_of(whole), known), run_of(session), masked, known, more);
}

// What must show: equal inside, and that this is no accident.
void expect_masked(const Session& whole, const Session& session, const MaskedModel& masked,
                   const KnownDetector& known) {
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
  EXPECT_EQ(masked->masked_values, 14);
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
  EXPECT_EQ(masked->masked_values, 39);
  expect_masked(*open(*detector->model), *open(masked->model), *masked, kScrfdFacts);
  const MaskProbe probe = probe_mask(*runtime, *detector, *masked);
  EXPECT_EQ(probe.problem, "");
  EXPECT_EQ(probe.layout, BatchLayout::plain);
}

// Every kind of node that a mask may stand before, and those that a stride passes through. Four outputs of CenterFace's
// kind at stride 4.
ByteVector make_every_wide_node() {
  GraphWriter graph({0, 3, 0, 0});
  // What is outside of an image is no 0 behind this: masks at stride 1.
  graph.node("Sub", {"image", graph.floats("mean", {1}, {127.5F})}, "centred");
  graph.node("Div", {"centred", graph.floats("scale", {1, 3, 1, 1}, {64, 128, 96})}, "scaled");
  graph.stir(graph.stir("scaled", 3, 1, "c1"), 3, 1, "c2", 2);
  graph.node("Clip", {"c2", graph.floats("least", {}, {0}), graph.floats("most", {}, {6})}, "r2");
  graph.node("MaxPool", {"r2"}, "p2", {ints_attribute("kernel_shape", {3, 3}), ints_attribute("pads", {1, 1, 1, 1})});
  // Windows that end with the image need no mask, whatever their border in front: neither this one nor c2's.
  graph.node("MaxPool", {graph.mix("p2", {{1, -2, 0}, {-1, 0, 0.5F}, {0, 1, 0}}, {0, 0, -9}, "m2")}, "p4",
             {ints_attribute("kernel_shape", {3, 3}), ints_attribute("strides", {2, 2}),
              ints_attribute("pads", {1, 1, 1, 1})});
  graph.node("Relu", {"p4"}, "i4");
  graph.node("MaxPool", {"i4"}, "q4", {ints_attribute("kernel_shape", {3, 3}), ints_attribute("pads", {1, 1, 1, 1})});
  graph.stir("q4", 3, 1, "c4");
  graph.node("PRelu", {"c4", graph.floats("slope", {3, 1, 1}, {0.1F, 0.2F, 0.3F})}, "r4");
  // 3 x 3 in steps of 2, with all of its border behind.
  std::vector<float> weights;
  for (int i = 0; i < 81; ++i) weights.push_back(std::sin(static_cast<float>(i)) / 3);
  const std::string weight = graph.floats("same_weight", {3, 3, 3, 3}, weights);
  graph.node("Conv", {"r4", weight, graph.floats("same_bias", {3}, {0.7F, -0.4F, 0.5F})}, "c8",
             {string_attribute("auto_pad", "SAME_UPPER"), ints_attribute("strides", {2, 2})});
  weights.clear();
  for (int i = 0; i < 144; ++i) weights.push_back(std::cos(static_cast<float>(i * i % 57)) / 4);
  graph.node("ConvTranspose", {"c8", graph.floats("up_weight", {3, 3, 4, 4}, weights)}, "t4",
             {ints_attribute("strides", {2, 2}), ints_attribute("pads", {1, 1, 1, 1})});
  graph.node("AveragePool", {"t4"}, "a4",
             {ints_attribute("kernel_shape", {3, 3}), ints_attribute("pads", {1, 1, 1, 1}),
              integer_attribute("count_include_pad", 1)});
  // Enlarged to the size of another value, as PyTorch exports it.
  graph.node("Shape", {"r4"}, "shape4");
  graph.node("Slice", {"shape4", graph.integers("two", {2}), graph.integers("four", {4}), graph.integers("zero", {0})},
             "sides4");
  graph.node("Shape", {"c8"}, "shape8");
  graph.node("Slice", {"shape8", "zero", "two", "zero"}, "first8");
  graph.node("Concat", {"first8", "sides4"}, "sizes4", {integer_attribute("axis", 0)});
  graph.node("Resize", {"c8", "", "", "sizes4"}, "u4",
             {string_attribute("mode", "nearest"), string_attribute("coordinate_transformation_mode", "asymmetric"),
              string_attribute("nearest_mode", "floor")});
  graph.node("Add", {"a4", "u4"}, "sum4");
  graph.node("Add", {"sum4", "r4"}, "all4");
  graph.node("Sigmoid", {graph.stir("all4", 1, 1, "logit")}, "heat");
  graph.stir("all4", 2, 1, "size");
  graph.stir("sum4", 2, 1, "offset");
  graph.stir("u4", 10, 1, "points");
  for (const char* const name : {"heat", "size", "offset", "points"}) graph.output(name, {0, 0, 0, 0});
  return graph.bytes();
}

TEST_F(Mask, EveryWideNode) {
  const ByteVector model = make_every_wide_node();
  const Result<MaskedModel> masked = mask_model(model);
  ASSERT_TRUE(masked) << masked.error().message;
  EXPECT_EQ(masked->strides, (std::vector<int>{1, 2, 4, 8}));
  // Of scaled, r2, i4, q4, r4, c8, t4, all4 (which two nodes read), sum4 and u4.
  EXPECT_EQ(masked->masked_values, 10);
  expect_masked(*open(model), *open(masked->model), *masked, {{4, 4, 4, 4}, true, 0, 1});
  const MaskProbe probe = probe_mask(*runtime, detector_of(kCenterFace, model), *masked);
  EXPECT_EQ(probe.problem, "");
  EXPECT_EQ(probe.layout, BatchLayout::plain);
}

TEST_F(Mask, ModelsAreMaskedOnce) {
  const MaskedModel masked = mask_model(make_every_wide_node()).take();
  EXPECT_EQ(mask_model(masked.model).error().message, "the model has 5 inputs, and an image is one");
}

// A masked model that lacks one of its products is what a node with another border would be.
TEST_F(Mask, TheProbeMissesNoMask) {
  const ByteVector model = make_every_wide_node();
  const Detector detector = detector_of(kCenterFace, model);
  const MaskedModel masked = mask_model(model).take();
  for (int i = 0; i < masked.masked_values; ++i) {
    onnx::ModelProto damaged = parse_model(masked.model).take();
    int product = 0;
    for (onnx::NodeProto& node : *damaged.mutable_graph()->mutable_node()) {
      if (!node.output(0).starts_with("mien_masked") || product++ != i) continue;
      node.set_op_type("Identity");
      node.mutable_input()->RemoveLast();
    }
    MaskedModel without = masked;
    without.model = serialize(damaged);
    const std::string problem = probe_mask(*runtime, detector, without).problem;
    EXPECT_NE(problem.find("on a canvas"), std::string::npos) << "mask " << i << ": " << problem;
  }
}

TEST_F(Mask, TheProbeTellsABorderOfAnotherKind) {
  // Masked from a twin whose border is 0; the detector's own border repeats its last cells.
  const auto make = [](bool has_zeros) {
    GraphWriter graph({0, 3, 0, 0});
    graph.mean("image", 4, "cells");
    graph.integers("pads", {0, 0, 1, 1, 0, 0, 1, 1});
    if (!has_zeros) graph.node("Pad", {"cells", "pads"}, "padded", {string_attribute("mode", "edge")});
    const std::string input = has_zeros ? "cells" : "padded";
    graph.stir(input, 1, has_zeros ? 1 : 0, "heat");
    graph.stir(input, 2, has_zeros ? 1 : 0, "size");
    graph.stir(input, 2, has_zeros ? 1 : 0, "offset");
    graph.stir(input, 10, has_zeros ? 1 : 0, "points");
    for (const char* const name : {"heat", "size", "offset", "points"}) graph.output(name, {0, 0, 0, 0});
    return graph.bytes();
  };
  EXPECT_EQ(mask_model(make(false)).error().message.substr(0, 11), "Pad Pad_pad");
  const MaskedModel masked = mask_model(make(true)).take();
  EXPECT_EQ(probe_mask(*runtime, detector_of(kCenterFace, make(true)), masked).problem, "");
  const std::string problem = probe_mask(*runtime, detector_of(kCenterFace, make(false)), masked).problem;
  EXPECT_EQ(problem.find("output heat of a rectangle of 96 x 64 pixels is "), 0U) << problem;
}

// A sum over all cells hides in a node that may as well be over one cell's values.
TEST_F(Mask, TheProbeTellsWhatNoNodeTells) {
  GraphWriter graph({0, 3, 0, 0});
  graph.mean("image", 4, "cells");
  const std::vector<Floats> rows(1, Floats{0.01F, 0, 0});
  graph.node("Reshape", {graph.mix("cells", rows, {0}, "logit"), graph.integers("flat", {0, -1})}, "logits");
  graph.node("Softmax", {"logits"}, "shares", {integer_attribute("axis", 1)});
  graph.node("Reshape", {"shares", graph.integers("rows", {0, -1, 1})}, "heat");
  graph.stir("cells", 2, 1, "size");
  graph.stir("cells", 2, 1, "offset");
  graph.stir("cells", 10, 1, "points");
  for (const char* const name : {"heat", "size", "offset", "points"}) graph.output(name, {0, 0, 0});
  const Result<MaskedModel> masked = mask_model(graph.bytes());
  ASSERT_TRUE(masked) << masked.error().message;
  const std::string problem = probe_mask(*runtime, detector_of(kCenterFace, graph.bytes()), *masked).problem;
  EXPECT_NE(problem.find("output heat of"), std::string::npos) << problem;
}

// What the probe cannot run is a problem and no exception.
TEST_F(Mask, TheProbeTellsWhatDoesNotRun) {
  const ByteVector model = make_every_wide_node();
  MaskedModel masked = mask_model(model).take();
  masked.model.resize(masked.model.size() / 2);
  EXPECT_NE(probe_mask(*runtime, detector_of(kCenterFace, model), masked).problem, "");
  masked = mask_model(model).take();
  masked.output_strides[1] = 8;
  EXPECT_NE(probe_mask(*runtime, detector_of(kCenterFace, model), masked).problem.find("output size "),
            std::string::npos);
}

// The tiny models of the other tests, as the loader hands them to a device.
TEST_F(Mask, TinyDetectors) {
  const KnownDetector scrfd = {kScrfdFacts.strides, false, 127.5F, 1 / 128.0F};
  const KnownDetector yunet = {{8, 16, 32, 8, 16, 32, 8, 16, 32, 8, 16, 32}, false};
  struct Case {
    ByteVector model;
    KnownDetector known;
  };
  for (const Case& tiny : {Case{test::make_tiny_scrfd({}), scrfd}, Case{test::make_tiny_yunet(), yunet},
                           Case{test::make_tiny_centerface(), kCenterFaceFacts}}) {
    const std::unique_ptr<Detector> detector = load(tiny.model);
    const Result<MaskedModel> masked = mask_model(*detector->model);
    ASSERT_TRUE(masked) << masked.error().message;
    EXPECT_EQ(masked->masked_values, 0) << "nothing in it is wider than a cell";
    EXPECT_LE(largest_difference(*open(*detector->model), *open(masked->model), *masked, tiny.known), 1e-5F);
    const MaskProbe probe = probe_mask(*runtime, *detector, *masked);
    EXPECT_EQ(probe.problem, "");
    EXPECT_EQ(probe.layout, BatchLayout::plain);
  }
  const std::unique_ptr<Detector> with_heads = load(test::make_tiny_scrfd({.side = 0, .real_heads = true}));
  const Result<MaskedModel> masked = mask_model(*with_heads->model);
  ASSERT_TRUE(masked) << masked.error().message;
  EXPECT_EQ(masked->strides, (std::vector<int>{8, 16, 32}));
  EXPECT_EQ(masked->masked_values, 3) << "the three heads of a level share one";
  expect_masked(*open(*with_heads->model), *open(masked->model), *masked, scrfd);
  EXPECT_EQ(probe_mask(*runtime, *with_heads, *masked).problem, "");
}

// Outputs of two heads at stride 8, 16 and 32 whose images lie as `order` puts them.
ByteVector make_ordered_scrfd(const test::Sides& order, const test::Sides& target_begin) {
  GraphWriter graph({0, 3, 0, 0});
  for (const std::int64_t values : {1, 4}) {
    for (const std::int64_t stride : {8, 16, 32}) {
      const std::string name = (values == 1 ? "score_" : "bbox_") + std::to_string(stride);
      const std::string map = graph.stir(graph.mean("image", stride, name + "_mean"), 2 * values, 1, name + "_map");
      const std::string turned = graph.node("Transpose", {map}, name + "_turned", {ints_attribute("perm", order)});
      test::Sides target = target_begin;
      target.insert(target.end(), {-1, values});
      graph.node("Reshape", {turned, graph.integers(name + "_shape", target)}, name);
      graph.output(name, test::Sides(target.size(), 0));
    }
  }
  return graph.bytes();
}

TEST_F(Mask, TheLayoutOfABatch) {
  struct Case {
    test::Sides order;
    test::Sides target;
    bool batch_is_free;
    BatchLayout layout;
  };
  for (const Case& given :
       {Case{{0, 2, 3, 1}, {0}, true, BatchLayout::plain}, Case{{0, 2, 3, 1}, {}, true, BatchLayout::plain},
        Case{{2, 3, 0, 1}, {}, true, BatchLayout::within_cells}, Case{{2, 3, 0, 1}, {}, false, BatchLayout::one_by_one},
        // Columns first: neither an image nor a cell lies in one piece.
        Case{{3, 0, 2, 1}, {}, true, BatchLayout::one_by_one}}) {
    const ByteVector model = make_ordered_scrfd(given.order, given.target);
    const Detector detector = detector_of(kScrfd, model, given.batch_is_free);
    EXPECT_EQ(probe_batch_layout(*runtime, detector), given.layout);
    const Result<MaskedModel> masked = mask_model(model);
    ASSERT_TRUE(masked) << masked.error().message;
    const MaskProbe probe = probe_mask(*runtime, detector, *masked);
    EXPECT_EQ(probe.layout, given.layout);
    // Of one image at a time, rows are compared as SCRFD's decoder reads them.
    EXPECT_EQ(probe.problem.empty(), given.order.front() != 3) << probe.problem;
  }
}

// Whatever a file holds, there is an answer. Sanitizer builds look for more than crashes.
TEST_F(Mask, SurvivesBrokenModels) {
  std::mt19937 random(11);
  for (const ByteVector& model : {make_every_wide_node(), test::make_tiny_scrfd({.side = 0, .real_heads = true})}) {
    for (std::size_t size = 0; size < model.size(); size += 1 + size / 64) {
      (void)mask_model(Bytes(model.data(), size));
    }
    for (int i = 0; i < 1500; ++i) {
      ByteVector mutant = model;
      for (int flips = 1 + i % 5; flips > 0; --flips) {
        mutant[random() % mutant.size()] ^= static_cast<std::uint8_t>(1U << (random() % 8));
      }
      const Result<MaskedModel> masked = mask_model(mutant);
      if (masked) {
        ASSERT_TRUE(parse_model(masked->model));
      }
    }
  }
}

}  // namespace
}  // namespace mien
