#include "models/bf16_weights.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>

#include "models/onnx_graph.h"

namespace mien {
namespace {

constexpr std::uint32_t kKeptBits = 0xFFFF0000;

float towards_zero(float value) { return std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) & kKeptBits); }

float away_from_zero(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  return (bits & ~kKeptBits) == 0 ? value : std::bit_cast<float>((bits & kKeptBits) + ~kKeptBits + 1);
}

struct Rounded {
  float nearest;
  float other;  // the neighbour on the other side
  double cost;  // how much further away it is
};

Rounded round_both_ways(float value) {
  const float low = towards_zero(value);
  const float high = away_from_zero(value);
  const double to_low = std::abs(static_cast<double>(value) - low);
  const double to_high = std::abs(static_cast<double>(high) - value);
  if (to_low <= to_high) return {low, high, to_high - to_low};
  return {high, low, to_low - to_high};
}

// The values that a kernel applies to one plane of its input (3 x 3), or to all planes where it has one value for each.
std::size_t kernel_size(const onnx::TensorProto& weights) {
  if (weights.dims_size() < 2) return 0;
  std::size_t size = 1;
  for (int side = 2; side < weights.dims_size(); ++side) size *= static_cast<std::size_t>(weights.dims(side));
  return size > 1 ? size : static_cast<std::size_t>(weights.dims(1));
}

bool is_activation(const onnx::NodeProto& node) {
  return node.op_type() == "Relu" || node.op_type() == "PRelu" || node.op_type() == "Clip";
}

// Gemm as exporters write a linear layer: a row of weights for each output. Otherwise they are columns.
bool has_rows_of_weights(const onnx::NodeProto& node) {
  const onnx::AttributeProto* const turns = find_attribute(node, "transB");
  return node.op_type() == "Gemm" && turns != nullptr && turns->i() == 1;
}

class Preparation {
 public:
  explicit Preparation(onnx::GraphProto& graph) : graph_(graph), index_(graph) {}

  void run() {
    for (const onnx::NodeProto& node : graph_.node()) {
      if (node.op_type() == "Conv") make_bias_exact(node);
    }
    for (const onnx::NodeProto& node : graph_.node()) {
      const bool is_conv = node.op_type() == "Conv";
      if ((!is_conv && !has_rows_of_weights(node)) || node.input_size() < 2) continue;
      if (std::vector<float>* const weights = values(node.input(1))) {
        const std::size_t size = kernel_size(*index_[node.input(1)].constant);
        if (size == 0 || weights->size() % size != 0) continue;
        for (std::size_t at = 0; at < weights->size(); at += size) round_keeping_sum(weights->data() + at, size);
      }
    }
    for (auto& [name, changed] : values_) {
      onnx::TensorProto& tensor = *index_[name].constant;
      tensor.clear_float_data();
      tensor.set_raw_data(changed.data(), changed.size() * sizeof(float));
    }
  }

 private:
  // Returns the values of a constant of floats, as many as its sides say, that one node alone uses; null otherwise.
  std::vector<float>* values(const std::string& name) {
    const auto known = values_.find(name);
    if (known != values_.end()) return &known->second;
    const onnx::TensorProto* const tensor = index_[name].constant;
    if (tensor == nullptr || tensor->dims_size() == 0 || index_[name].users.size() != 1) return nullptr;
    std::optional<std::vector<float>> read = read_floats(*tensor);
    if (!read || read->empty() || !has_count(*tensor, read->size())) return nullptr;
    return &values_.emplace(name, std::move(*read)).first->second;
  }

  // The convolutions that alone read what this one gives, through an activation; empty where others do too.
  std::vector<const onnx::NodeProto*> next_convolutions(const onnx::NodeProto& conv) const {
    if (conv.output_size() != 1) return {};
    const auto& readers = index_[conv.output(0)].users;
    if (readers.size() != 1 || readers[0] == nullptr || !is_activation(*readers[0]) || readers[0]->output_size() != 1 ||
        readers[0]->input(0) != conv.output(0)) {
      return {};
    }
    const std::string& activated = readers[0]->output(0);
    for (const onnx::NodeProto* const reader : index_[activated].users) {
      if (reader == nullptr || reader->op_type() != "Conv" || reader->input(0) != activated) return {};
    }
    return index_[activated].users;
  }

  void make_bias_exact(const onnx::NodeProto& conv) {
    if (conv.input_size() < 3) return;
    const std::vector<const onnx::NodeProto*> next = next_convolutions(conv);
    std::vector<float>* const weights = values(conv.input(1));
    std::vector<float>* const bias = values(conv.input(2));
    if (next.empty() || weights == nullptr || bias == nullptr) return;
    const std::size_t channels = bias->size();
    if (index_[conv.input(1)].constant->dims(0) != static_cast<std::int64_t>(channels)) return;
    for (const onnx::NodeProto* const after : next) {
      if (!takes_channels(*after, channels)) return;
    }
    std::vector<double> factors(channels, 1.0);
    for (std::size_t c = 0; c < channels; ++c) {
      const float exact = round_both_ways((*bias)[c]).nearest;
      if ((*bias)[c] == 0 || exact == 0 || !std::isfinite(exact)) continue;
      factors[c] = static_cast<double>(exact) / (*bias)[c];
      (*bias)[c] = exact;
    }
    scale(*weights, factors, channels);
    for (double& factor : factors) factor = 1 / factor;
    for (const onnx::NodeProto* const after : next) scale(*values(after->input(1)), factors, planes_of(*after));
  }

  // Kernels that lie one after another in the weights, one for each channel of the input, and again for each output.
  std::size_t planes_of(const onnx::NodeProto& conv) const {
    const onnx::TensorProto& weights = *index_[conv.input(1)].constant;
    return static_cast<std::size_t>(weights.dims(1) == 1 ? weights.dims(0) : weights.dims(0) * weights.dims(1));
  }

  // One kernel for each channel (depthwise), or kernels over all channels.
  bool takes_channels(const onnx::NodeProto& conv, std::size_t channels) {
    if (conv.input_size() < 2 || values(conv.input(1)) == nullptr) return false;
    const onnx::TensorProto& weights = *index_[conv.input(1)].constant;
    if (weights.dims_size() < 2) return false;
    const std::int64_t count = static_cast<std::int64_t>(channels);
    return weights.dims(1) == count || (weights.dims(1) == 1 && weights.dims(0) == count);
  }

  // Kernel i is multiplied by factor i, from the first again after the last.
  static void scale(std::vector<float>& weights, const std::vector<double>& factors, std::size_t kernels) {
    const std::size_t size = weights.size() / kernels;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      weights[i] = static_cast<float>(weights[i] * factors[i / size % factors.size()]);
    }
  }

  onnx::GraphProto& graph_;
  const OnnxGraph index_;
  std::map<std::string, std::vector<float>> values_;
};

}  // namespace

void round_keeping_sum(float* values, std::size_t count) {
  if (!std::all_of(values, values + count, [](float value) { return std::isfinite(value); })) return;
  std::vector<Rounded> rounded;
  double error = 0;  // of the sum
  for (std::size_t i = 0; i < count; ++i) {
    rounded.push_back(round_both_ways(values[i]));
    error += static_cast<double>(rounded.back().nearest) - values[i];
    values[i] = rounded.back().nearest;
  }
  // Those that were nearly in the middle change sides first, as long as the sum comes closer.
  while (true) {
    std::size_t best = count;
    double best_worth = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const double step = static_cast<double>(rounded[i].other) - values[i];
      const double gain = std::abs(error) - std::abs(error + step);
      const double worth = gain / (rounded[i].cost + 1e-12);
      if (gain > 0 && worth > best_worth) {
        best = i;
        best_worth = worth;
      }
    }
    if (best == count) return;
    error += static_cast<double>(rounded[best].other) - values[best];
    values[best] = rounded[best].other;  // and stays: its step is zero from now on
  }
}

bool prepare_for_bf16(onnx::ModelProto& model) {
  if (has_inner_graphs(model.graph())) return false;
  Preparation(*model.mutable_graph()).run();
  return true;
}

}  // namespace mien
