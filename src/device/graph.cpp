#include "device/graph.h"

#include <cassert>
#include <cstring>

namespace mien {

int onnx_element_type(ElementType type) {
  switch (type) {
    case ElementType::f32: return 1;
    case ElementType::u8: return 2;
    case ElementType::i32: return 6;
    case ElementType::i64: return 7;
    case ElementType::boolean: break;
  }
  return 9;
}

GraphBuilder::Value GraphBuilder::input(const std::string& name, ElementType type, Shape shape) {
  graph_.inputs.push_back({name, type, std::move(shape)});
  return {name};
}

void GraphBuilder::output(const std::string& name, const Value& value, ElementType type, Shape shape) {
  // Identity gives the value its public name; runtimes remove it.
  graph_.nodes.push_back({"Identity", {value.name}, {name}, {}});
  graph_.outputs.push_back({name, type, std::move(shape)});
}

GraphBuilder::Value GraphBuilder::add_constant(ElementType type, Shape shape, const void* data, std::size_t bytes) {
  assert(element_count(shape) * element_bytes(type) == bytes);
  GraphConstant constant{next_name(), type, std::move(shape), std::vector<std::uint8_t>(bytes)};
  std::memcpy(constant.bytes.data(), data, bytes);
  graph_.constants.push_back(std::move(constant));
  return {graph_.constants.back().name};
}

GraphBuilder::Value GraphBuilder::constant(std::span<const float> values, Shape shape) {
  return add_constant(ElementType::f32, std::move(shape), values.data(), values.size_bytes());
}

GraphBuilder::Value GraphBuilder::constant(std::span<const std::int32_t> values, Shape shape) {
  return add_constant(ElementType::i32, std::move(shape), values.data(), values.size_bytes());
}

GraphBuilder::Value GraphBuilder::constant(std::span<const std::int64_t> values, Shape shape) {
  return add_constant(ElementType::i64, std::move(shape), values.data(), values.size_bytes());
}

GraphBuilder::Value GraphBuilder::node(const std::string& op, std::initializer_list<Value> inputs,
                                       std::vector<GraphAttribute> attributes) {
  GraphNode node{op, {}, {next_name()}, std::move(attributes)};
  for (const Value& input : inputs) node.inputs.push_back(input.name);
  graph_.nodes.push_back(std::move(node));
  return {graph_.nodes.back().outputs.front()};
}

GraphBuilder::Value GraphBuilder::cast(const Value& a, ElementType type) {
  return node("Cast", {a}, {{"to", std::int64_t{onnx_element_type(type)}}});
}

GraphBuilder::Value GraphBuilder::gather(const Value& data, const Value& indices, std::int64_t axis) {
  return node("Gather", {data, indices}, {{"axis", axis}});
}

GraphBuilder::Value GraphBuilder::reshape(const Value& a, const Shape& shape) {
  return node("Reshape", {a, constant(std::span<const std::int64_t>(shape), {static_cast<int>(shape.size())})});
}

GraphBuilder::Value GraphBuilder::unsqueeze(const Value& a, const Shape& axes) {
  return node("Unsqueeze", {a, constant(std::span<const std::int64_t>(axes), {static_cast<int>(axes.size())})});
}

GraphBuilder::Value GraphBuilder::transpose(const Value& a, const Shape& order) {
  return node("Transpose", {a}, {{"perm", order}});
}

GraphBuilder::Value GraphBuilder::concat(std::span<const Value> values, std::int64_t axis) {
  GraphNode node{"Concat", {}, {next_name()}, {{"axis", axis}}};
  for (const Value& value : values) node.inputs.push_back(value.name);
  graph_.nodes.push_back(std::move(node));
  return {graph_.nodes.back().outputs.front()};
}

GraphBuilder::Value GraphBuilder::reduce_sum(const Value& a, const Shape& axes, bool keep_axes) {
  return node("ReduceSum", {a, constant(std::span<const std::int64_t>(axes), {static_cast<int>(axes.size())})},
              {{"keepdims", std::int64_t{keep_axes ? 1 : 0}}});
}

}  // namespace mien
