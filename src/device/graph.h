// A device operation as a small ONNX graph (opset 20), put together at run time and run by whatever provider the
// backend has. It names no runtime: src/device/onnxruntime_graph.cpp hands it to ONNX Runtime's Model Editor.
//
// Only operators that the CUDA, MIGraphX, CoreML-or-WebGPU and CPU providers all run belong here. Not on WebGPU (they
// would run on the CPU in the middle of a graph): GridSample, OneHot, bit shifts, Mod, Round, IsNaN, Neg and Abs of
// integers, Transpose and Concat of bytes.
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "device/tensor.h"

namespace mien {

struct GraphPort {
  std::string name;
  ElementType type = ElementType::f32;
  Shape shape;  // -1: any size
};

struct GraphConstant {
  std::string name;
  ElementType type = ElementType::f32;
  Shape shape;
  std::vector<std::uint8_t> bytes;  // little-endian, row-major
};

struct GraphAttribute {
  std::string name;
  std::variant<std::int64_t, std::vector<std::int64_t>, std::string> value;
};

struct GraphNode {
  std::string op;
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  std::vector<GraphAttribute> attributes;
};

struct Graph {
  std::string name;
  std::vector<GraphPort> inputs;
  std::vector<GraphPort> outputs;
  std::vector<GraphConstant> constants;
  std::vector<GraphNode> nodes;
};

// Each call adds a node and gives its result; shapes follow ONNX's broadcasting.
class GraphBuilder {
 public:
  // A value of the graph; only what this builder gave may be handed back to it.
  struct Value {
    std::string name;
  };

  explicit GraphBuilder(std::string name) { graph_.name = std::move(name); }

  Value input(const std::string& name, ElementType type, Shape shape);
  void output(const std::string& name, const Value& value, ElementType type, Shape shape);

  Value constant(std::span<const float> values, Shape shape);
  Value constant(std::span<const std::int32_t> values, Shape shape);
  Value constant(std::span<const std::int64_t> values, Shape shape);
  Value scalar(float value) { return constant(std::span<const float>(&value, 1), {1}); }
  Value scalar(std::int32_t value) { return constant(std::span<const std::int32_t>(&value, 1), {1}); }

  // Any operator by its ONNX name.
  Value node(const std::string& op, std::initializer_list<Value> inputs, std::vector<GraphAttribute> attributes = {});

  Value add(const Value& a, const Value& b) { return node("Add", {a, b}); }
  Value sub(const Value& a, const Value& b) { return node("Sub", {a, b}); }
  Value mul(const Value& a, const Value& b) { return node("Mul", {a, b}); }
  Value div(const Value& a, const Value& b) { return node("Div", {a, b}); }  // of integers: towards zero
  Value min(const Value& a, const Value& b) { return node("Min", {a, b}); }
  Value max(const Value& a, const Value& b) { return node("Max", {a, b}); }
  Value clamp(const Value& a, const Value& low, const Value& high) { return min(max(a, low), high); }
  Value floor(const Value& a) { return node("Floor", {a}); }
  Value sqrt(const Value& a) { return node("Sqrt", {a}); }
  Value less(const Value& a, const Value& b) { return node("Less", {a, b}); }
  Value greater_equal(const Value& a, const Value& b) { return node("GreaterOrEqual", {a, b}); }
  Value logical_and(const Value& a, const Value& b) { return node("And", {a, b}); }
  Value where(const Value& condition, const Value& a, const Value& b) { return node("Where", {condition, a, b}); }
  Value cast(const Value& a, ElementType type);
  Value gather(const Value& data, const Value& indices, std::int64_t axis);
  Value reshape(const Value& a, const Shape& shape);  // 0: as it was; -1: what is left
  Value unsqueeze(const Value& a, const Shape& axes);
  Value transpose(const Value& a, const Shape& order);
  Value concat(std::span<const Value> values, std::int64_t axis);
  Value reduce_sum(const Value& a, const Shape& axes, bool keep_axes);

  Graph build() && { return std::move(graph_); }

 private:
  Value add_constant(ElementType type, Shape shape, const void* data, std::size_t bytes);
  std::string next_name() { return "v" + std::to_string(++names_); }

  Graph graph_;
  int names_ = 0;
};

// The number of ONNX's TensorProto.DataType, which Cast takes and runtimes share.
int onnx_element_type(ElementType type);

}  // namespace mien
