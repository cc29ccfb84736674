#include "models/onnx_graph.h"

namespace mien {

OnnxGraph::OnnxGraph(onnx::GraphProto& graph) {
  for (onnx::TensorProto& tensor : *graph.mutable_initializer()) values_[tensor.name()].constant = &tensor;
  for (onnx::NodeProto& node : *graph.mutable_node()) {
    for (const std::string& input : node.input()) values_[input].users.push_back(&node);
    for (const std::string& output : node.output()) values_[output].maker = node.input_size() > 0 ? &node : nullptr;
    if (node.op_type() != "Constant" || node.output_size() != 1) continue;
    for (onnx::AttributeProto& attribute : *node.mutable_attribute()) {
      if (attribute.name() == "value" && attribute.has_t()) values_[node.output(0)].constant = attribute.mutable_t();
    }
  }
  for (const onnx::ValueInfoProto& output : graph.output()) values_[output.name()].users.push_back(nullptr);
}

const OnnxValue& OnnxGraph::operator[](const std::string& name) const {
  static const OnnxValue kUnknown;
  const auto found = values_.find(name);
  return found == values_.end() ? kUnknown : found->second;
}

const onnx::AttributeProto* find_attribute(const onnx::NodeProto& node, std::string_view name) {
  for (const onnx::AttributeProto& attribute : node.attribute()) {
    if (attribute.name() == name) return &attribute;
  }
  return nullptr;
}

}  // namespace mien
