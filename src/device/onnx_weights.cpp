#include "device/onnx_weights.h"

#include <set>
#include <string_view>

namespace mien {

std::vector<OnnxWeight> find_onnx_weights(const onnx::ModelProto& model, std::size_t bytes_min) {
  std::set<std::string_view> of_products;
  std::set<std::string_view> of_others;
  for (const onnx::NodeProto& node : model.graph().node()) {
    const bool is_product = node.op_type() == "Conv" || node.op_type() == "Gemm";
    (is_product ? of_products : of_others).insert(node.input().begin(), node.input().end());
  }
  std::vector<OnnxWeight> weights;
  for (const onnx::TensorProto& tensor : model.graph().initializer()) {
    const std::string& raw = tensor.raw_data();
    if (tensor.data_type() != kOnnxFloat || raw.size() < bytes_min || raw.size() % sizeof(float) != 0 ||
        !has_count(tensor, raw.size() / sizeof(float)) || !of_products.contains(tensor.name()) ||
        of_others.contains(tensor.name())) {
      continue;
    }
    weights.push_back({tensor.name(),
                       {tensor.dims().begin(), tensor.dims().end()},
                       {reinterpret_cast<const std::uint8_t*>(raw.data()), raw.size()}});
  }
  return weights;
}

}  // namespace mien
