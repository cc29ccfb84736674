#include "models/split_heads.h"

#include <algorithm>
#include <set>

#include "models/onnx_graph.h"

namespace mien {
namespace {

using onnx::GraphProto;
using onnx::NodeProto;

constexpr std::size_t kLevels = 3;
constexpr std::size_t kAnchors = 2;

bool are_all(const NodeProto& node, std::string_view name, std::int64_t value, bool may_lack) {
  const onnx::AttributeProto* const attribute = find_attribute(node, name);
  if (attribute == nullptr) return may_lack;
  return attribute->ints_size() > 0 && std::all_of(attribute->ints().begin(), attribute->ints().end(),
                                                   [&](std::int64_t given) { return given == value; });
}

bool is_plain_3x3(const NodeProto& conv) {
  const onnx::AttributeProto* const group = find_attribute(conv, "group");
  return conv.input_size() == 3 && are_all(conv, "pads", 1, false) && are_all(conv, "strides", 1, true) &&
         are_all(conv, "dilations", 1, true) && find_attribute(conv, "auto_pad") == nullptr &&
         (group == nullptr || group->i() == 1);
}

// Channels last: of one image, [rows, columns, channels] with the image's dimension anywhere.
bool puts_channels_last(const NodeProto& transpose) {
  const onnx::AttributeProto* const order = find_attribute(transpose, "perm");
  if (order == nullptr || order->ints_size() != 4) return false;
  std::vector<std::int64_t> sides;
  for (const std::int64_t side : order->ints()) {
    if (side != 0) sides.push_back(side);
  }
  return sides == std::vector<std::int64_t>{2, 3, 1};
}

// The feature map and the convolution that one output is computed from.
struct FoundHead {
  std::string features;
  HeadConv conv;
};

bool have_one_source(const FoundHead& a, const FoundHead& b) {
  return a.features == b.features && a.conv.channels == b.conv.channels;
}

class Splitter {
 public:
  explicit Splitter(GraphProto& graph) : graph_(graph), index_(graph) {}

  std::optional<FoundHead> find_head(const std::string& output, std::size_t values, bool is_score) const {
    const NodeProto* node = index_[output].maker;
    const bool ends_by_sigmoid = node != nullptr && node->op_type() == "Sigmoid";
    if (ends_by_sigmoid != is_score) return std::nullopt;
    if (ends_by_sigmoid) node = index_[node->input(0)].maker;
    if (node == nullptr || node->op_type() != "Reshape") return std::nullopt;
    node = index_[node->input(0)].maker;
    if (node == nullptr || node->op_type() != "Transpose" || !puts_channels_last(*node)) return std::nullopt;
    node = index_[node->input(0)].maker;
    float factor = 1;
    if (node != nullptr && node->op_type() == "Mul" && node->input_size() == 2) {
      const std::optional<std::vector<float>> factors = floats(node->input(1));
      if (is_score || !factors || factors->size() != 1) return std::nullopt;
      factor = factors->front();
      node = index_[node->input(0)].maker;
    }
    if (node == nullptr || node->op_type() != "Conv" || !is_plain_3x3(*node) ||
        index_[node->input(0)].maker == nullptr) {
      return std::nullopt;
    }
    std::optional<HeadConv> conv = read_conv(*node, values * kAnchors, factor);
    if (!conv) return std::nullopt;
    return FoundHead{node->input(0), std::move(*conv)};
  }

  // Makes the feature maps the outputs, and drops what only the old outputs needed.
  void end_at(const std::vector<std::string>& features) {
    graph_.clear_output();
    for (const std::string& name : features) {
      onnx::ValueInfoProto* const output = graph_.add_output();
      output->set_name(name);
      output->mutable_type()->mutable_tensor_type()->set_elem_type(kOnnxFloat);
    }
    // Nodes stand in the order of computing, so that one walk from the end sees who is needed.
    std::set<std::string> needed(features.begin(), features.end());
    std::vector<NodeProto> kept;
    for (int i = graph_.node_size() - 1; i >= 0; --i) {
      NodeProto& node = *graph_.mutable_node(i);
      if (std::none_of(node.output().begin(), node.output().end(),
                       [&](const std::string& name) { return needed.contains(name); })) {
        continue;
      }
      needed.insert(node.input().begin(), node.input().end());
      kept.push_back(std::move(node));
    }
    graph_.clear_node();
    for (auto node = kept.rbegin(); node != kept.rend(); ++node) *graph_.add_node() = std::move(*node);
    const auto is_unneeded = [&](const auto& value) { return !needed.contains(value.name()); };
    auto& constants = *graph_.mutable_initializer();
    constants.erase(std::remove_if(constants.begin(), constants.end(), is_unneeded), constants.end());
    // Old exporters list constants as inputs too.
    auto& inputs = *graph_.mutable_input();
    inputs.erase(std::remove_if(inputs.begin(), inputs.end(), is_unneeded), inputs.end());
  }

 private:
  std::optional<std::vector<float>> floats(const std::string& name) const {
    const onnx::TensorProto* const tensor = index_[name].constant;
    return tensor == nullptr ? std::nullopt : read_floats(*tensor);
  }

  std::optional<HeadConv> read_conv(const NodeProto& node, std::size_t outputs, float factor) const {
    const onnx::TensorProto* const tensor = index_[node.input(1)].constant;
    if (tensor == nullptr || tensor->dims_size() != 4 || tensor->dims(2) != 3 || tensor->dims(3) != 3 ||
        tensor->dims(0) != static_cast<std::int64_t>(outputs) || tensor->dims(1) <= 0) {
      return std::nullopt;
    }
    std::optional<std::vector<float>> weights = read_floats(*tensor);
    std::optional<std::vector<float>> bias = floats(node.input(2));
    HeadConv conv{static_cast<std::size_t>(tensor->dims(1)), outputs, {}, {}};
    if (!weights || !bias || bias->size() != outputs || weights->size() / 9 / outputs != conv.channels ||
        weights->size() % (9 * outputs) != 0) {
      return std::nullopt;
    }
    for (float& weight : *weights) weight *= factor;
    for (float& value : *bias) value *= factor;
    conv.weights = std::move(*weights);
    conv.bias = std::move(*bias);
    return conv;
  }

  GraphProto& graph_;
  const OnnxGraph index_;
};

}  // namespace

std::optional<DetectorHeads> split_heads(onnx::ModelProto& model) {
  GraphProto& graph = *model.mutable_graph();
  if (graph.output_size() != static_cast<int>(3 * kLevels) || has_inner_graphs(graph)) return std::nullopt;
  Splitter splitter(graph);
  DetectorHeads found;
  std::vector<std::string> features;
  for (std::size_t level = 0; level < kLevels; ++level) {
    const auto head = [&](std::size_t group, std::size_t values) {
      return splitter.find_head(graph.output(static_cast<int>(group * kLevels + level)).name(), values, group == 0);
    };
    std::optional<FoundHead> scores = head(0, 1);
    std::optional<FoundHead> boxes = head(1, 4);
    std::optional<FoundHead> landmarks = head(2, 10);
    // Towers of their own for scores and boxes (SCRFD-10G): a feature map for each would cost more than it saves.
    if (!scores || !boxes || !landmarks || !have_one_source(*scores, *boxes) || !have_one_source(*scores, *landmarks)) {
      return std::nullopt;
    }
    features.push_back(scores->features);
    found.levels.push_back({std::move(scores->conv), std::move(boxes->conv), std::move(landmarks->conv)});
  }
  splitter.end_at(features);
  return found;
}

}  // namespace mien
