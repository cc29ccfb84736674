#include "models/equalize.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace mien {
namespace {

using onnx::NodeProto;
using onnx::TensorProto;

bool is_one_of(const std::string& kind, std::initializer_list<std::string_view> kinds) {
  return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
}

// Values whose channels have to have one factor, because an operator ties them together.
struct Group {
  std::vector<const NodeProto*> givers;   // convolutions
  std::vector<const NodeProto*> readers;  // convolutions
  std::vector<std::string> values;
  bool is_blocked = false;  // somebody else reads or gives one of them
};

class Equalizer {
 public:
  explicit Equalizer(onnx::GraphProto& graph) : constants_(graph) {
    for (const NodeProto& node : graph.node()) {
      for (const std::string& input : node.input()) ++uses_[input];
    }
    for (const NodeProto& node : graph.node()) {
      if (node.input_size() > 0 && node.output_size() > 0) tie(node);
    }
    for (const NodeProto& node : graph.node()) {
      if (node.input_size() > 0 && node.output_size() > 0) sort_in(node);
    }
    for (const auto& input : graph.input()) group_of(input.name()).is_blocked = true;
    for (const auto& output : graph.output()) group_of(output.name()).is_blocked = true;
    for (const auto& [name, parent] : parents_) group_of(name).values.push_back(name);
  }

  int run(const ValueRanges& ranges) {
    int count = 0;
    for (const auto& [name, group] : groups_) count += equalize(group, ranges);
    for (const auto& [name, values] : changed_) {
      TensorProto& tensor = *constants_.find(name);
      tensor.clear_float_data();
      tensor.set_raw_data(values.data(), values.size() * sizeof(float));
    }
    return count;
  }

 private:
  std::string root(const std::string& name) {
    std::string& parent = parents_.try_emplace(name, name).first->second;
    if (parent == name) return name;
    return parent = root(parent);
  }
  Group& group_of(const std::string& name) { return groups_[root(name)]; }

  // Operators that a factor of each channel passes through.
  void tie(const NodeProto& node) {
    const bool is_sum = node.op_type() == "Add";
    if (!is_sum && !is_one_of(node.op_type(), {"Relu", "MaxPool", "AveragePool", "Resize"})) return;
    for (int i = 0; i < (is_sum ? node.input_size() : 1); ++i) parents_[root(node.input(i))] = root(node.output(0));
  }

  void sort_in(const NodeProto& node) {
    if (node.op_type() == "Conv") {
      group_of(node.input(0)).readers.push_back(&node);
      group_of(node.output(0)).givers.push_back(&node);
      return;
    }
    if (is_one_of(node.op_type(), {"Relu", "MaxPool", "AveragePool", "Resize", "Shape", "Constant"})) return;
    const bool is_sum = node.op_type() == "Add";
    for (const std::string& input : node.input()) {
      if (!is_sum || constants_.find(input) != nullptr) group_of(input).is_blocked = true;
    }
    if (is_sum) return;
    for (const std::string& output : node.output()) group_of(output).is_blocked = true;
  }

  // Of a constant of floats that this node alone reads; null otherwise.
  std::vector<float>* values_of(const std::string& name) {
    const auto known = changed_.find(name);
    if (known != changed_.end()) return &known->second;
    const TensorProto* const tensor = constants_.find(name);
    if (tensor == nullptr || uses_[name] != 1) return nullptr;
    std::optional<std::vector<float>> read = read_floats(*tensor);
    if (!read || read->empty() || !has_count(*tensor, read->size())) return nullptr;
    return &changed_.emplace(name, std::move(*read)).first->second;
  }

  bool has_weights(const NodeProto& conv) {
    for (int i = 1; i < conv.input_size(); ++i) {
      if (values_of(conv.input(i)) == nullptr) return false;
    }
    return conv.input_size() > 1 && constants_.find(conv.input(1))->dims_size() == 4;
  }

  bool gives(const NodeProto& conv, std::size_t channels) {
    return has_weights(conv) && constants_.find(conv.input(1))->dims(0) == static_cast<std::int64_t>(channels) &&
           (conv.input_size() < 3 || values_of(conv.input(2))->size() == channels);
  }

  // Kernels over all channels, or one kernel for each.
  bool reads(const NodeProto& conv, std::size_t channels) {
    if (!has_weights(conv)) return false;
    const TensorProto& weights = *constants_.find(conv.input(1));
    const std::int64_t count = static_cast<std::int64_t>(channels);
    return weights.dims(1) == count || (weights.dims(1) == 1 && weights.dims(0) == count);
  }

  // Kernel i is multiplied by factor i, from the first again after the last.
  static void scale(std::vector<float>& values, std::size_t kernels, const std::vector<float>& factors) {
    const std::size_t size = std::max<std::size_t>(1, values.size() / kernels);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] *= factors[i / size % factors.size()];
  }

  bool equalize(const Group& group, const ValueRanges& ranges) {
    std::vector<float> top;
    for (const std::string& value : group.values) {
      const auto found = ranges.find(value);
      if (found == ranges.end()) continue;
      const std::vector<float>& seen = found->second.tops;
      top.resize(std::max(top.size(), seen.size()));
      for (std::size_t c = 0; c < seen.size(); ++c) top[c] = std::max(top[c], seen[c]);
    }
    const auto is_fit = [&](auto fits, const std::vector<const NodeProto*>& nodes) {
      return !nodes.empty() && std::all_of(nodes.begin(), nodes.end(), fits);
    };
    if (group.is_blocked || top.empty() ||
        !is_fit([&](const NodeProto* conv) { return gives(*conv, top.size()); }, group.givers) ||
        !is_fit([&](const NodeProto* conv) { return reads(*conv, top.size()); }, group.readers)) {
      return false;
    }
    constexpr float kFactorMax = 64;  // a channel that was nearly always 0 on these photos may not be on others
    const float largest = *std::max_element(top.begin(), top.end());
    std::vector<float> factors;
    std::vector<float> inverse;
    for (const float value : top) {
      factors.push_back(value > 0 ? std::min(kFactorMax, largest / value) : 1.0F);
      inverse.push_back(1 / factors.back());
    }
    for (const NodeProto* const conv : group.givers) {
      scale(*values_of(conv->input(1)), top.size(), factors);
      if (conv->input_size() > 2) scale(*values_of(conv->input(2)), top.size(), factors);
    }
    for (const NodeProto* const conv : group.readers) {
      const TensorProto& weights = *constants_.find(conv->input(1));
      const std::int64_t kernels = weights.dims(1) == 1 ? weights.dims(0) : weights.dims(0) * weights.dims(1);
      scale(*values_of(conv->input(1)), static_cast<std::size_t>(kernels), inverse);
    }
    return true;
  }

  Constants constants_;
  std::map<std::string, int> uses_;
  std::map<std::string, std::string> parents_;
  std::map<std::string, Group> groups_;
  std::map<std::string, std::vector<float>> changed_;
};

}  // namespace

int equalize_channels(onnx::GraphProto& graph, const ValueRanges& ranges) {
  if (has_inner_graphs(graph)) return 0;
  return Equalizer(graph).run(ranges);
}

}  // namespace mien
