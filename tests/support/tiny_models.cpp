#include "support/tiny_models.h"

#include <cmath>
#include <cstring>

namespace mien::test {
namespace {

using Sides = std::vector<std::int64_t>;
using Names = std::vector<std::string>;

// A message in the wire format of protocol buffers: every field is a key and a value.
class Message {
 public:
  Message& number(int field, std::int64_t value) {
    put(static_cast<std::uint64_t>(field) << 3);
    put(static_cast<std::uint64_t>(value));
    return *this;
  }
  Message& text(int field, const std::string& value) {
    put((static_cast<std::uint64_t>(field) << 3) | 2);
    put(value.size());
    bytes_ += value;
    return *this;
  }
  Message& message(int field, const Message& value) { return text(field, value.bytes_); }
  const std::string& bytes() const { return bytes_; }

 private:
  void put(std::uint64_t value) {
    for (; value >= 128; value >>= 7) bytes_ += static_cast<char>(value | 128);
    bytes_ += static_cast<char>(value);
  }
  std::string bytes_;
};

Message ints_attribute(const std::string& name, const Sides& values) {
  Message attribute = Message().text(1, name).number(20, 7);
  for (const std::int64_t value : values) attribute.number(8, value);
  return attribute;
}

Message string_attribute(const std::string& name, const std::string& value) {
  return Message().text(1, name).text(4, value).number(20, 3);
}

Message tensor(const std::string& name, int type, const Sides& sides, const std::string& raw) {
  Message message;
  for (const std::int64_t side : sides) message.number(1, side);
  return message.number(2, type).text(8, name).text(9, raw);
}

constexpr int kFloat = 1;
constexpr int kInt64 = 7;

// A side of 0 is free.
Message value_info(const std::string& name, const Sides& sides, int type = kFloat) {
  Message shape;
  for (const std::int64_t side : sides) {
    shape.message(1, side > 0 ? Message().number(1, side) : Message().text(2, "free"));
  }
  return Message().text(1, name).message(2, Message().message(1, Message().number(1, type).message(2, shape)));
}

// A graph, node by node. Each function that adds a node gives the name of its output.
class Graph {
 public:
  explicit Graph(const Sides& input) { graph_.text(2, "tiny").message(11, value_info("image", input)); }

  void declare(const std::string& name, const Sides& sides) { graph_.message(13, value_info(name, sides)); }
  void output(const std::string& name, const Sides& sides, int type = kFloat) {
    graph_.message(12, value_info(name, sides, type));
  }

  std::string floats(const std::string& name, const Sides& sides, const std::vector<float>& values) {
    std::string raw(values.size() * sizeof(float), '\0');
    std::memcpy(raw.data(), values.data(), raw.size());
    graph_.message(5, tensor(name, kFloat, sides, raw));
    return name;
  }
  std::string integers(const std::string& name, const Sides& values) {
    std::string raw(values.size() * sizeof(std::int64_t), '\0');
    std::memcpy(raw.data(), values.data(), raw.size());
    graph_.message(5, tensor(name, kInt64, {static_cast<std::int64_t>(values.size())}, raw));
    return name;
  }
  std::string node(const std::string& kind, const Names& inputs, const std::string& output,
                   const std::vector<Message>& attributes = {}) {
    Message message;
    for (const std::string& input : inputs) message.text(1, input);
    message.text(2, output).text(3, kind + "_" + output).text(4, kind);
    for (const Message& attribute : attributes) message.message(5, attribute);
    graph_.message(1, message);
    return output;
  }
  std::string mean(const std::string& input, std::int64_t side, const std::string& output) {
    return node("AveragePool", {input}, output,
                {ints_attribute("kernel_shape", {side, side}), ints_attribute("strides", {side, side})});
  }
  // Every output channel is a sum of the three input channels with a row of weights, and a bias.
  std::string mix(const std::string& input, const std::vector<std::vector<float>>& rows, const std::vector<float>& bias,
                  const std::string& output) {
    const std::int64_t count = static_cast<std::int64_t>(rows.size());
    std::vector<float> weights;
    for (const std::vector<float>& row : rows) weights.insert(weights.end(), row.begin(), row.end());
    return node("Conv",
                {input, floats(output + "_weight", {count, 3, 1, 1}, weights), floats(output + "_bias", {count}, bias)},
                output);
  }
  // A convolution of 3 x 3 over three channels, with weights and biases like noise.
  std::string stir(const std::string& input, std::int64_t outputs, std::int64_t pad, const std::string& output) {
    std::vector<float> weights;
    std::vector<float> bias;
    for (std::int64_t i = 0; i < outputs * 27; ++i) weights.push_back(std::sin(static_cast<float>(i * i % 101)) / 3);
    for (std::int64_t i = 0; i < outputs; ++i) bias.push_back(std::cos(static_cast<float>(i * 7)) / 3);
    return node(
        "Conv",
        {input, floats(output + "_weight", {outputs, 3, 3, 3}, weights), floats(output + "_bias", {outputs}, bias)},
        output, {ints_attribute("kernel_shape", {3, 3}), ints_attribute("pads", {pad, pad, pad, pad})});
  }
  // Channels last, then the rows of the target: the way detectors are exported.
  void flatten(const std::string& input, const Sides& target, const std::string& output) {
    const std::string turned = node("Transpose", {input}, output + "_nhwc", {ints_attribute("perm", {0, 2, 3, 1})});
    node("Reshape", {turned, integers(output + "_shape", target)}, output);
  }
  ByteVector bytes() const {
    const Message model =
        Message().number(1, 7).text(2, "mien tests").message(7, graph_).message(8, Message().text(1, "").number(2, 13));
    return ByteVector(model.bytes().begin(), model.bytes().end());
  }

 private:
  Message graph_;
};

const std::vector<float> kNothing = {0, 0, 0};

// The three feature maps of the tiny SCRFD: means, each plus the coarser one enlarged.
void add_pyramid(const TinyScrfd& options, Graph& graph) {
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
void add_real_heads(const TinyScrfd& options, Graph& graph) {
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
  Graph graph({1, 3, options.side, options.side});
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
  Graph graph({1, 3, 0, 0});
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
  Graph graph({1, 3, 64, 64});
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
  Graph graph({10, 3, 32, 32});
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
  Graph graph({options.batch, 3, options.side, options.side});
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
  Graph graph({1, 3, 32, 32});
  for (const char* name : {"a", "b", "c"}) {
    graph.mean("image", 32, name);
    graph.output(name, {1, 3, 1, 1});
  }
  return graph.bytes();
}

ByteVector make_tiny_table_model() {
  Graph graph({1, 10});
  graph.node("Relu", {"image"}, "numbers");
  graph.output("numbers", {1, 10});
  return graph.bytes();
}

ByteVector make_tiny_integer_model() {
  Graph graph({1, 3, 112, 112});
  graph.node("Shape", {"image"}, "sides");
  graph.output("sides", {4}, kInt64);
  return graph.bytes();
}

}  // namespace mien::test
