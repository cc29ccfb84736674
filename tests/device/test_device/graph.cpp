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

bool takes(Ort::ConstNode node) {
  // The model editor has no attributes that are graphs, so If and Loop cannot be rebuilt.
  return !refused_by_environment(node.GetOperatorType()) && node.GetSubgraphs().empty();
}

// What is used in a nested graph is used by the node that has this graph.
std::vector<Ort::ConstValueInfo> all_inputs(Ort::ConstNode node) {
  std::vector<Ort::ConstValueInfo> inputs = node.GetInputs();
  for (const Ort::ConstValueInfo& input : node.GetImplicitInputs()) inputs.push_back(input);
  return inputs;
}

class Rebuilding {
 public:
  Rebuilding(Ort::ConstGraph source, Ort::ConstNode fused) : source_(source), fused_(fused) {}

  InnerModel run() {
    for (const Ort::ConstNode& node : source_.GetNodes()) add_node(node);
    InnerModel result;
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
    std::vector<std::string> names;
    std::vector<const char*> inputs;
    std::vector<const char*> outputs;
    const std::vector<Ort::ConstValueInfo> node_inputs = node.GetInputs();
    const std::vector<Ort::ConstValueInfo> node_outputs = node.GetOutputs();
    names.reserve(node_inputs.size() + node_outputs.size());
    for (const Ort::ConstValueInfo& input : node_inputs) {
      inputs.push_back(names.emplace_back(remember(input)).c_str());
      if (input != nullptr) add_weight(input);
    }
    for (const Ort::ConstValueInfo& output : node_outputs) {
      outputs.push_back(names.emplace_back(remember(output)).c_str());
    }
    std::vector<OrtOpAttr*> attributes;
    for (const Ort::ConstOpAttr& attribute : node.GetAttributes()) {
      // CreateNode copies them; its interface only lacks the const.
      attributes.push_back(const_cast<OrtOpAttr*>(static_cast<const OrtOpAttr*>(attribute)));
    }
    OrtNode* copy = nullptr;
    Ort::ThrowOnError(Ort::GetModelEditorApi().CreateNode(
        node.GetOperatorType().c_str(), node.GetDomain().c_str(), node.GetName().c_str(), inputs.data(), inputs.size(),
        outputs.data(), outputs.size(), attributes.data(), attributes.size(), &copy));
    Ort::Node owned(copy);
    graph_.AddNode(owned);
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
    const Ort::TensorTypeAndShapeInfo info = source.GetTensorTypeAndShapeInfo();
    const std::vector<std::int64_t> shape = info.GetShape();
    // A copy, because the value of the graph goes away with the graph.
    Ort::AllocatorWithDefaultOptions allocator;
    Ort::Value copy = Ort::Value::CreateTensor(allocator, shape.data(), shape.size(), info.GetElementType());
    const std::size_t bytes = source.GetTensorSizeInBytes();
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
