#include "models/shapes.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "models/onnx_graph.h"

namespace mien {
namespace {

using onnx::GraphProto;
using onnx::ModelProto;
using onnx::NodeProto;
using onnx::TensorProto;
using onnx::TensorShapeProto;

void write_integers(TensorProto& tensor, const std::vector<std::int64_t>& values) {
  tensor.clear_raw_data();
  tensor.clear_int64_data();
  for (const std::int64_t value : values) tensor.add_int64_data(value);
}

// The changes that free the nodes of a graph. They are gathered before any node is changed, so that an obstacle leaves
// all nodes as they were.
struct Changes {
  std::vector<std::pair<TensorProto*, std::vector<std::int64_t>>> targets;  // of Reshapes
  std::vector<std::pair<NodeProto*, TensorProto>> scales;                   // of Resizes, in place of sizes
};

using DeclaredShapes = std::map<std::string, std::vector<std::int64_t>>;

DeclaredShapes read_declared_shapes(const GraphProto& graph) {
  DeclaredShapes shapes;
  const auto add = [&](const onnx::ValueInfoProto& value) {
    std::vector<std::int64_t>& sides = shapes[value.name()];
    for (const auto& dim : value.type().tensor_type().shape().dim()) sides.push_back(dim.dim_value());
  };
  for (const auto& value : graph.value_info()) add(value);
  for (const auto& value : graph.input()) add(value);
  for (const auto& value : graph.output()) add(value);
  return shapes;
}

// A target such as [1, -1, 10] would keep a batch of one: 0 means "as in the input".
bool free_reshape(const NodeProto& node, const OnnxGraph& graph, Changes& changes) {
  if (node.input_size() < 2) return false;
  TensorProto* target = graph[node.input(1)].constant;
  if (target == nullptr) return true;  // computed at run time: follows the input by itself
  std::optional<std::vector<std::int64_t>> values = read_integers(*target);
  if (!values || values->empty()) return false;
  if (values->front() == 1) {
    values->front() = 0;
    changes.targets.emplace_back(target, std::move(*values));
  }
  return true;
}

// Constant sizes stand for a scale: the size divided by the declared size of what is resized.
bool free_resize(NodeProto& node, int index, const OnnxGraph& graph, const DeclaredShapes& shapes, Changes& changes) {
  if (node.input_size() < 4 || node.input(3).empty()) return true;  // has scales already
  const TensorProto* sizes = graph[node.input(3)].constant;
  if (sizes == nullptr) return true;  // computed at run time
  const std::optional<std::vector<std::int64_t>> values = read_integers(*sizes);
  const auto declared = shapes.find(node.input(0));
  if (!values || declared == shapes.end() || declared->second.size() != values->size()) return false;
  TensorProto scales;
  scales.set_name(fmt::format("mien_resize_scales_{}", index));
  scales.set_data_type(kOnnxFloat);
  scales.add_dims(static_cast<std::int64_t>(values->size()));
  for (std::size_t i = 0; i < values->size(); ++i) {
    if (declared->second[i] <= 0 || (*values)[i] % declared->second[i] != 0) return false;
    scales.add_float_data(static_cast<float>((*values)[i] / declared->second[i]));
  }
  changes.scales.emplace_back(&node, std::move(scales));
  return true;
}

void apply(Changes& changes, GraphProto& graph) {
  for (const auto& [target, values] : changes.targets) write_integers(*target, values);
  for (auto& [resize, scales] : changes.scales) {
    resize->set_input(2, scales.name());
    resize->mutable_input()->DeleteSubrange(3, 1);
    *graph.add_initializer() = std::move(scales);
  }
}

void free_dimension(TensorShapeProto& shape, int index, const char* name) {
  shape.mutable_dim(index)->set_dim_param(name);
  shape.mutable_dim(index)->clear_dim_value();
}

// Returns what stands in the way, or nothing.
std::string free_nodes(GraphProto& graph, const FreeShapes& wanted) {
  const OnnxGraph nodes(graph);
  const DeclaredShapes shapes = read_declared_shapes(graph);
  Changes changes;
  int index = 0;
  for (NodeProto& node : *graph.mutable_node()) {
    ++index;
    if (wanted.batch && node.op_type() == "Reshape" && !free_reshape(node, nodes, changes)) {
      return fmt::format("Reshape {} has a target that cannot be read", node.name());
    }
    if (wanted.size && node.op_type() == "Resize" && !free_resize(node, index, nodes, shapes, changes)) {
      return fmt::format("Resize {} has a constant size whose scale is not known", node.name());
    }
  }
  apply(changes, graph);
  return "";
}

// The graph's real input: the first that is not also an initializer (old exporters list those too).
int find_input(const GraphProto& graph) {
  for (int i = 0; i < graph.input_size(); ++i) {
    bool is_initializer = false;
    for (const TensorProto& tensor : graph.initializer()) is_initializer |= tensor.name() == graph.input(i).name();
    if (!is_initializer) return i;
  }
  return -1;
}

void forget_declared_shapes(GraphProto& graph) {
  graph.clear_value_info();
  for (onnx::ValueInfoProto& output : *graph.mutable_output()) {
    output.mutable_type()->mutable_tensor_type()->clear_shape();
  }
}

GraphFacts facts_of(const GraphProto& graph) {
  bool has_sub = false;
  bool has_mul = false;
  for (int i = 0; i < std::min(8, graph.node_size()); ++i) {
    const std::string& name = graph.node(i).name();
    has_sub |= name.starts_with("Sub") || name.starts_with("_minus");
    has_mul |= name.starts_with("Mul") || name.starts_with("_mul");
  }
  return {.normalises_itself = has_sub && has_mul, .output_count = graph.output_size()};
}

}  // namespace

Result<ModelShapes> free_shapes(ModelProto& model, const FreeShapes& wanted) {
  GraphProto& graph = *model.mutable_graph();
  const int input_index = find_input(graph);
  if (input_index < 0) return Error{ErrorCode::bad_data, "the ONNX model has no input"};
  const TensorShapeProto& declared = graph.input(input_index).type().tensor_type().shape();
  if (declared.dim_size() != 4) return Error{ErrorCode::unsupported, "the model's input is not an image (NCHW)"};

  ModelShapes shapes;
  shapes.facts = facts_of(graph);
  shapes.declared_batch = declared.dim(0).dim_value();
  shapes.declared_height = declared.dim(2).dim_value();
  shapes.declared_width = declared.dim(3).dim_value();
  shapes.batch_is_free = shapes.declared_batch <= 0;
  shapes.size_is_free = shapes.declared_height <= 0 && shapes.declared_width <= 0;
  const bool wants_batch = wanted.batch && !shapes.batch_is_free;
  const bool wants_size = wanted.size && !shapes.size_is_free;
  if (!wants_batch && !wants_size) return shapes;
  shapes.obstacle = free_nodes(graph, {.batch = wants_batch, .size = wants_size});
  if (!shapes.obstacle.empty()) return shapes;
  TensorShapeProto& shape = *graph.mutable_input(input_index)->mutable_type()->mutable_tensor_type()->mutable_shape();
  if (wants_batch) free_dimension(shape, 0, "mien_batch");
  // A detector runs one image at a time: a declared batch of ten (CenterFace) becomes one.
  if (wants_size && !wants_batch) shape.mutable_dim(0)->set_dim_value(1);
  if (wants_size) {
    free_dimension(shape, 2, "mien_height");
    free_dimension(shape, 3, "mien_width");
  }
  shapes.batch_is_free |= wants_batch;
  shapes.size_is_free |= wants_size;
  forget_declared_shapes(graph);
  shapes.is_changed = true;
  return shapes;
}

}  // namespace mien
