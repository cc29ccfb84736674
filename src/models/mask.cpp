#include "models/mask.h"

#include <fmt/format.h>

#include <map>
#include <set>

#include "device/onnx_file.h"
#include "models/strides.h"

namespace mien {
namespace {

using onnx::GraphProto;
using onnx::NodeProto;

constexpr std::string_view kPrefix = "mien_mask";

void require_one_graph(const GraphProto& graph) {
  if (!has_inner_graphs(graph)) return;
  for (const NodeProto& node : graph.node()) {
    GraphProto alone;
    *alone.add_node() = node;
    if (!has_inner_graphs(alone)) continue;
    throw Exception(ErrorCode::unsupported, fmt::format("{} {} holds a graph of its own, which mien does not follow",
                                                        node.op_type(), node.name()));
  }
}

void add_mask_input(GraphProto& graph, int stride) {
  using Dimension = onnx::TensorShapeProto::Dimension;
  const Dimension images = graph.input(0).type().tensor_type().shape().dim(0);
  onnx::ValueInfoProto& input = *graph.add_input();
  input.set_name(mask_input_name(stride));
  onnx::TypeProto::Tensor& type = *input.mutable_type()->mutable_tensor_type();
  type.set_elem_type(kOnnxFloat);
  onnx::TensorShapeProto& shape = *type.mutable_shape();
  *shape.add_dim() = images;
  shape.add_dim()->set_dim_value(1);
  shape.add_dim()->set_dim_param(fmt::format("mien_rows_{}", stride));
  shape.add_dim()->set_dim_param(fmt::format("mien_columns_{}", stride));
}

NodeProto make_product(const std::string& value, int stride, const std::string& result) {
  NodeProto node;
  node.set_op_type("Mul");
  node.set_name(result);
  node.add_input(value);
  node.add_input(mask_input_name(stride));
  node.add_output(result);
  return node;
}

// Puts a product with the mask before each node that needs one; nodes that read the same value share it. Returns how
// many there are.
int insert_products(GraphProto& graph, const std::vector<WideNode>& wide) {
  std::map<int, NodeProto> before;            // by the node that they stand before
  std::map<std::string, std::string> masked;  // by the value
  for (const WideNode& reader : wide) {
    NodeProto& node = *graph.mutable_node(reader.index);
    std::string& result = masked[node.input(0)];
    if (result.empty()) {
      result = fmt::format("{}ed_{}", kPrefix, masked.size());
      before[reader.index] = make_product(node.input(0), reader.stride, result);
    }
    node.set_input(0, result);
  }
  google::protobuf::RepeatedPtrField<NodeProto> nodes;
  nodes.Reserve(graph.node_size() + static_cast<int>(before.size()));
  for (int i = 0; i < graph.node_size(); ++i) {
    if (const auto product = before.find(i); product != before.end()) *nodes.Add() = std::move(product->second);
    *nodes.Add() = std::move(*graph.mutable_node(i));
  }
  graph.mutable_node()->Swap(&nodes);
  return static_cast<int>(before.size());
}

MaskedModel mask_or_throw(onnx::ModelProto model) {
  GraphProto& graph = *model.mutable_graph();
  make_weights_constant(model);
  require_one_graph(graph);
  FollowedStrides followed = follow_strides(graph);
  MaskedModel result;
  result.masked_values = insert_products(graph, followed.wide);
  result.output_strides = std::move(followed.output_strides);
  std::set<int> strides;
  for (const WideNode& reader : followed.wide) strides.insert(reader.stride);
  for (const int stride : strides) add_mask_input(graph, stride);
  result.strides.assign(strides.begin(), strides.end());
  result.model = serialize(model);
  return result;
}

}  // namespace

std::string mask_input_name(int stride) { return fmt::format("{}_{}", kPrefix, stride); }

Result<MaskedModel> mask_model(Bytes bytes) {
  Result<onnx::ModelProto> model = parse_model(bytes);
  if (!model) return model.error();
  try {
    return mask_or_throw(std::move(*model));
  } catch (const Exception& obstacle) {
    return obstacle.error();
  }
}

}  // namespace mien
