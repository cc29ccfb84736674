#include "graph.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <set>
#include <string_view>

namespace mien::test_device {
namespace {

bool refused_by_environment(std::string_view op_type) {
  const char* text = std::getenv("MIEN_TEST_DEVICE_REFUSE");
  std::string_view rest = text == nullptr ? "" : text;
  while (!rest.empty()) {
    const std::string_view entry = rest.substr(0, rest.find(','));
    if (entry == op_type) return true;
    rest.remove_prefix(std::min(rest.size(), entry.size() + 1));
  }
  return false;
}

// There is no interface that makes an attribute of a tensor.
bool has_tensor_attribute(Ort::ConstNode node) {
  const std::vector<Ort::ConstOpAttr> attributes = node.GetAttributes();
  return std::any_of(attributes.begin(), attributes.end(),
                     [](const Ort::ConstOpAttr& attribute) { return attribute.GetType() == ORT_OP_ATTR_TENSOR; });
}

bool takes(Ort::ConstNode node) {
  // The model editor has no attributes that are graphs, so If and Loop cannot be rebuilt; for tensors there is a way
  // round with one operator.
  const std::string op_type = node.GetOperatorType();
  return !refused_by_environment(op_type) && node.GetSubgraphs().empty() &&
         (op_type == "ConstantOfShape" || !has_tensor_attribute(node));
}

// Returns all values that a node uses. A value that a nested graph uses is used by the node that has this graph.
std::vector<Ort::ConstValueInfo> all_inputs(Ort::ConstNode node) {
  std::vector<Ort::ConstValueInfo> inputs = node.GetInputs();
  for (const Ort::ConstValueInfo& input : node.GetImplicitInputs()) inputs.push_back(input);
  return inputs;
}

// CreateNode takes the attributes over, so it cannot get those of the graph, which belong to the graph.
template <typename T>
T value_of(const Ort::ConstOpAttr& attribute) {
  T value = {};
  Ort::ThrowOnError(attribute.GetValue(value));
  return value;
}

template <typename T>
std::vector<T> values_of(const Ort::ConstOpAttr& attribute) {
  std::vector<T> values;
  Ort::ThrowOnError(attribute.GetValueArray(values));
  values.reserve(1);  // so that data() is no null when there are none
  return values;
}

Ort::OpAttr clone(const Ort::ConstOpAttr& attribute) {
  const std::string name = attribute.GetName();
  const OrtOpAttrType type = attribute.GetType();
  const auto made = [&](const void* data, std::size_t count) {
    return Ort::OpAttr(name.c_str(), data, static_cast<int>(count), type);
  };
  switch (type) {
    case ORT_OP_ATTR_INT: {
      const std::int64_t value = value_of<std::int64_t>(attribute);
      return made(&value, 1);
    }
    case ORT_OP_ATTR_FLOAT: {
      const float value = value_of<float>(attribute);
      return made(&value, 1);
    }
    case ORT_OP_ATTR_STRING: {
      const std::string value = value_of<std::string>(attribute);
      return made(value.c_str(), value.size());
    }
    case ORT_OP_ATTR_INTS: {
      const std::vector<std::int64_t> values = values_of<std::int64_t>(attribute);
      return made(values.data(), values.size());
    }
    case ORT_OP_ATTR_FLOATS: {
      const std::vector<float> values = values_of<float>(attribute);
      return made(values.data(), values.size());
    }
    case ORT_OP_ATTR_STRINGS: {
      const std::vector<std::string> values = values_of<std::string>(attribute);
      std::vector<const char*> texts;
      for (const std::string& value : values) texts.push_back(value.c_str());
      texts.push_back(nullptr);
      return made(texts.data(), values.size());
    }
    default: throw Ort::Exception("test device: an attribute that cannot be rebuilt: " + name, ORT_NOT_IMPLEMENTED);
  }
}

class Rebuilding {
 public:
  Rebuilding(Ort::ConstGraph source, Ort::ConstNode fused) : source_(source), fused_(fused) {}

  InnerModel run() {
    InnerModel result;
    for (const Ort::ConstNode& node : source_.GetNodes()) {
      add_node(node);
      // ConvTranspose, FusedConv, ConvInteger and others too.
      result.holds_convolution |= node.GetOperatorType().find("Conv") != std::string::npos;
    }
    std::vector<Ort::ValueInfo> inputs;
    for (const Ort::ConstValueInfo& input : fused_.GetInputs()) {
      const std::string name = input == nullptr ? "" : input.GetName();
      const bool is_weight = name.empty() || weights_.contains(name);
      result.inputs.push_back(is_weight ? "" : name);
      if (!is_weight) inputs.push_back(describe(name));
    }
    std::vector<Ort::ValueInfo> outputs;
    for (const Ort::ConstValueInfo& output : fused_.GetOutputs()) {
      result.outputs.push_back(output.GetName());
      outputs.push_back(describe(result.outputs.back()));
    }
    graph_.SetInputs(inputs);
    graph_.SetOutputs(outputs);
    std::vector<Ort::Model::DomainOpsetPair> opsets;
    for (const Ort::OperatorSet& set : source_.GetOperatorSets()) {
      opsets.emplace_back(set.domain, static_cast<int>(set.version));
    }
    result.model = Ort::Model(opsets);
    result.model.AddGraph(graph_);
    return result;
  }

 private:
  // The type information is passed on as it is: with its symbolic dimensions, or without any shape.
  Ort::ValueInfo describe(const std::string& name) {
    const auto found = values_.find(name);
    if (found == values_.end()) {
      throw Ort::Exception("test device: no node of the graph has the value " + name, ORT_FAIL);
    }
    return Ort::ValueInfo(name, found->second.TypeInfo());
  }

  void add_node(Ort::ConstNode node) {
    std::vector<std::string> inputs;
    std::vector<std::string> outputs;
    for (const Ort::ConstValueInfo& input : node.GetInputs()) {
      inputs.push_back(remember(input));
      if (input != nullptr) add_weight(input);
    }
    for (const Ort::ConstValueInfo& output : node.GetOutputs()) outputs.push_back(remember(output));
    std::string op_type = node.GetOperatorType();
    std::vector<Ort::OpAttr> attributes;
    if (has_tensor_attribute(node)) {
      // ConstantOfShape: a number with the shape of none, spread to the shape.
      inputs.insert(inputs.begin(), add_number(node));
      op_type = "Expand";
    } else {
      for (const Ort::ConstOpAttr& attribute : node.GetAttributes()) attributes.push_back(clone(attribute));
    }
    Ort::Node copy(op_type, node.GetDomain(), node.GetName(), inputs, outputs, attributes);
    graph_.AddNode(copy);
  }

  // An optional input that is absent has no information and an empty name.
  std::string remember(const Ort::ConstValueInfo& value) {
    if (value == nullptr) return "";
    std::string name = value.GetName();
    if (!name.empty()) values_.emplace(name, value);
    return name;
  }

  void add_weight(const Ort::ConstValueInfo& value) {
    if (!value.IsConstantInitializer()) return;
    const std::string name = value.GetName();
    if (!weights_.insert(name).second) return;
    Ort::ConstValue source{nullptr};
    Ort::ThrowOnError(value.GetInitializer(source));
    if (source == nullptr) throw Ort::Exception("test device: no value for the weight " + name, ORT_FAIL);
    add_copy(name, source, source.GetTensorTypeAndShapeInfo().GetShape());
  }

  std::string add_number(Ort::ConstNode node) {
    Ort::ConstOpAttr attribute{nullptr};
    Ort::ThrowOnError(node.GetAttributeByName("value", attribute));
    Ort::Value value{nullptr};
    Ort::ThrowOnError(attribute.GetTensorAttributeAsOrtValue(value));
    std::string name = "mien_test_device_number_" + std::to_string(node.GetId());
    add_copy(name, value.GetConst(), {});
    return name;
  }

  // A copy, because the value of the graph goes away with the graph.
  void add_copy(const std::string& name, const Ort::ConstValue& source, const std::vector<std::int64_t>& shape) {
    Ort::AllocatorWithDefaultOptions allocator;
    Ort::Value copy = Ort::Value::CreateTensor(allocator, shape.data(), shape.size(),
                                               source.GetTensorTypeAndShapeInfo().GetElementType());
    const std::size_t bytes = copy.GetTensorSizeInBytes();
    if (bytes != source.GetTensorSizeInBytes()) throw Ort::Exception("test device: a bad size: " + name, ORT_FAIL);
    if (bytes != 0) std::memcpy(copy.GetTensorMutableRawData(), source.GetTensorRawData(), bytes);
    graph_.AddInitializer(name, copy, false);
  }

  Ort::ConstGraph source_;
  Ort::ConstNode fused_;
  Ort::Graph graph_;
  std::map<std::string, Ort::ConstValueInfo> values_;
  std::set<std::string> weights_;
};

}  // namespace

std::vector<std::vector<const OrtNode*>> groups_to_take(Ort::ConstGraph graph) {
  // A nested graph stays where its node is.
  if (graph.GetParentNode() != nullptr) return {};
  struct Place {
    std::size_t group;
    bool taken;
  };
  std::map<std::string, Place> producers;
  std::map<std::size_t, std::vector<const OrtNode*>> groups;
  // The nodes come in topological order. The number of a group grows with each node that is refused on the way, so
  // what follows such a node never ends in a group that this node needs.
  for (const Ort::ConstNode& node : graph.GetNodes()) {
    const bool taken = takes(node);
    std::size_t group = 0;
    for (const Ort::ConstValueInfo& input : all_inputs(node)) {
      const auto producer = input == nullptr ? producers.end() : producers.find(input.GetName());
      if (producer == producers.end()) continue;
      const bool crosses = taken && !producer->second.taken;
      group = std::max(group, producer->second.group + (crosses ? 1 : 0));
    }
    for (const Ort::ConstValueInfo& output : node.GetOutputs()) {
      if (output != nullptr) producers.emplace(output.GetName(), Place{group, taken});
    }
    if (taken) groups[group].push_back(node);
  }
  std::vector<std::vector<const OrtNode*>> result;
  for (auto& [number, nodes] : groups) result.push_back(std::move(nodes));
  return result;
}

InnerModel rebuild(Ort::ConstGraph graph, Ort::ConstNode fused) { return Rebuilding(graph, fused).run(); }

}  // namespace mien::test_device
