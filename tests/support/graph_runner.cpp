#define ORT_API_MANUAL_INIT
#include "support/graph_runner.h"

#include <onnxruntime_session_options_config_keys.h>

#include "device/gpu.h"
#include "device/onnxruntime_graph.h"
#include "support/photos.h"
#include "support/real_gpu.h"

namespace mien::test {
namespace {

struct Providers {
  std::unique_ptr<Runtime> runtime;  // opens the library and its interface
  Ort::Env env{nullptr};
  std::shared_ptr<Gpu> gpu;
  std::string gpu_missing;
};

// Never destroyed: providers keep threads and statics.
Providers& providers() {
  static Providers* const kProviders = [] {
    Providers* made = new Providers;
    made->gpu_missing = real_gpu_missing();
    Settings settings = made->gpu_missing.empty() ? real_gpu_settings() : plain_settings();
    settings.operation_gpu.fill(GpuMode::require);  // a graph waits until the provider has compiled it
    made->runtime = open_onnxruntime(settings);
    made->env = Ort::Env(ORT_LOGGING_LEVEL_ERROR, "graphs");
    if (!made->gpu_missing.empty()) return made;
    try {
      made->gpu = Gpu::open(settings, *made->runtime);
    } catch (const Exception& error) {
      made->gpu_missing = error.what();
    }
    return made;
  }();
  return *kProviders;
}

// Runs on the device's thread. Why it did not; empty when it did.
std::string run_on_gpu(const std::function<void(Accelerator&)>& work) {
  const DeviceRun run =
      providers().gpu->run(Operation::face_detection, 1, {.shape = "a graph"},
                           [&](Accelerator& device, std::size_t /*first*/, std::size_t /*count*/) { work(device); });
  return run.reasons.front();
}

NodeAssignment read_assignment(const Ort::Session& session) {
  NodeAssignment assignment;
  for (const Ort::ConstEpAssignedSubgraph& part : session.GetEpGraphAssignmentInfo()) {
    const int nodes = static_cast<int>(part.GetNodes().size());
    assignment.nodes += nodes;
    if (part.GetEpName() == "CPUExecutionProvider") assignment.on_device += nodes;
  }
  return assignment;
}

}  // namespace

struct GraphRunner::State {
  std::unique_ptr<DeviceSession> on_gpu;  // of the GPU's thread; null: the CPU's session runs
  Ort::Session session{nullptr};
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
};

std::string missing(Provider provider) { return provider == Provider::cpu ? std::string() : providers().gpu_missing; }

GraphRunner::GraphRunner(Provider provider, const Graph& graph) : state_(std::make_unique<State>()) {
  Providers& all = providers();
  if (provider == Provider::gpu) {
    const std::string problem = run_on_gpu([&](Accelerator& device) { state_->on_gpu = device.create_session(graph); });
    if (!problem.empty()) throw DeviceFailure(problem);
    assignment_ = state_->on_gpu->assignment();
    return;
  }
  Ort::SessionOptions options;
  options.SetIntraOpNumThreads(1);
  options.AddConfigEntry(kOrtSessionOptionsRecordEpGraphAssignmentInfo, "1");
  const Ort::Model model = make_ort_model(graph);
  state_->session = Ort::Session(all.env, model, options);
  for (const GraphPort& port : graph.inputs) state_->inputs.push_back(port.name);
  for (const GraphPort& port : graph.outputs) state_->outputs.push_back(port.name);
  assignment_ = read_assignment(state_->session);
}

GraphRunner::~GraphRunner() {
  if (!state_->on_gpu) return;
  providers().gpu->release(std::move(state_->on_gpu));
  // Waits for it: a session must not end while the process does.
  (void)run_on_gpu([](Accelerator& /*device*/) {});
}

std::vector<HostValues> GraphRunner::run(const std::vector<HostTensor>& inputs) const {
  std::vector<HostValues> outputs;
  if (state_->on_gpu) {
    const std::vector<DeviceInput> values(inputs.begin(), inputs.end());
    const std::string problem = run_on_gpu([&](Accelerator& /*device*/) {
      for (DeviceOutput& output : state_->on_gpu->run(values, {})) outputs.push_back(std::move(output.values));
    });
    if (!problem.empty()) throw DeviceFailure(problem);
    return outputs;
  }
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
