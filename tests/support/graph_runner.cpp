#define ORT_API_MANUAL_INIT
#include "support/graph_runner.h"

#include <onnxruntime_session_options_config_keys.h>

#include <algorithm>
#include <cstdlib>
#include <unordered_map>

#include "device/onnxruntime_graph.h"
#include "support/photos.h"
#include "support/software_vulkan.h"

namespace mien::test {
namespace {

constexpr const char* kWebGpuProvider = "WebGpuExecutionProvider";

struct Providers {
  std::unique_ptr<Runtime> runtime;  // opens the library and its interface
  Ort::Env env{nullptr};
  std::optional<Ort::ConstEpDevice> webgpu;
  std::string webgpu_missing;
};

void find_webgpu(Providers& providers) {
  if (std::getenv("MIEN_TEST_NO_WEBGPU") != nullptr) {
    providers.webgpu_missing = "MIEN_TEST_NO_WEBGPU is set";
    return;
  }
  prepare_software_vulkan();
  const std::string library = deps_path("backends/webgpu/libonnxruntime_providers_webgpu.so");
  setenv("ORT_WEBGPU_EP_ALLOW_SOFTWARE_ADAPTER", "1", 1);
  try {
    providers.env.RegisterExecutionProviderLibrary("webgpu", library);
  } catch (const Ort::Exception& error) {
    providers.webgpu_missing = error.what();
    return;
  }
  for (const Ort::ConstEpDevice& device : providers.env.GetEpDevices()) {
    if (std::string(device.EpName()) == kWebGpuProvider) providers.webgpu = device;
  }
  if (!providers.webgpu) providers.webgpu_missing = "no Vulkan device";
}

// Never destroyed: providers keep threads and statics.
Providers& providers() {
  static Providers* const kProviders = [] {
    Providers* made = new Providers;
    made->runtime = open_onnxruntime(plain_settings());
    made->env = Ort::Env(ORT_LOGGING_LEVEL_ERROR, "graphs");
    find_webgpu(*made);
    return made;
  }();
  return *kProviders;
}

NodeAssignment read_assignment(const Ort::Session& session, const std::string& provider) {
  NodeAssignment assignment;
  for (const Ort::ConstEpAssignedSubgraph& part : session.GetEpGraphAssignmentInfo()) {
    for (const Ort::ConstEpAssignedNode& node : part.GetNodes()) {
      ++assignment.nodes;
      if (part.GetEpName() == provider) {
        ++assignment.on_device;
      } else {
        assignment.elsewhere.emplace_back(node.GetOperatorType());
      }
    }
  }
  return assignment;
}

}  // namespace

struct GraphRunner::State {
  Ort::Session session{nullptr};
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
};

std::string missing(Provider provider) {
  return provider == Provider::cpu ? std::string() : providers().webgpu_missing;
}

GraphRunner::GraphRunner(Provider provider, const Graph& graph) : state_(std::make_unique<State>()) {
  Providers& all = providers();
  Ort::SessionOptions options;
  options.SetIntraOpNumThreads(1);
  options.AddConfigEntry(kOrtSessionOptionsRecordEpGraphAssignmentInfo, "1");
  if (provider == Provider::webgpu) {
    options.AppendExecutionProvider_V2(all.env, {*all.webgpu}, std::unordered_map<std::string, std::string>{});
  }
  const Ort::Model model = make_ort_model(graph);
  state_->session = Ort::Session(all.env, model, options);
  for (const GraphPort& port : graph.inputs) state_->inputs.push_back(port.name);
  for (const GraphPort& port : graph.outputs) state_->outputs.push_back(port.name);
  assignment_ = read_assignment(state_->session, provider == Provider::cpu ? "CPUExecutionProvider" : kWebGpuProvider);
}

GraphRunner::~GraphRunner() = default;

std::vector<HostValues> GraphRunner::run(const std::vector<HostTensor>& inputs) const {
  const Ort::MemoryInfo memory = Ort::MemoryInfo::CreateCpu(OrtDeviceAllocator, OrtMemTypeCPU);
  std::vector<Ort::Value> values;
  std::vector<const char*> input_names, output_names;
  for (const HostTensor& input : inputs) {
    input_names.push_back(state_->inputs[values.size()].c_str());
    // The runtime only reads inputs; its interface has no const.
    values.push_back(Ort::Value::CreateTensor(memory, const_cast<void*>(input.data),
                                              element_count(input.shape) * element_bytes(input.type),
                                              input.shape.data(), input.shape.size(), ort_element_type(input.type)));
  }
  for (const std::string& name : state_->outputs) output_names.push_back(name.c_str());
  const std::vector<Ort::Value> results = state_->session.Run(Ort::RunOptions{}, input_names.data(), values.data(),
                                                              values.size(), output_names.data(), output_names.size());
  std::vector<HostValues> outputs;
  for (const Ort::Value& result : results) {
    const Ort::TensorTypeAndShapeInfo info = result.GetTensorTypeAndShapeInfo();
    HostValues output{element_type_of(info.GetElementType(), "an output"), info.GetShape(), {}};
    const auto* data = static_cast<const std::uint8_t*>(result.GetTensorRawData());
    output.bytes.assign(data, data + info.GetElementCount() * element_bytes(output.type));
    outputs.push_back(std::move(output));
  }
  return outputs;
}

}  // namespace mien::test
