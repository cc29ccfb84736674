#define ORT_API_MANUAL_INIT
#include "device/onnxruntime_graph.h"

#include <fmt/format.h>

#include <cstring>

#include "mien/result.h"

namespace mien {
namespace {

constexpr int kOpset = 20;

Ort::ValueInfo make_value_info(const GraphPort& port) {
  // Free dimensions keep a name each, so that the runtime does not take two of them for equal.
  std::vector<std::string> names;
  for (std::size_t i = 0; i < port.shape.size(); ++i) {
    names.push_back(port.shape[i] < 0 ? fmt::format("{}_{}", port.name, i) : "");
  }
  const Ort::TensorTypeAndShapeInfo info(ort_element_type(port.type), port.shape, &names);
  const Ort::TypeInfo type = Ort::TypeInfo::CreateTensorInfo(info.GetConst());
  return Ort::ValueInfo(port.name, type.GetConst());
}

Ort::OpAttr make_attribute(const GraphAttribute& attribute) {
  const char* const name = attribute.name.c_str();
  if (const auto* number = std::get_if<std::int64_t>(&attribute.value)) {
    return Ort::OpAttr(name, number, 1, ORT_OP_ATTR_INT);
  }
  if (const auto* numbers = std::get_if<std::vector<std::int64_t>>(&attribute.value)) {
    return Ort::OpAttr(name, numbers->data(), static_cast<int>(numbers->size()), ORT_OP_ATTR_INTS);
  }
  const std::string& text = std::get<std::string>(attribute.value);
  return Ort::OpAttr(name, text.data(), static_cast<int>(text.size()), ORT_OP_ATTR_STRING);
}

Ort::Value make_constant(const GraphConstant& constant) {
  Ort::AllocatorWithDefaultOptions allocator;
  Ort::Value value = Ort::Value::CreateTensor(allocator, constant.shape.data(), constant.shape.size(),
                                              ort_element_type(constant.type));
  std::memcpy(value.GetTensorMutableRawData(), constant.bytes.data(), constant.bytes.size());
  return value;
}

}  // namespace

ONNXTensorElementDataType ort_element_type(ElementType type) {
  return static_cast<ONNXTensorElementDataType>(onnx_element_type(type));
}

ElementType element_type_of(ONNXTensorElementDataType type, const std::string& what) {
  for (const ElementType known :
       {ElementType::u8, ElementType::i32, ElementType::i64, ElementType::f32, ElementType::boolean}) {
    if (ort_element_type(known) == type) return known;
  }
  throw Exception(
      ErrorCode::unsupported,
      fmt::format("{} has values of ONNX's type {}: mien takes models of 32-bit floats", what, static_cast<int>(type)));
}

Ort::Model make_ort_model(const Graph& graph) {
  std::vector<Ort::ValueInfo> inputs;
  std::vector<Ort::ValueInfo> outputs;
  for (const GraphPort& port : graph.inputs) inputs.push_back(make_value_info(port));
  for (const GraphPort& port : graph.outputs) outputs.push_back(make_value_info(port));
  Ort::Graph ort_graph;
  ort_graph.SetInputs(inputs);
  ort_graph.SetOutputs(outputs);
  for (const GraphConstant& constant : graph.constants) {
    Ort::Value value = make_constant(constant);
    ort_graph.AddInitializer(constant.name, value, false);
  }
  for (const GraphNode& row : graph.nodes) {
    std::vector<Ort::OpAttr> attributes;
    for (const GraphAttribute& attribute : row.attributes) attributes.push_back(make_attribute(attribute));
    Ort::Node node(row.op, "", row.outputs.front(), row.inputs, row.outputs, attributes);
    ort_graph.AddNode(node);
  }
  Ort::Model model({{"", kOpset}});
  model.AddGraph(ort_graph);
  return model;
}

}  // namespace mien
