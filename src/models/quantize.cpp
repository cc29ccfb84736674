#include "models/quantize.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <span>

namespace mien {
namespace {

using onnx::GraphProto;
using onnx::NodeProto;
using onnx::TensorProto;

constexpr std::int64_t kOpset = 13;  // since when DequantizeLinear knows axes
constexpr int kAttributeInt = 2;     // AttributeProto.AttributeType

bool is_one_of(const std::string& kind, std::initializer_list<std::string_view> kinds) {
  return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
}

// Runtimes compute these in 8 bits where they read and give such values.
bool passes_on(const NodeProto& node) {
  return is_one_of(node.op_type(), {"Add", "AveragePool", "MaxPool", "Resize", "Concat"});
}

// Gives numbers that it was given: their scale is that of its input.
bool keeps_scale(const NodeProto& node) { return is_one_of(node.op_type(), {"MaxPool", "Resize"}); }

// What a node computes with, beside constants and sizes.
std::vector<std::string> data_inputs(const NodeProto& node) {
  const int count = is_one_of(node.op_type(), {"Add", "Concat"}) ? node.input_size() : std::min(1, node.input_size());
  return {node.input().begin(), node.input().begin() + count};
}

// Which nodes are rewritten, and which values are held in 8 bits.
class Plan {
 public:
  explicit Plan(const GraphProto& graph) : graph_(graph) {
    for (const TensorProto& tensor : graph.initializer()) constants_[tensor.name()] = &tensor;
    for (const NodeProto& node : graph.node()) {
      for (const std::string& input : node.input()) users_[input].push_back(&node);
    }
    // An output is used by someone who wants it as it is.
    for (const onnx::ValueInfoProto& output : graph.output()) users_[output.name()].push_back(nullptr);
    find_convolutions();
    for (const NodeProto& node : graph.node()) add_values_of(node);
  }

  const std::vector<std::string>& values() const { return values_; }
  bool is_value(const std::string& name) const { return known_.contains(name); }
  bool is_quantized(const NodeProto& node) const { return convolutions_.contains(&node); }
  int convolutions() const { return static_cast<int>(convolutions_.size()); }

  // What the node gives in the end: itself, or through a ReLU that goes because the value's offset does the same.
  const std::string& result_of(const NodeProto& node) const {
    const auto found = results_.find(&node);
    return found == results_.end() ? node.output(0) : found->second;
  }
  bool is_dropped(const NodeProto& node) const { return dropped_.contains(&node); }

  // The value whose scale this one shares.
  const std::string& scale_of(const std::string& name) const {
    const auto found = shared_.find(name);
    return found == shared_.end() ? name : found->second;
  }

  const TensorProto* constant(const std::string& name) const {
    const auto found = constants_.find(name);
    return found == constants_.end() ? nullptr : found->second;
  }

 private:
  const std::vector<const NodeProto*>& users(const std::string& name) const {
    static const std::vector<const NodeProto*> kNone;
    const auto found = users_.find(name);
    return found == users_.end() ? kNone : found->second;
  }

  bool is_clip_from_zero(const NodeProto& node) const {
    if (node.op_type() != "Clip" || node.input_size() < 2) return false;
    const TensorProto* const low = constant(node.input(1));
    const std::optional<std::vector<float>> value = low == nullptr ? std::nullopt : read_floats(*low);
    return value && value->size() == 1 && value->front() == 0;
  }

  const NodeProto* following_relu(const NodeProto& node) const {
    const std::vector<const NodeProto*>& readers = users(node.output(0));
    if (readers.size() != 1 || readers[0] == nullptr || readers[0]->output_size() != 1) return nullptr;
    return readers[0]->op_type() == "Relu" || is_clip_from_zero(*readers[0]) ? readers[0] : nullptr;
  }

  bool has_readable_weights(const NodeProto& node) const {
    if (node.op_type() != "Conv" || node.input_size() < 2 || node.output_size() != 1) return false;
    for (int i = 1; i < node.input_size(); ++i) {
      const TensorProto* const tensor = constant(node.input(i));
      const std::optional<std::vector<float>> values = tensor == nullptr ? std::nullopt : read_floats(*tensor);
      if (!values || values->empty() || tensor->dims_size() == 0 || !has_count(*tensor, values->size())) return false;
      if (tensor->dims(0) != constant(node.input(1))->dims(0)) return false;
    }
    return constant(node.input(1))->dims_size() == 4;
  }

  // Nodes stand in the order of computing: one walk from the end sees after which a convolution follows.
  void find_convolutions() {
    std::set<std::string> pixels;
    for (const onnx::ValueInfoProto& input : graph_.input()) pixels.insert(input.name());
    std::set<std::string> leads_to_conv;
    for (int i = graph_.node_size() - 1; i >= 0; --i) {
      const NodeProto& node = graph_.node(i);
      const bool is_followed = std::any_of(node.output().begin(), node.output().end(),
                                           [&](const std::string& name) { return leads_to_conv.contains(name); });
      if (is_followed && has_readable_weights(node) && !pixels.contains(node.input(0))) convolutions_.insert(&node);
      if (is_followed || node.op_type() == "Conv") leads_to_conv.insert(node.input().begin(), node.input().end());
    }
  }

  void add_value(const std::string& name) {
    if (known_.insert(name).second) values_.push_back(name);
  }

  void add_values_of(const NodeProto& node) {
    const std::vector<std::string> inputs = data_inputs(node);
    if (is_quantized(node)) {
      add_value(inputs[0]);
    } else if (!passes_on(node) || node.output_size() != 1 || inputs.empty() ||
               !std::all_of(inputs.begin(), inputs.end(), [&](const std::string& name) { return is_value(name); })) {
      return;
    }
    if (const NodeProto* const relu = following_relu(node)) {
      dropped_.insert(relu);
      results_[&node] = relu->output(0);
    } else if (keeps_scale(node)) {
      shared_.emplace(node.output(0), scale_of(inputs[0]));
    }
    add_value(result_of(node));
  }

  const GraphProto& graph_;
  std::map<std::string, const TensorProto*> constants_;
  std::map<std::string, std::vector<const NodeProto*>> users_;
  std::set<const NodeProto*> convolutions_;
  std::set<const NodeProto*> dropped_;
  std::map<const NodeProto*, std::string> results_;
  std::vector<std::string> values_;
  std::set<std::string> known_;
  std::map<std::string, std::string> shared_;
};

struct Scale {
  float step = 1;
  std::uint8_t zero = 0;
};

Scale scale_of(const ValueRange& range) {
  constexpr float kSteps = 255;
  const float step = (range.high - range.low) / kSteps;
  if (!(step > 0) || !std::isfinite(step)) return {};
  return {step, static_cast<std::uint8_t>(std::clamp(std::round(-range.low / step), 0.0F, kSteps))};
}

template <typename T>
void set_values(TensorProto& tensor, int type, const std::vector<std::int64_t>& sides, const std::vector<T>& values) {
  tensor.set_data_type(type);
  for (const std::int64_t side : sides) tensor.add_dims(side);
  tensor.set_raw_data(values.data(), values.size() * sizeof(T));
}

class Rewriter {
 public:
  Rewriter(GraphProto& graph, const Plan& plan, const ValueRanges& ranges) : graph_(graph), plan_(plan) {
    for (const std::string& value : plan.values()) {
      const auto range = ranges.find(plan.scale_of(value));
      scales_[value] = range == ranges.end() ? Scale{} : scale_of(range->second);
      const auto own = ranges.find(value);
      if (own != ranges.end()) means_[value] = own->second.means;
    }
  }

  void run() {
    for (const NodeProto& node : graph_.node()) {
      if (!plan_.is_dropped(node)) rewrite(node);
    }
    graph_.mutable_node()->Swap(&nodes_);
    for (TensorProto& tensor : constants_) *graph_.add_initializer() = std::move(tensor);
    std::set<std::string> used;
    for (const NodeProto& node : graph_.node()) used.insert(node.input().begin(), node.input().end());
    auto& constants = *graph_.mutable_initializer();
    constants.erase(std::remove_if(constants.begin(), constants.end(),
                                   [&](const TensorProto& tensor) { return !used.contains(tensor.name()); }),
                    constants.end());
  }

 private:
  static std::string integers(const std::string& name) { return name + "_mien_int8"; }
  static std::string floats(const std::string& name) { return name + "_mien_float"; }

  NodeProto& add_node(const char* kind, const std::vector<std::string>& inputs, const std::string& output) {
    NodeProto& node = *nodes_.Add();
    node.set_op_type(kind);
    node.set_name(output);
    for (const std::string& input : inputs) node.add_input(input);
    node.add_output(output);
    return node;
  }

  template <typename T>
  std::string add_constant(const std::string& name, int type, const std::vector<std::int64_t>& sides,
                           const std::vector<T>& values) {
    TensorProto& tensor = constants_.emplace_back();
    tensor.set_name(name);
    set_values(tensor, type, sides, values);
    return name;
  }

  // The value in 8 bits, and what those stand for.
  void hold(const std::string& name) {
    if (!plan_.is_value(name)) return;
    const Scale& scale = scales_.at(name);
    const std::string step = add_constant<float>(name + "_mien_step", kOnnxFloat, {}, {scale.step});
    const std::string zero = add_constant<std::uint8_t>(name + "_mien_zero", kOnnxUint8, {}, {scale.zero});
    add_node("QuantizeLinear", {name, step, zero}, integers(name));
    add_node("DequantizeLinear", {integers(name), step, zero}, floats(name));
  }

  void rewrite(const NodeProto& original) {
    NodeProto node = original;
    for (std::string& input : *node.mutable_input()) {
      if (!plan_.is_value(input)) continue;
      // A size is the same in either, and one who reads the floats keeps them from being left out.
      input = original.op_type() == "Shape" ? integers(input) : floats(input);
    }
    if (plan_.is_quantized(original)) quantize_weights(original, node);
    if (node.output_size() == 1 && plan_.is_value(plan_.result_of(original))) {
      node.set_output(0, plan_.result_of(original));
    }
    *nodes_.Add() = node;
    for (const std::string& output : node.output()) hold(output);
  }

  // A channel's weights and bias in integers.
  struct Kernel {
    float step = 1;
    float bias_step = 1;
    std::vector<std::int8_t> weights;
    std::int32_t bias = 0;
  };

  // `means`: of what each weight is multiplied with.
  static Kernel round_kernel(std::span<const float> weights, float bias, float input_step,
                             std::span<const double> means) {
    constexpr float kWeightMax = 127;
    constexpr float kBiasMax = 1 << 30;  // far from where sums of products with it would overflow
    float largest = 0;
    for (const float weight : weights) largest = std::max(largest, std::abs(weight));
    Kernel kernel;
    kernel.step = std::max(largest / kWeightMax, std::abs(bias) / (input_step * kBiasMax));
    if (!(kernel.step > 0) || !std::isfinite(kernel.step)) kernel.step = 1;
    kernel.bias_step = kernel.step * input_step;
    double lost = 0;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const float rounded = std::clamp(std::round(weights[i] / kernel.step), -kWeightMax, kWeightMax);
      kernel.weights.push_back(static_cast<std::int8_t>(rounded));
      if (!means.empty()) lost += (static_cast<double>(weights[i]) - rounded * kernel.step) * means[i];
    }
    kernel.bias =
        static_cast<std::int32_t>(std::clamp(std::llround((bias + lost) / kernel.bias_step),
                                             static_cast<long long>(-kBiasMax), static_cast<long long>(kBiasMax)));
    return kernel;
  }

  // Of the inputs of one channel's weights, in their order; empty where they are not known.
  std::vector<double> means_for(const NodeProto& conv, std::size_t channel) const {
    const TensorProto& weights = *plan_.constant(conv.input(1));
    const auto found = means_.find(conv.input(0));
    const std::size_t planes = static_cast<std::size_t>(weights.dims(1));
    if (found == means_.end() || found->second.size() < planes || found->second.size() % planes != 0) return {};
    const std::size_t groups = found->second.size() / planes;
    const std::size_t channels = static_cast<std::size_t>(weights.dims(0));
    const std::size_t first = channel / std::max<std::size_t>(1, channels / groups) * planes;
    if (first + planes > found->second.size()) return {};
    std::size_t area = 1;
    for (int side = 2; side < weights.dims_size(); ++side) area *= static_cast<std::size_t>(weights.dims(side));
    std::vector<double> means;
    for (std::size_t plane = 0; plane < planes; ++plane) means.insert(means.end(), area, found->second[first + plane]);
    return means;
  }

  void quantize_weights(const NodeProto& original, NodeProto& node) {
    const TensorProto& tensor = *plan_.constant(original.input(1));
    const std::vector<float> weights = *read_floats(tensor);
    const std::size_t channels = static_cast<std::size_t>(tensor.dims(0));
    const std::size_t size = weights.size() / channels;
    std::vector<float> bias(channels, 0.0F);
    if (original.input_size() > 2) bias = *read_floats(*plan_.constant(original.input(2)));

    std::vector<float> steps;
    std::vector<float> bias_steps;
    std::vector<std::int8_t> rounded;
    std::vector<std::int32_t> rounded_bias;
    for (std::size_t c = 0; c < channels; ++c) {
      const Kernel kernel = round_kernel(std::span(weights).subspan(c * size, size), bias[c],
                                         scales_.at(original.input(0)).step, means_for(original, c));
      steps.push_back(kernel.step);
      bias_steps.push_back(kernel.bias_step);
      rounded.insert(rounded.end(), kernel.weights.begin(), kernel.weights.end());
      rounded_bias.push_back(kernel.bias);
    }
    // Named by the node's output, because several convolutions may share weights, and their inputs have other scales.
    const std::string name = original.output(0) + "_mien_weight";
    const std::string bias_name = original.output(0) + "_mien_bias";
    const std::vector<std::int64_t> sides(tensor.dims().begin(), tensor.dims().end());
    const std::vector<std::int64_t> of_channels = {static_cast<std::int64_t>(channels)};
    const std::string weight =
        dequantize(name, add_constant(name + "_int8", kOnnxInt8, sides, rounded),
                   add_constant(name + "_steps", kOnnxFloat, of_channels, steps),
                   add_constant(name + "_zeros", kOnnxInt8, of_channels, std::vector<std::int8_t>(channels)));
    const std::string shift =
        dequantize(bias_name, add_constant(bias_name + "_int32", kOnnxInt32, of_channels, rounded_bias),
                   add_constant(bias_name + "_steps", kOnnxFloat, of_channels, bias_steps),
                   add_constant(bias_name + "_zeros", kOnnxInt32, of_channels, std::vector<std::int32_t>(channels)));
    node.clear_input();
    for (const std::string& input : {floats(original.input(0)), weight, shift}) node.add_input(input);
  }

  std::string dequantize(const std::string& name, const std::string& values, const std::string& steps,
                         const std::string& zeros) {
    onnx::AttributeProto& axis = *add_node("DequantizeLinear", {values, steps, zeros}, name).add_attribute();
    axis.set_name("axis");
    axis.set_type(kAttributeInt);
    axis.set_i(0);
    return name;
  }

  GraphProto& graph_;
  const Plan& plan_;
  std::map<std::string, Scale> scales_;
  std::map<std::string, std::vector<double>> means_;
  google::protobuf::RepeatedPtrField<NodeProto> nodes_;
  std::vector<TensorProto> constants_;
};

// Of these, version 13 moved an attribute into an input.
std::string raise_opset(onnx::ModelProto& model) {
  onnx::OperatorSetIdProto* standard = nullptr;
  for (onnx::OperatorSetIdProto& set : *model.mutable_opset_import()) {
    if (set.domain().empty() || set.domain() == "ai.onnx") standard = &set;
  }
  if (standard == nullptr) return "it does not say which version of ONNX its operators have";
  if (standard->version() >= kOpset) return "";
  GraphProto& graph = *model.mutable_graph();
  std::vector<TensorProto> axes_of_nodes;
  for (NodeProto& node : *graph.mutable_node()) {
    if (is_one_of(node.op_type(), {"ReduceSum", "Split", "Softmax", "LogSoftmax", "Hardmax"}) ||
        standard->version() < 11) {
      return fmt::format("its operator {} has version {} of ONNX: export the model again with version {}",
                         node.op_type(), standard->version(), kOpset);
    }
    if (!is_one_of(node.op_type(), {"Unsqueeze", "Squeeze"})) continue;
    for (int i = 0; i < node.attribute_size(); ++i) {
      if (node.attribute(i).name() != "axes") continue;
      TensorProto& axes = axes_of_nodes.emplace_back();
      axes.set_name(node.output(0) + "_mien_axes");
      set_values(axes, kOnnxInt64, {node.attribute(i).ints_size()},
                 std::vector<std::int64_t>(node.attribute(i).ints().begin(), node.attribute(i).ints().end()));
      node.add_input(axes.name());
      node.mutable_attribute()->DeleteSubrange(i, 1);
      break;
    }
  }
  for (TensorProto& axes : axes_of_nodes) *graph.add_initializer() = std::move(axes);
  standard->set_version(kOpset);
  return "";
}

}  // namespace

std::vector<std::string> find_quantized_values(const GraphProto& graph) { return Plan(graph).values(); }

Result<int> quantize_model(onnx::ModelProto& model, const ValueRanges& ranges) {
  GraphProto& graph = *model.mutable_graph();
  if (has_inner_graphs(graph)) return Error{ErrorCode::unsupported, "it has branches or loops"};
  for (const NodeProto& node : graph.node()) {
    if (!is_one_of(node.op_type(), {"QuantizeLinear", "DequantizeLinear", "QLinearConv", "ConvInteger"})) continue;
    return Error{ErrorCode::unsupported, "it is quantised already"};
  }
  if (std::string problem = raise_opset(model); !problem.empty()) return Error{ErrorCode::unsupported, problem};
  const Plan plan(graph);
  if (plan.convolutions() == 0) return Error{ErrorCode::unsupported, "it has no convolutions that can be quantised"};
  const int count = plan.convolutions();
  Rewriter(graph, plan, ranges).run();
  return count;
}

}  // namespace mien
