#include "support/graph_writer.h"

#include <cmath>
#include <cstring>

namespace mien::test {
namespace {

Message tensor(const std::string& name, int type, const Sides& sides, const std::string& raw) {
  Message message;
  for (const std::int64_t side : sides) message.number(1, side);
  return message.number(2, type).text(8, name).text(9, raw);
}

// A side of 0 is free.
Message value_info(const std::string& name, const Sides& sides, int type) {
  Message shape;
  for (const std::int64_t side : sides) {
    shape.message(1, side > 0 ? Message().number(1, side) : Message().text(2, "free"));
  }
  return Message().text(1, name).message(2, Message().message(1, Message().number(1, type).message(2, shape)));
}

}  // namespace

Message& Message::number(int field, std::int64_t value) {
  put(static_cast<std::uint64_t>(field) << 3);
  put(static_cast<std::uint64_t>(value));
  return *this;
}

Message& Message::text(int field, const std::string& value) {
  put((static_cast<std::uint64_t>(field) << 3) | 2);
  put(value.size());
  bytes_ += value;
  return *this;
}

void Message::put(std::uint64_t value) {
  for (; value >= 128; value >>= 7) bytes_ += static_cast<char>(value | 128);
  bytes_ += static_cast<char>(value);
}

Message integer_attribute(const std::string& name, std::int64_t value) {
  return Message().text(1, name).number(3, value).number(20, 2);
}

Message ints_attribute(const std::string& name, const Sides& values) {
  Message attribute = Message().text(1, name).number(20, 7);
  for (const std::int64_t value : values) attribute.number(8, value);
  return attribute;
}

Message string_attribute(const std::string& name, const std::string& value) {
  return Message().text(1, name).text(4, value).number(20, 3);
}

void GraphWriter::add_input(const std::string& name, const Sides& sides, int type) {
  graph_.message(11, value_info(name, sides, type));
}

void GraphWriter::declare(const std::string& name, const Sides& sides) {
  graph_.message(13, value_info(name, sides, kFloat));
}

void GraphWriter::output(const std::string& name, const Sides& sides, int type) {
  graph_.message(12, value_info(name, sides, type));
}

std::string GraphWriter::floats(const std::string& name, const Sides& sides, const std::vector<float>& values) {
  std::string raw(values.size() * sizeof(float), '\0');
  std::memcpy(raw.data(), values.data(), raw.size());
  graph_.message(5, tensor(name, kFloat, sides, raw));
  return name;
}

std::string GraphWriter::integers(const std::string& name, const Sides& values) {
  std::string raw(values.size() * sizeof(std::int64_t), '\0');
  std::memcpy(raw.data(), values.data(), raw.size());
  graph_.message(5, tensor(name, kInt64, {static_cast<std::int64_t>(values.size())}, raw));
  return name;
}

std::string GraphWriter::node(const std::string& kind, const Names& inputs, const std::string& output,
                              const std::vector<Message>& attributes) {
  Message message;
  for (const std::string& input : inputs) message.text(1, input);
  message.text(2, output).text(3, kind + "_" + output).text(4, kind);
  for (const Message& attribute : attributes) message.message(5, attribute);
  graph_.message(1, message);
  return output;
}

std::string GraphWriter::mean(const std::string& input, std::int64_t side, const std::string& output) {
  return node("AveragePool", {input}, output,
              {ints_attribute("kernel_shape", {side, side}), ints_attribute("strides", {side, side})});
}

std::string GraphWriter::mix(const std::string& input, const std::vector<std::vector<float>>& rows,
                             const std::vector<float>& bias, const std::string& output) {
  const std::int64_t count = static_cast<std::int64_t>(rows.size());
  std::vector<float> weights;
  for (const std::vector<float>& row : rows) weights.insert(weights.end(), row.begin(), row.end());
  return node("Conv",
              {input, floats(output + "_weight", {count, 3, 1, 1}, weights), floats(output + "_bias", {count}, bias)},
              output);
}

std::string GraphWriter::stir(const std::string& input, std::int64_t outputs, std::int64_t pad,
                              const std::string& output, std::int64_t step) {
  std::vector<float> weights;
  std::vector<float> bias;
  for (std::int64_t i = 0; i < outputs * 27; ++i) weights.push_back(std::sin(static_cast<float>(i * i % 101)) / 3);
  for (std::int64_t i = 0; i < outputs; ++i) bias.push_back(std::cos(static_cast<float>(i * 7)) / 3);
  std::vector<Message> attributes = {ints_attribute("kernel_shape", {3, 3}),
                                     ints_attribute("pads", {pad, pad, pad, pad})};
  if (step != 1) attributes.push_back(ints_attribute("strides", {step, step}));
  return node(
      "Conv",
      {input, floats(output + "_weight", {outputs, 3, 3, 3}, weights), floats(output + "_bias", {outputs}, bias)},
      output, attributes);
}

void GraphWriter::flatten(const std::string& input, const Sides& target, const std::string& output) {
  const std::string turned = node("Transpose", {input}, output + "_nhwc", {ints_attribute("perm", {0, 2, 3, 1})});
  node("Reshape", {turned, integers(output + "_shape", target)}, output);
}

ByteVector GraphWriter::bytes() const {
  const Message model =
      Message().number(1, 7).text(2, "mien tests").message(7, graph_).message(8, Message().text(1, "").number(2, 13));
  return ByteVector(model.bytes().begin(), model.bytes().end());
}

}  // namespace mien::test
