#include "device/onnx_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <set>

namespace mien {
namespace {

// A tensor has its values in a field of their type or in bytes.
template <typename T, typename Field>
std::vector<T> read_values(const Field& field, const std::string& raw) {
  std::vector<T> values(field.begin(), field.end());
  if (values.empty() && !raw.empty() && raw.size() % sizeof(T) == 0) {
    values.resize(raw.size() / sizeof(T));
    std::memcpy(values.data(), raw.data(), raw.size());
  }
  return values;
}

}  // namespace

Result<onnx::ModelProto> parse_model(Bytes bytes) {
  onnx::ModelProto model;
  if (bytes.size() > kModelBytesMax) {
    return Error{ErrorCode::limit_exceeded, fmt::format("the model has {} MB, more than the {} MB that are accepted",
                                                        bytes.size() >> 20, kModelBytesMax >> 20)};
  }
  if (!model.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) || !model.has_graph() ||
      model.graph().node_size() == 0 || model.graph().input_size() == 0 || model.graph().output_size() == 0) {
    return Error{ErrorCode::bad_data, "not an ONNX model"};
  }
  return model;
}

bool make_weights_constant(onnx::ModelProto& model) {
  onnx::GraphProto& graph = *model.mutable_graph();
  std::set<std::string> weights;
  for (const onnx::TensorProto& tensor : graph.initializer()) weights.insert(tensor.name());
  auto& inputs = *graph.mutable_input();
  const auto first = std::remove_if(inputs.begin(), inputs.end(),
                                    [&](const onnx::ValueInfoProto& input) { return weights.contains(input.name()); });
  const bool is_changed = first != inputs.end();
  inputs.erase(first, inputs.end());
  return is_changed;
}

std::vector<std::uint8_t> serialize(const onnx::ModelProto& model) {
  std::vector<std::uint8_t> bytes(model.ByteSizeLong());
  model.SerializeToArray(bytes.data(), static_cast<int>(bytes.size()));
  return bytes;
}

std::optional<std::vector<std::int64_t>> read_integers(const onnx::TensorProto& tensor) {
  if (tensor.data_type() != kOnnxInt64) return std::nullopt;
  return read_values<std::int64_t>(tensor.int64_data(), tensor.raw_data());
}

std::optional<std::vector<float>> read_floats(const onnx::TensorProto& tensor) {
  if (tensor.data_type() != kOnnxFloat) return std::nullopt;
  return read_values<float>(tensor.float_data(), tensor.raw_data());
}

bool has_count(const onnx::TensorProto& tensor, std::size_t count) {
  for (const std::int64_t side : tensor.dims()) {
    if (side <= 0 || count % static_cast<std::size_t>(side) != 0) return false;
    count /= static_cast<std::size_t>(side);
  }
  return count == 1;
}

bool has_inner_graphs(const onnx::GraphProto& graph) {
  for (const onnx::NodeProto& node : graph.node()) {
    for (const onnx::AttributeProto& attribute : node.attribute()) {
      if (attribute.has_g() || attribute.graphs_size() > 0) return true;
    }
  }
  return false;
}

}  // namespace mien
