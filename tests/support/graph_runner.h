// Runs a Graph on a provider of ONNX Runtime: the processor, or WebGPU where the test machine has it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "device/accelerator.h"

namespace mien::test {

enum class Provider { cpu, webgpu };

// Why graphs cannot run there; empty: they can. WebGPU takes the library that ./dev fetched, and a Vulkan driver, in
// software if there is no other.
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
