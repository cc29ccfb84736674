// Parts of a model as models of their own, which the CPU provider of ONNX Runtime runs for the test device.
#ifndef MIEN_TESTS_DEVICE_TEST_DEVICE_GRAPH_H_
#define MIEN_TESTS_DEVICE_TEST_DEVICE_GRAPH_H_

#include <string>
#include <vector>

#include "ort.h"

namespace mien::test_device {

// The nodes that the device takes, in groups that each can become one node: no way from a group back into it leads
// through a node that stays outside.
std::vector<std::vector<const OrtNode*>> groups_to_take(Ort::ConstGraph graph);

struct InnerModel {
  Ort::Model model{nullptr};
  // The inputs and outputs of the fused node, in its order. A weight is an input of that node too, but the model holds
  // it: "".
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  bool holds_convolution = false;
};

InnerModel rebuild(Ort::ConstGraph graph, Ort::ConstNode fused);

}  // namespace mien::test_device

#endif  // MIEN_TESTS_DEVICE_TEST_DEVICE_GRAPH_H_
