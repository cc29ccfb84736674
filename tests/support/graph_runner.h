// Runs a Graph on the CPU's provider of ONNX Runtime, or on a real GPU by the code that mien uses it with.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "device/accelerator.h"

namespace mien::test {

enum class Provider { cpu, gpu };

// Why graphs cannot run there; empty: they can.
std::string missing(Provider provider);

class GraphRunner {
 public:
  GraphRunner(Provider provider, const Graph& graph);
  ~GraphRunner();
  GraphRunner(const GraphRunner&) = delete;
  GraphRunner& operator=(const GraphRunner&) = delete;
  const NodeAssignment& assignment() const { return assignment_; }
  std::vector<HostValues> run(const std::vector<HostTensor>& inputs) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
  NodeAssignment assignment_;
};

}  // namespace mien::test
