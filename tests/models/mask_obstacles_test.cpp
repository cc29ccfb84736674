// What stands in the way of a masked canvas: each by a model of a few nodes.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "device/onnx_file.h"
#include "models/mask.h"
#include "support/graph_writer.h"

namespace mien {
namespace {

using test::ByteVector;
using test::GraphWriter;
using test::integer_attribute;
using test::ints_attribute;
using test::string_attribute;
using Floats = std::vector<float>;

using Edit = std::function<void(onnx::GraphProto&)>;

// A 3 x 3 convolution at stride 1 and another one at stride 2, then what `add` makes of "half", then an output.
ByteVector make_obstacle(const std::function<std::string(GraphWriter&)>& add, const Edit& edit = {}) {
  GraphWriter graph({0, 3, 0, 0});
  graph.stir("image", 3, 1, "full");
  graph.stir("full", 3, 1, "half", 2);
  graph.output(add(graph), {0, 0, 0, 0});
  if (!edit) return graph.bytes();
  onnx::ModelProto model = parse_model(graph.bytes()).take();
  edit(*model.mutable_graph());
  return serialize(model);
}

struct Obstacle {
  std::string named;  // how the error begins
  std::string why;    // what it says
  std::function<std::string(GraphWriter&)> add;
  Edit edit = {};
};

void expect_obstacle(const Obstacle& obstacle) {
  const Result<MaskedModel> masked = mask_model(make_obstacle(obstacle.add, obstacle.edit));
  ASSERT_FALSE(masked) << obstacle.named;
  EXPECT_EQ(masked.error().code, ErrorCode::unsupported);
  EXPECT_EQ(masked.error().message.find(obstacle.named), 0U) << masked.error().message;
  EXPECT_NE(masked.error().message.find(obstacle.why), std::string::npos) << masked.error().message;
}

std::vector<test::Message> window(std::int64_t kernel, std::int64_t step, std::int64_t pad) {
  return {ints_attribute("kernel_shape", {kernel, kernel}), ints_attribute("strides", {step, step}),
          ints_attribute("pads", {pad, pad, pad, pad})};
}

std::vector<test::Message> with(std::vector<test::Message> attributes, const test::Message& another) {
  attributes.push_back(another);
  return attributes;
}

TEST(MaskObstacles, BordersThatAreNoZeros) {
  for (const Obstacle& obstacle : {
           Obstacle{"MaxPool MaxPool_x ", "a mask's 0 may be the largest value",
                    [](GraphWriter& graph) { return graph.node("MaxPool", {"half"}, "x", window(3, 1, 1)); }},
           Obstacle{"AveragePool AveragePool_x ", "does not count its border",
                    [](GraphWriter& graph) { return graph.node("AveragePool", {"half"}, "x", window(3, 1, 1)); }},
           Obstacle{"AveragePool AveragePool_x ", "does not count its border",
                    [](GraphWriter& graph) {
                      return graph.node("AveragePool", {"half"}, "x",
                                        with(with(window(3, 2, 0), integer_attribute("ceil_mode", 1)),
                                             integer_attribute("count_include_pad", 1)));
                    }},
           Obstacle{"Pad Pad_x ", "adds a border",
                    [](GraphWriter& graph) {
                      graph.integers("pads", {0, 0, 1, 1, 0, 0, 1, 1});
                      return graph.node("Pad", {"half", "pads"}, "x", {string_attribute("mode", "reflect")});
                    }},
           Obstacle{"Conv Conv_x ", "do not begin anew in each cell",
                    [](GraphWriter& graph) { return graph.stir("half", 3, 0, "x"); }},
           Obstacle{"Conv Conv_x ", "border of the unknown kind SAME",
                    [](GraphWriter& graph) {
                      graph.floats("w", {1, 3, 3, 3}, Floats(27, 1));
                      return graph.node("Conv", {"half", "w"}, "x", {string_attribute("auto_pad", "SAME")});
                    }},
           Obstacle{"ConvTranspose ConvTranspose_x ", "does not enlarge each cell by its step",
                    [](GraphWriter& graph) {
                      graph.floats("w", {3, 3, 3, 3}, Floats(81, 1));
                      return graph.node("ConvTranspose", {"half", "w"}, "x", {ints_attribute("strides", {2, 2})});
                    }},
       }) {
    expect_obstacle(obstacle);
  }
}

TEST(MaskObstacles, NodesThatMixAllCells) {
  for (const char* const kind : {"InstanceNormalization", "GlobalAveragePool", "ReduceMean", "MatMul"}) {
    expect_obstacle({std::string(kind) + " " + kind + "_x ", "mixes all cells of a canvas",
                     [&](GraphWriter& graph) { return graph.node(kind, {"half"}, "x"); }});
  }
  // A squeeze and its excitation.
  expect_obstacle({"GlobalAveragePool GlobalAveragePool_squeezed ", "mixes all cells", [](GraphWriter& graph) {
                     graph.node("GlobalAveragePool", {"half"}, "squeezed");
                     return graph.node("Mul", {"half", graph.node("Sigmoid", {"squeezed"}, "excited")}, "x");
                   }});
  expect_obstacle({"BatchNormalization BatchNormalization_x ", "means from the canvas", [](GraphWriter& graph) {
                     graph.floats("one", {3}, {1, 1, 1});
                     return graph.node("BatchNormalization", {"half", "one", "one", "one", "one"}, "x",
                                       {integer_attribute("training_mode", 1)});
                   }});
}

TEST(MaskObstacles, EnlargementsThatAreNoWholeNumber) {
  const auto resize = [](GraphWriter& graph, const std::string& mode, const std::string& place, const Floats& scales) {
    return graph.node("Resize", {"half", "", graph.floats("scales", {4}, scales)}, "x",
                      {string_attribute("mode", mode), string_attribute("coordinate_transformation_mode", place),
                       string_attribute("nearest_mode", "floor")});
  };
  const std::string named = "Resize Resize_x ";
  expect_obstacle({named, "mixes neighbours", [&](GraphWriter& graph) {
                     return resize(graph, "linear", "asymmetric", {1, 1, 2, 2});
                   }});
  expect_obstacle({named, "from other cells", [&](GraphWriter& graph) {
                     return resize(graph, "nearest", "half_pixel", {1, 1, 2, 2});
                   }});
  for (const Floats& scales : {Floats{1, 1, 1.5F, 1.5F},
                               {1, 1, 2, 1},
                               {1, 1, 0.5F, 0.5F},
                               {1, 2, 2, 2},
                               {1, 1, 4, 4},
                               {1, 1, NAN, NAN},
                               {1, 1, INFINITY, INFINITY}}) {
    expect_obstacle({named, "fixed size, or enlarges by no whole number",
                     [&](GraphWriter& graph) { return resize(graph, "nearest", "asymmetric", scales); }});
  }
  expect_obstacle({named, "fixed size", [](GraphWriter& graph) {
                     graph.integers("sizes", {1, 3, 64, 64});
                     return graph.node("Resize", {"half", "", "", "sizes"}, "x",
                                       {string_attribute("coordinate_transformation_mode", "asymmetric"),
                                        string_attribute("nearest_mode", "floor")});
                   }});
}

TEST(MaskObstacles, NodesThatLeaveTheGrid) {
  for (const Obstacle& obstacle : {
           Obstacle{"Conv Conv_x ", "stands behind a node that rearranged the picture",
                    [](GraphWriter& graph) {
                      graph.node("Transpose", {"half"}, "turned", {ints_attribute("perm", {0, 1, 3, 2})});
                      return graph.stir("turned", 3, 1, "x");
                    }},
           Obstacle{"Conv Conv_x ", "stands behind",  // an infinity times 0 is no 0
                    [](GraphWriter& graph) {
                      graph.node("Div", {"full", "full"}, "quotient");
                      return graph.stir("quotient", 3, 1, "x");
                    }},
           Obstacle{"MaxPool MaxPool_x ", "cells of 64 pixels",
                    [](GraphWriter& graph) {
                      return graph.node("MaxPool", {graph.mean("half", 16, "coarse")}, "x", window(2, 2, 0));
                    }},
           Obstacle{"AveragePool AveragePool_x ", "cells of 6 pixels",
                    [](GraphWriter& graph) { return graph.mean("half", 3, "x"); }},
           Obstacle{"MaxPool MaxPool_x ", "other steps down than across",
                    [](GraphWriter& graph) {
                      return graph.node("MaxPool", {"half"}, "x",
                                        {ints_attribute("kernel_shape", {2, 2}), ints_attribute("strides", {2, 1})});
                    }},
           Obstacle{"Add Add_x ", "joins cells of 1 and of 2 pixels",
                    [](GraphWriter& graph) {
                      return graph.node("Add", {"full", "half"}, "x");
                    }},
           Obstacle{"Add Add_x ", "row, which is not known to be the same",
                    [](GraphWriter& graph) {
                      return graph.node("Add", {"half", graph.floats("row", {64}, Floats(64, 1))}, "x");
                    }},
           Obstacle{"Concat Concat_x ", "another dimension than the channels",
                    [](GraphWriter& graph) {
                      return graph.node("Concat", {"half", "half"}, "x", {integer_attribute("axis", 2)});
                    }},
           Obstacle{
               "Cast Cast_x ", "leaves 32-bit floats",
               [](GraphWriter& graph) { return graph.node("Cast", {"half"}, "x", {integer_attribute("to", 10)}); }},
           Obstacle{"DepthToSpace DepthToSpace_x ", "no node of which mien knows",
                    [](GraphWriter& graph) { return graph.node("DepthToSpace", {"half"}, "x"); }},
           Obstacle{"Conv Conv_x ", "has another picture than its input 0",
                    [](GraphWriter& graph) {
                      return graph.node("Conv", {"half", "half"}, "x");
                    }},
           Obstacle{"Relu Relu_x ", "reads nowhere, which mien does not follow",
                    [](GraphWriter& graph) { return graph.node("Relu", {"nowhere"}, "x"); }},
           Obstacle{"output x ", "is no part of a picture",
                    [](GraphWriter& graph) { return graph.node("Shape", {"half"}, "x"); }},
       }) {
    expect_obstacle(obstacle);
  }
}

TEST(MaskObstacles, GraphsOfAnotherKind) {
  const auto relu = [](GraphWriter& graph) { return graph.node("Relu", {"half"}, "x"); };
  expect_obstacle({"the model has 2 inputs", "", [&](GraphWriter& graph) {
                     graph.add_input("another", {0, 3, 0, 0});
                     return relu(graph);
                   }});
  expect_obstacle({"input image takes images of 640 x 0 pixels alone", "", relu, [](onnx::GraphProto& graph) {
                     auto& shape = *graph.mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape();
                     shape.mutable_dim(3)->set_dim_value(640);
                   }});
  expect_obstacle({"input image is no image of 32-bit floats", "", relu, [](onnx::GraphProto& graph) {
                     graph.mutable_input(0)->mutable_type()->mutable_tensor_type()->set_elem_type(10);
                   }});
  expect_obstacle({"Relu Relu_x ", "holds a graph of its own", relu,
                   [](onnx::GraphProto& graph) { graph.mutable_node(2)->add_attribute()->set_g(""); }});
  expect_obstacle({"Relu Relu_x ", "is of com.example", relu,
                   [](onnx::GraphProto& graph) { graph.mutable_node(2)->set_domain("com.example"); }});
  expect_obstacle({"Relu of x ", "reads nowhere", relu, [](onnx::GraphProto& graph) {
                     graph.mutable_node(2)->clear_name();
                     graph.mutable_node(2)->set_input(0, "nowhere");
                   }});
  EXPECT_EQ(mask_model(ByteVector{1, 2, 3}).error().code, ErrorCode::bad_data);
}

// Whatever numbers a file holds, there is an answer.
TEST(MaskObstacles, NumbersOfAHostileFile) {
  constexpr std::int64_t kHuge = std::numeric_limits<std::int64_t>::max();
  for (const std::int64_t number : {kHuge, -kHuge - 1, kHuge / 2, std::int64_t{0}, std::int64_t{-1}}) {
    for (const char* const name : {"kernel_shape", "strides", "dilations", "pads", "output_padding"}) {
      for (const char* const kind : {"Conv", "ConvTranspose", "MaxPool", "AveragePool"}) {
        const ByteVector model = make_obstacle([&](GraphWriter& graph) {
          const std::int64_t sides = std::string_view(name) == "pads" ? 4 : 2;
          graph.floats("w", {3, 3, 1, 1}, Floats(9, 1));
          return graph.node(kind, {"half", "w"}, "x",
                            {ints_attribute(name, test::Sides(static_cast<std::size_t>(sides), number))});
        });
        const Result<MaskedModel> masked = mask_model(model);
        EXPECT_TRUE(masked || masked.error().code == ErrorCode::unsupported);
      }
    }
  }
  // A shape joined to itself thirty times has 2^32 numbers.
  EXPECT_FALSE(mask_model(make_obstacle([](GraphWriter& graph) {
    std::string shape = graph.node("Shape", {"half"}, "shape");
    for (int i = 0; i < 30; ++i) {
      shape = graph.node("Concat", {shape, shape}, "twice" + std::to_string(i), {integer_attribute("axis", 0)});
    }
    return graph.node("Resize", {"half", "", "", shape}, "x");
  })));
}

}  // namespace
}  // namespace mien
