// An index of an ONNX graph, for what rewrites models.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "device/onnx_file.h"

namespace mien {

struct OnnxValue {
  onnx::TensorProto* constant = nullptr;   // wherever the exporter put it: an initializer or a Constant node
  const onnx::NodeProto* maker = nullptr;  // the node that computes it from other values
  // One entry a use. Null stands for a use as the graph's output, which cannot be told of a change.
  std::vector<const onnx::NodeProto*> users = {};
};

// Holds addresses: while it is used, no node or initializer of the graph may be added or removed.
class OnnxGraph {
 public:
  explicit OnnxGraph(onnx::GraphProto& graph);
  // A name that the graph does not know has no constant, no maker and no users.
  const OnnxValue& operator[](const std::string& name) const;

 private:
  std::map<std::string, OnnxValue> values_;
};

// Null where the node has none of this name.
const onnx::AttributeProto* find_attribute(const onnx::NodeProto& node, std::string_view name);

}  // namespace mien
