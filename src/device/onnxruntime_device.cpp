#define ORT_API_MANUAL_INIT
#include "device/onnxruntime_device.h"

#include <fmt/format.h>
#include <onnxruntime_run_options_config_keys.h>
#include <onnxruntime_session_options_config_keys.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "base/log.h"
#include "device/onnxruntime_graph.h"

namespace mien {
namespace {

// What runtimes and drivers say when a device is full.
constexpr std::array<std::string_view, 6> kOutOfMemoryTexts = {
    "out of memory", "OUT_OF_MEMORY", "OutOfMemory", "Failed to allocate memory", "bad_alloc", "Available memory of"};

[[noreturn]] void throw_failure(const std::string& what, const std::string& message) {
  const std::string text = fmt::format("{}: {}", what, message);
  for (const std::string_view sign : kOutOfMemoryTexts) {
    if (message.find(sign) != std::string::npos) throw OutOfDeviceMemory(text);
  }
  throw DeviceFailure(text);
}

// Runs `work`; what the runtime throws becomes one of our two failures.
template <typename Work>
auto guarded(const std::string& what, Work work) {
  try {
    return work();
  } catch (const Ort::Exception& error) {
    throw_failure(what, error.what());
  }
}

// What all sessions of a device share.
struct OrtDeviceContext {
  Ort::Env env{nullptr};
  Ort::ConstEpDevice ep_device;
  Ort::ConstMemoryInfo memory;
  std::string provider;
  std::string shrink_target;  // "gpu:0", for run options
  std::atomic<bool> shrink_next{false};
  std::uint64_t memory_bytes_max = 0;
  std::shared_ptr<TransferCounters> counters = std::make_shared<TransferCounters>();
  mutable std::mutex mutex;                              // guards what follows, and the order of check and claim
  mutable std::map<std::thread::id, std::uint64_t> claims;  // what the work of each thread has set aside

  // Whether `bytes` more have room. What this thread's own work has set aside is meant for them. With the mutex held.
  void check_room(std::uint64_t bytes) const {
    std::uint64_t held = counters->held;
    for (const auto& [thread, claim] : claims) held += thread == std::this_thread::get_id() ? 0 : claim;
    if (held + bytes > memory_bytes_max) {
      throw OutOfDeviceMemory(
          fmt::format("out of memory: {} MB are held, {} MB more are needed, and GPU_MEMORY_LIMIT_GB "
                      "allows {} MB in all",
                      held >> 20, bytes >> 20, memory_bytes_max >> 20));
    }
    if (held + bytes > counters->peak) counters->peak = held + bytes;
  }
};

// Memory of the device. Keeps the context: a value must not outlive its environment.
struct DeviceMemory final : DeviceTensor::Memory {
  DeviceMemory(Ort::Value owned, std::shared_ptr<const OrtDeviceContext> context_of_device)
      : context(std::move(context_of_device)), value(std::move(owned)) {
    const Ort::TensorTypeAndShapeInfo info = value.GetTensorTypeAndShapeInfo();
    const std::size_t count = info.GetElementCount();
    bytes = count * element_bytes(element_type_of(info.GetElementType(), "a device tensor"));
    // Allocators of plugins answer with null when they are full, and the runtime passes that on.
    if (count > 0 && value.GetTensorRawData() == nullptr) {
      throw OutOfDeviceMemory(fmt::format("out of memory: the device has no {} bytes", bytes));
    }
    context->counters->held += bytes;
  }
  ~DeviceMemory() override { context->counters->held -= bytes; }
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;

  std::shared_ptr<const OrtDeviceContext> context;
  Ort::Value value;
};

// A tensor over the start of device memory that somebody else owns.
Ort::Value view_of(const OrtDeviceContext& context, const DeviceTensor& tensor) {
  const auto& memory = static_cast<const DeviceMemory&>(*tensor.memory);
  // The runtime's interface has no const; it writes only where a caller asked for it.
  void* const data = const_cast<void*>(memory.value.GetTensorRawData());
  return Ort::Value::CreateTensor(context.memory, data, element_count(tensor.shape) * element_bytes(tensor.type),
                                  tensor.shape.data(), tensor.shape.size(), ort_element_type(tensor.type));
}

Ort::Value host_view(const HostTensor& tensor) {
  const Ort::MemoryInfo memory = Ort::MemoryInfo::CreateCpu(OrtDeviceAllocator, OrtMemTypeCPU);
  return Ort::Value::CreateTensor(memory, const_cast<void*>(tensor.data),
                                  element_count(tensor.shape) * element_bytes(tensor.type), tensor.shape.data(),
                                  tensor.shape.size(), ort_element_type(tensor.type));
}

HostValues copy_to_host(const Ort::Value& value, const std::string& what) {
  const Ort::TensorTypeAndShapeInfo info = value.GetTensorTypeAndShapeInfo();
  HostValues values{element_type_of(info.GetElementType(), what), info.GetShape(), {}};
  const std::size_t bytes = info.GetElementCount() * element_bytes(values.type);
  const auto* data = static_cast<const std::uint8_t*>(value.GetTensorRawData());
  values.bytes.assign(data, data + bytes);
  return values;
}

NodeAssignment read_assignment(const Ort::Session& session, const std::string& provider) {
  NodeAssignment assignment;
  for (const Ort::ConstEpAssignedSubgraph& part : session.GetEpGraphAssignmentInfo()) {
    const bool is_ours = part.GetEpName() == provider;
    for (const Ort::ConstEpAssignedNode& node : part.GetNodes()) {
      ++assignment.nodes;
      if (is_ours) {
        ++assignment.on_device;
        continue;
      }
      const std::string op = node.GetOperatorType();
      std::vector<std::string>& ops = assignment.elsewhere;
      if (std::find(ops.begin(), ops.end(), op) == ops.end()) ops.push_back(op);
    }
  }
  return assignment;
}

class OrtDeviceSession final : public DeviceSession {
 public:
  OrtDeviceSession(std::shared_ptr<OrtDeviceContext> context, Ort::Session session, std::string what)
      : context_(std::move(context)), session_(std::move(session)), what_(std::move(what)) {
    Ort::AllocatorWithDefaultOptions allocator;
    for (std::size_t i = 0; i < session_.GetInputCount(); ++i) {
      inputs_.push_back({session_.GetInputNameAllocated(i, allocator).get(),
                         session_.GetInputTypeInfo(i).GetTensorTypeAndShapeInfo().GetShape()});
    }
    for (std::size_t i = 0; i < session_.GetOutputCount(); ++i) {
      outputs_.push_back({session_.GetOutputNameAllocated(i, allocator).get(),
                          session_.GetOutputTypeInfo(i).GetTensorTypeAndShapeInfo().GetShape()});
    }
    assignment_ = read_assignment(session_, context_->provider);
  }

  ~OrtDeviceSession() override { context_->counters->held -= held_; }
  OrtDeviceSession(const OrtDeviceSession&) = delete;
  OrtDeviceSession& operator=(const OrtDeviceSession&) = delete;

  void hold(std::size_t bytes) {
    held_ += bytes;
    context_->counters->held += bytes;
  }
  const std::vector<TensorInfo>& inputs() const override { return inputs_; }
  const std::vector<TensorInfo>& outputs() const override { return outputs_; }
  const NodeAssignment& assignment() const override { return assignment_; }

  std::vector<DeviceOutput> run(std::span<const DeviceInput> inputs, std::span<const bool> resident) const override {
    return guarded(what_, [&] { return run_unguarded(inputs, resident); });
  }

 private:
  std::vector<DeviceOutput> run_unguarded(std::span<const DeviceInput> inputs, std::span<const bool> resident) const {
    Ort::IoBinding binding(session_);
    std::vector<Ort::Value> kept;  // until the run is over
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (const auto* host = std::get_if<HostTensor>(&inputs[i])) {
        context_->counters->up += element_count(host->shape) * element_bytes(host->type);
        kept.push_back(host_view(*host));
      } else {
        kept.push_back(view_of(*context_, std::get<DeviceTensor>(inputs[i])));
      }
      binding.BindInput(inputs_[i].name.c_str(), kept.back());
    }
    const Ort::MemoryInfo host_memory = Ort::MemoryInfo::CreateCpu(OrtDeviceAllocator, OrtMemTypeCPU);
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
      const bool stays = i < resident.size() && resident[i];
      if (stays) {
        binding.BindOutput(outputs_[i].name.c_str(), context_->memory);
      } else {
        binding.BindOutput(outputs_[i].name.c_str(), host_memory);
      }
    }
    Ort::RunOptions options;
    if (context_->shrink_next.exchange(false) && !context_->shrink_target.empty()) {
      options.AddConfigEntry(kOrtRunOptionsConfigEnableMemoryArenaShrinkage, context_->shrink_target.c_str());
    }
    session_.Run(options, binding);
    binding.SynchronizeOutputs();
    return take_outputs(binding, resident);
  }

  std::vector<DeviceOutput> take_outputs(const Ort::IoBinding& binding, std::span<const bool> resident) const {
    std::vector<Ort::Value> values = binding.GetOutputValues();
    std::vector<DeviceOutput> outputs(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (i < resident.size() && resident[i]) {
        const Ort::TensorTypeAndShapeInfo info = values[i].GetTensorTypeAndShapeInfo();
        DeviceTensor& tensor = outputs[i].resident;
        tensor.type = element_type_of(info.GetElementType(), what_);
        tensor.shape = info.GetShape();
        tensor.memory = std::make_shared<DeviceMemory>(std::move(values[i]), context_);
      } else {
        outputs[i].values = copy_to_host(values[i], what_);
        context_->counters->down += outputs[i].values.bytes.size();
      }
    }
    return outputs;
  }

  std::shared_ptr<OrtDeviceContext> context_;
  mutable Ort::Session session_;  // the wrapper has no const
  std::string what_;
  std::vector<TensorInfo> inputs_;
  std::vector<TensorInfo> outputs_;
  NodeAssignment assignment_;
  std::size_t held_ = 0;
};

class OrtAccelerator final : public Accelerator {
 public:
  OrtAccelerator(std::shared_ptr<OrtDeviceContext> context, Device device,
                 std::vector<std::pair<std::string, std::string>> provider_options)
      : context_(std::move(context)), device_(std::move(device)), provider_options_(std::move(provider_options)) {}

  const Device& device() const override { return device_; }
  const TransferCounters& counters() const override { return *context_->counters; }

  std::unique_ptr<DeviceSession> create_session(const Graph& graph) override {
    return guarded(graph.name, [&]() -> std::unique_ptr<DeviceSession> {
      const Ort::Model model = make_ort_model(graph);
      auto session = std::make_unique<OrtDeviceSession>(context_, Ort::Session(context_->env, model, session_options()),
                                                        graph.name);
      require_all_nodes(*session, graph.name);
      return session;
    });
  }

  std::unique_ptr<DeviceSession> create_session(Bytes model, const std::string& what) override {
    require_room(model.size());
    return guarded(what, [&]() -> std::unique_ptr<DeviceSession> {
      auto session = std::make_unique<OrtDeviceSession>(
          context_, Ort::Session(context_->env, model.data(), model.size(), session_options()), what);
      session->hold(model.size());  // its weights lie on the device
      return session;
    });
  }

  std::shared_ptr<void> set_aside(std::uint64_t bytes) override {
    const std::lock_guard lock(context_->mutex);
    context_->check_room(bytes);
    context_->claims[std::this_thread::get_id()] = bytes;
    return {context_.get(), [context = context_](void* /*unused*/) {
              const std::lock_guard release_lock(context->mutex);
              context->claims.erase(std::this_thread::get_id());
            }};
  }

  DeviceTensor allocate(ElementType type, const Shape& shape) override {
    // What is checked must be held before another thread checks.
    const std::lock_guard lock(context_->mutex);
    context_->check_room(element_count(shape) * element_bytes(type));
    return guarded("device memory", [&] {
      Ort::UnownedAllocator allocator = context_->env.GetSharedAllocator(context_->memory);
      Ort::Value value = Ort::Value::CreateTensor(allocator, shape.data(), shape.size(), ort_element_type(type));
      return DeviceTensor{std::make_shared<DeviceMemory>(std::move(value), context_), type, shape};
    });
  }

  void upload(const HostTensor& values, const DeviceTensor& target) override {
    guarded("copying to the device", [&] {
      const Ort::Value from = host_view(values);
      Ort::Value to = view_of(*context_, {target.memory, values.type, values.shape});
      Ort::Status status = context_->env.CopyTensor(from, to, nullptr);
      if (!status.IsOK()) throw_failure("copying to the device", status.GetErrorMessage());
      context_->counters->up += element_count(values.shape) * element_bytes(values.type);
    });
  }

  HostValues download(const DeviceTensor& values) override {
    return guarded("copying from the device", [&] {
      HostValues host{values.type, values.shape, {}};
      host.bytes.resize(element_count(values.shape) * element_bytes(values.type));
      const Ort::Value from = view_of(*context_, values);
      Ort::Value to = host_view({values.type, values.shape, host.bytes.data()});
      Ort::Status status = context_->env.CopyTensor(from, to, nullptr);
      if (!status.IsOK()) throw_failure("copying from the device", status.GetErrorMessage());
      context_->counters->down += host.bytes.size();
      return host;
    });
  }

  void shrink() override { context_->shrink_next = true; }

 private:
  void require_room(std::uint64_t bytes) const {
    const std::lock_guard lock(context_->mutex);
    context_->check_room(bytes);
  }

  Ort::SessionOptions session_options() {
    Ort::SessionOptions options;
    options.SetIntraOpNumThreads(1);
    options.SetInterOpNumThreads(1);
    options.SetExecutionMode(ORT_SEQUENTIAL);
    options.SetGraphOptimizationLevel(ORT_ENABLE_ALL);
    options.DisableMemPattern();
    options.AddConfigEntry(kOrtSessionOptionsConfigAllowIntraOpSpinning, "0");
    options.AddConfigEntry(kOrtSessionOptionsRecordEpGraphAssignmentInfo, "1");
    std::unordered_map<std::string, std::string> provider_options;
    for (const auto& [key, value] : provider_options_) provider_options.emplace(key, value);
    options.AppendExecutionProvider_V2(context_->env, {context_->ep_device}, provider_options);
    return options;
  }

  // Our own graphs run on the device as a whole or not at all: a node on the CPU in between would copy pixels about.
  void require_all_nodes(const DeviceSession& session, const std::string& what) const {
    const NodeAssignment& assignment = session.assignment();
    if (assignment.is_complete()) return;
    throw DeviceFailure(fmt::format("{}: {} runs {} of {} nodes, not {}", what, context_->provider,
                                    assignment.on_device, assignment.nodes, fmt::join(assignment.elsewhere, ", ")));
  }

  std::shared_ptr<OrtDeviceContext> context_;
  Device device_;
  std::vector<std::pair<std::string, std::string>> provider_options_;
};

// Libraries are loaded once a process and stay: providers keep threads and statics.
void register_library(Ort::Env& env, const Backend& backend, const std::string& path) {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  try {
    env.RegisterExecutionProviderLibrary(std::string(backend.name).c_str(), path);
  } catch (const Ort::Exception& error) {
    if (std::string_view(error.what()).find("already registered") == std::string_view::npos) throw;
  }
}

bool is_software(const Ort::ConstEpDevice& device) { return device.Device().Type() == OrtHardwareDeviceType_CPU; }

std::vector<Ort::ConstEpDevice> devices_of(const Ort::Env& env, const Backend& backend) {
  std::vector<Ort::ConstEpDevice> found;
  for (const Ort::ConstEpDevice& device : env.GetEpDevices()) {
    const auto& names = backend.providers;
    if (std::find(names.begin(), names.end(), device.EpName()) != names.end()) found.push_back(device);
  }
  return found;
}

Ort::ConstEpDevice choose_device(const Ort::Env& env, const Backend& backend, const AcceleratorOptions& options) {
  std::vector<Ort::ConstEpDevice> devices = devices_of(env, backend);
  const std::size_t all = devices.size();
  if (!options.allow_software) std::erase_if(devices, is_software);
  if (devices.empty() && all > 0) {
    throw DeviceFailure(
        fmt::format("only a software adapter is there, which is slower than the CPU's own path: "
                    "MIEN_ALLOW_SOFTWARE_GPU=1 uses it all the same"));
  }
  if (devices.empty()) throw DeviceFailure(fmt::format("{} finds no device", backend.label));
  const std::size_t id = static_cast<std::size_t>(options.device_id);
  if (id >= devices.size()) {
    throw DeviceFailure(
        fmt::format("{} has no device {}: GPU_DEVICE_ID goes from 0 to {}", backend.label, id, devices.size() - 1));
  }
  return devices[id];
}

Device describe(const Ort::ConstEpDevice& ep_device, const Backend& backend, const AcceleratorOptions& options) {
  const std::vector<Device> probed = backend.probe_devices();
  for (const Device& device : probed) {
    if (device.id == options.device_id) return device;
  }
  Device device;
  device.id = options.device_id;
  device.backend = backend.name;
  device.is_software = is_software(ep_device);
  const Ort::ConstKeyValuePairs metadata = ep_device.EpMetadata();
  const char* const name = metadata.GetValue("device_name");
  device.name = name != nullptr ? name : fmt::format("{} device {}", ep_device.EpVendor(), options.device_id);
  return device;
}

}  // namespace

std::unique_ptr<Accelerator> open_accelerator(const Backend& backend, const AcceleratorOptions& options) {
  return guarded(std::string(backend.label), [&]() -> std::unique_ptr<Accelerator> {
    auto context = std::make_shared<OrtDeviceContext>();
    context->env = Ort::Env(ORT_LOGGING_LEVEL_WARNING, "mien");
    register_library(context->env, backend, options.library);
    context->ep_device = choose_device(context->env, backend, options);
    context->provider = context->ep_device.EpName();
    context->memory = context->ep_device.GetMemoryInfo(OrtDeviceMemoryType_DEFAULT);
    context->memory_bytes_max = options.memory_bytes_max;
    if (!backend.arena.empty()) context->shrink_target = fmt::format("{}:{}", backend.arena, options.device_id);
    Device device = describe(context->ep_device, backend, options);
    return std::make_unique<OrtAccelerator>(std::move(context), std::move(device),
                                            backend.provider_options(options.device_id, options.memory_bytes_max));
  });
}

}  // namespace mien
