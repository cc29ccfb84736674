#include "models/traced_sizes.h"

#include <algorithm>
#include <cmath>

namespace mien {
namespace {

using onnx::NodeProto;
using Integers = std::vector<std::int64_t>;

std::optional<std::int64_t> only_integer(const OnnxGraph& graph, const NodeProto& node, int input) {
  if (input >= node.input_size()) return std::nullopt;
  const onnx::TensorProto* const tensor = graph[node.input(input)].constant;
  const std::optional<Integers> values = tensor == nullptr ? std::nullopt : read_integers(*tensor);
  return values && values->size() == 1 ? std::optional(values->front()) : std::nullopt;
}

std::optional<std::int64_t> only_integer(const NodeProto& node, std::string_view attribute_name) {
  const onnx::AttributeProto* const attribute = find_attribute(node, attribute_name);
  return attribute != nullptr && attribute->ints_size() == 1 ? std::optional(attribute->ints(0)) : std::nullopt;
}

// Since opset 10 the bounds are inputs, before that they were attributes.
std::optional<TracedSizes> slice(const NodeProto& node, const OnnxGraph& graph, const TracedSizes& sizes) {
  const bool has_inputs = node.input_size() > 1;
  const std::optional<std::int64_t> start = has_inputs ? only_integer(graph, node, 1) : only_integer(node, "starts");
  const std::optional<std::int64_t> end = has_inputs ? only_integer(graph, node, 2) : only_integer(node, "ends");
  const bool has_step = node.input_size() > 4 && only_integer(graph, node, 4) != 1;
  if (!start || !end || has_step) return std::nullopt;
  const std::int64_t count = static_cast<std::int64_t>(sizes.size());
  const auto place = [count](std::int64_t at) { return std::clamp(at < 0 ? at + count : at, std::int64_t{0}, count); };
  const std::int64_t first = place(*start);
  return TracedSizes(sizes.begin() + first, sizes.begin() + std::max(first, place(*end)));
}

std::optional<TracedSizes> gather(const NodeProto& node, const OnnxGraph& graph, const TracedSizes& sizes) {
  const std::int64_t count = static_cast<std::int64_t>(sizes.size());
  std::optional<std::int64_t> index = only_integer(graph, node, 1);
  if (index && *index < 0) *index += count;
  if (!index || *index < 0 || *index >= count) return std::nullopt;
  return TracedSizes{sizes[static_cast<std::size_t>(*index)]};
}

std::optional<TracedSizes> concat(const NodeProto& node, const SizesOf& sizes_of) {
  constexpr std::size_t kCountMax = 8;  // a shape has four; what joins itself again and again would fill the memory
  TracedSizes all;
  for (const std::string& input : node.input()) {
    const std::optional<TracedSizes> part = sizes_of(input);
    if (!part || all.size() + part->size() > kCountMax) return std::nullopt;
    all.insert(all.end(), part->begin(), part->end());
  }
  return all;
}

// The factor of a Mul: a constant of one value, whole and not negative.
std::optional<std::int64_t> factor_of(const OnnxGraph& graph, const std::string& name) {
  constexpr int kFactorMax = 32;
  const onnx::TensorProto* const tensor = graph[name].constant;
  if (tensor == nullptr) return std::nullopt;
  if (const std::optional<Integers> values = read_integers(*tensor)) {
    const bool is_one = values->size() == 1 && values->front() >= 1 && values->front() <= kFactorMax;
    return is_one ? std::optional(values->front()) : std::nullopt;
  }
  const std::optional<std::vector<float>> values = read_floats(*tensor);
  if (!values || values->size() != 1) return std::nullopt;
  const float value = values->front();
  const bool is_whole = value >= 1 && value <= float{kFactorMax} && value == std::floor(value);
  return is_whole ? std::optional(static_cast<std::int64_t>(value)) : std::nullopt;
}

// Twice as many rows are rows at half the stride.
std::optional<TracedSizes> scale(const NodeProto& node, const OnnxGraph& graph, const SizesOf& sizes_of) {
  if (node.input_size() != 2) return std::nullopt;
  const bool is_first = graph[node.input(1)].constant != nullptr;
  const std::optional<std::int64_t> factor = factor_of(graph, node.input(is_first ? 1 : 0));
  std::optional<TracedSizes> sizes = sizes_of(node.input(is_first ? 0 : 1));
  if (!factor || !sizes) return std::nullopt;
  for (TracedSize& size : *sizes) {
    const bool is_side = size.kind == TracedSize::Kind::rows || size.kind == TracedSize::Kind::columns;
    if (!is_side || size.value % *factor != 0) return std::nullopt;
    size.value /= *factor;
  }
  return sizes;
}

}  // namespace

TracedSizes picture_shape(int stride) {
  using Kind = TracedSize::Kind;
  return {{Kind::images, 0}, {Kind::channels, 0}, {Kind::rows, stride}, {Kind::columns, stride}};
}

std::optional<TracedSizes> trace_sizes(const NodeProto& node, const OnnxGraph& graph, const SizesOf& sizes_of) {
  const std::string& op = node.op_type();
  if (op == "Concat") return concat(node, sizes_of);
  if (op == "Mul") return scale(node, graph, sizes_of);
  const std::optional<TracedSizes> sizes = node.input_size() > 0 ? sizes_of(node.input(0)) : std::nullopt;
  if (!sizes) return std::nullopt;
  if (op == "Slice") return slice(node, graph, *sizes);
  if (op == "Gather") return gather(node, graph, *sizes);
  // One number is the same with a dimension and without; what is rounded is whole already.
  const bool keeps = op == "Squeeze" || op == "Unsqueeze" || op == "Cast" || op == "Floor" || op == "Ceil";
  return keeps ? sizes : std::nullopt;
}

}  // namespace mien
