#include "support/tiny_models.h"

#include <cmath>

#include "support/graph_writer.h"

namespace mien::test {
namespace {

const std::vector<float> kNothing = {0, 0, 0};

// The three feature maps of the tiny SCRFD: means, each plus the coarser one enlarged.
void add_pyramid(const TinyScrfd& options, GraphWriter& graph) {
  graph.mean("image", 8, "p8");
  graph.mean("p8", 2, "p16");
  graph.mean("p16", 2, "f32");
  const std::int64_t side = options.side;
  const auto enlarge = [&](const std::string& input, std::int64_t size, const std::string& output) {
    Names inputs = {input, "", graph.floats(output + "_scales", {4}, {1, 1, 2, 2})};
    if (side > 0) inputs = {input, "", "", graph.integers(output + "_sizes", {1, 3, size, size})};
    graph.node("Resize", inputs, output,
               {string_attribute("mode", "nearest"), string_attribute("coordinate_transformation_mode", "asymmetric"),
                string_attribute("nearest_mode", "floor")});
  };
  enlarge("f32", side / 16, "f32_up");
  graph.node("Add", {"p16", "f32_up"}, "f16");
  enlarge("f16", options.enlarged > 0 ? options.enlarged : side / 8, "f16_up");
  graph.node("Add", {"p8", "f16_up"}, "f8");
  if (!options.knows_shapes || side == 0) return;
  graph.declare("f32", {1, 3, side / 32, side / 32});
  graph.declare("f16", {1, 3, side / 16, side / 16});
}

// The heads of a level as an exporter leaves them.
void add_real_heads(const TinyScrfd& options, GraphWriter& graph) {
  const std::vector<std::vector<float>> turn = {{0.3F, -0.7F, 0.9F}, {0.51F, 0.27F, -0.13F}, {-0.37F, 0.61F, 0.83F}};
  for (const int stride : {8, 16, 32}) {
    const std::string at = std::to_string(stride);
    graph.node("Relu", {graph.mix("f" + at, turn, {0.123F, 0.257F, -0.031F}, "t" + at)}, "t" + at + "_relu");
    graph.node("Relu", {graph.mix("t" + at + "_relu", turn, {0.411F, 0.077F, 0.213F}, "u" + at)}, "u" + at + "_relu");
  }
  for (const std::int64_t values : {1, 4, 10}) {
    for (const int stride : {8, 16, 32}) {
      const std::string at = std::to_string(stride);
      const std::string name = (values == 1 ? "score_" : values == 4 ? "bbox_" : "kps_") + at;
      std::string map = graph.stir("u" + at + "_relu", 2 * values, options.head_pad, name + "_map");
      if (values == 4) map = graph.node("Mul", {map, graph.floats(name + "_factor", {1}, {1.7F})}, name + "_scaled");
      graph.flatten(map, {1, -1, values}, values == 1 ? name + "_logit" : name);
      if (values == 1) graph.node("Sigmoid", {name + "_logit"}, name);
      graph.output(name, {1, 0, values});
    }
  }
}

}  // namespace

ByteVector make_tiny_scrfd(const TinyScrfd& options) {
  GraphWriter graph({1, 3, options.side, options.side});
  add_pyramid(options, graph);
  if (options.real_heads) {
    add_real_heads(options, graph);
    return graph.bytes();
  }
  std::vector<float> landmark_bias(20, 1.0F);
  for (std::size_t j = 0; j < 10; ++j) landmark_bias[j] = static_cast<float>(j) / 4.0F;
  struct Head {
    std::string name;
    std::int64_t columns;
  };
  for (const Head& head : {Head{"score_", 1}, Head{"bbox_", 4}, Head{"kps_", 10}}) {
    if (head.columns == 10 && !options.landmarks) continue;
    for (const int stride : {8, 16, 32}) {
      const std::string name = head.name + std::to_string(stride);
      const std::string feature = "f" + std::to_string(stride);
      std::string mixed = name + "_map";
      if (head.columns == 1) {
        graph.mix(feature, {{4, 0, 0}, {4, 0, 0}}, {-2, -3}, name + "_logit");
        graph.node("Sigmoid", {name + "_logit"}, mixed);
      } else if (head.columns == 4) {
        graph.mix(feature, std::vector<std::vector<float>>(8, kNothing), {1, 2, 3, 4, 2, 2, 2, 2}, mixed);
      } else {
        graph.mix(feature, std::vector<std::vector<float>>(20, kNothing), landmark_bias, mixed);
      }
      const std::int64_t cells = (options.side / stride) * (options.side / stride) * 2;
      graph.flatten(mixed, {1, options.fixed_reshape ? cells : -1, head.columns}, name);
      graph.output(name, {1, options.side > 0 ? cells : 0, head.columns});
    }
  }
  return graph.bytes();
}

ByteVector make_tiny_scrfd_of_five() {
  GraphWriter graph({1, 3, 0, 0});
  for (const std::int64_t columns : {1, 4}) {
    for (std::int64_t stride = 8; stride <= 128; stride *= 2) {
      const std::string name = (columns == 1 ? "score_" : "bbox_") + std::to_string(stride);
      const std::string pooled = graph.mean("image", stride, name + "_mean");
      const std::size_t count = static_cast<std::size_t>(columns);
      graph.mix(pooled, std::vector<std::vector<float>>(count, kNothing), std::vector<float>(count, 0.25F),
                name + "_map");
      graph.flatten(name + "_map", {1, -1, columns}, name);
      graph.output(name, {1, 0, columns});
    }
  }
  return graph.bytes();
}

ByteVector make_tiny_yunet() {
  GraphWriter graph({1, 3, 64, 64});
  struct Head {
    std::string name;
    std::int64_t columns;
  };
  for (const Head& head : {Head{"cls_", 1}, Head{"obj_", 1}, Head{"bbox_", 4}, Head{"kps_", 10}}) {
    for (const std::int64_t stride : {8, 16, 32}) {
      const std::string name = head.name + std::to_string(stride);
      const std::string pooled = graph.mean("image", stride, name + "_mean");
      const std::size_t count = static_cast<std::size_t>(head.columns);
      const float bias = head.name == "cls_" ? 0.81F : head.name == "obj_" ? 0.64F : 0.5F;
      graph.mix(pooled, std::vector<std::vector<float>>(count, kNothing), std::vector<float>(count, bias),
                name + "_map");
      graph.flatten(name + "_map", {1, -1, head.columns}, name);
      graph.output(name, {1, (64 / stride) * (64 / stride), head.columns});
    }
  }
  return graph.bytes();
}

ByteVector make_tiny_centerface() {
  GraphWriter graph({10, 3, 32, 32});
  graph.mean("image", 4, "cells");
  graph.mix("cells", {{1, 0, 0}}, {0}, "logit");
  graph.node("Sigmoid", {"logit"}, "heat");
  graph.mix("cells", {kNothing, kNothing}, {std::log(2.0F), std::log(2.0F)}, "size");
  graph.mix("cells", {kNothing, kNothing}, {0.25F, 0.25F}, "offset");
  std::vector<float> points;
  for (int j = 0; j < 10; ++j) points.push_back(static_cast<float>(j) / 10.0F);
  graph.mix("cells", std::vector<std::vector<float>>(10, kNothing), points, "points");
  struct Output {
    std::string name;
    std::int64_t channels;
  };
  for (const Output& output : {Output{"heat", 1}, Output{"size", 2}, Output{"offset", 2}, Output{"points", 10}}) {
    graph.output(output.name, {10, output.channels, 8, 8});
  }
  return graph.bytes();
}

float tiny_weight(std::int64_t k, std::int64_t channel, std::int64_t block) {
  return static_cast<float>((k * 7 + channel * 5 + block * 3) % 11 - 5) / 8.0F;
}

ByteVector make_tiny_embedder(const TinyEmbedder& options) {
  GraphWriter graph({options.batch, 3, options.side, options.side});
  std::string image = "image";
  if (options.normalises) {
    image = graph.node("Sub", {image, graph.floats("mean", {1}, {127.5F})}, "centred");
    image = graph.node("Mul", {image, graph.floats("scale", {1}, {1 / 128.0F})}, "scaled");
  }
  graph.mean(image, options.side / 4, "blocks");
  std::vector<float> weights;
  for (std::int64_t k = 0; k < options.dimension; ++k) {
    for (std::int64_t i = 0; i < 48; ++i) weights.push_back(tiny_weight(k, i / 16, i % 16));
  }
  graph.node("Conv", {"blocks", graph.floats("weight", {options.dimension, 3, 4, 4}, weights)}, "numbers");
  const Sides target = options.keeps_batch ? Sides{options.dimension} : Sides{1, -1};
  graph.node("Reshape", {"numbers", graph.integers("target", target)}, "embedding");
  graph.output("embedding", options.keeps_batch ? target : Sides{options.batch, options.dimension});
  return graph.bytes();
}

ByteVector make_tiny_stranger() {
  GraphWriter graph({1, 3, 32, 32});
  for (const char* name : {"a", "b", "c"}) {
    graph.mean("image", 32, name);
    graph.output(name, {1, 3, 1, 1});
  }
  return graph.bytes();
}

ByteVector make_tiny_table_model() {
  GraphWriter graph({1, 10});
  graph.node("Relu", {"image"}, "numbers");
  graph.output("numbers", {1, 10});
  return graph.bytes();
}

ByteVector make_tiny_integer_model() {
  GraphWriter graph({1, 3, 112, 112});
  graph.node("Shape", {"image"}, "sides");
  graph.output("sides", {4}, kInt64);
  return graph.bytes();
}

}  // namespace mien::test
