#define ORT_API_MANUAL_INIT
#include "device/onnxruntime_device.h"

#include <fmt/format.h>
#include <onnxruntime_run_options_config_keys.h>
#include <onnxruntime_session_options_config_keys.h>

#include <algorithm>
#include <list>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "backends/backend_library.h"
#include "device/device_pools.h"
#include "device/onnxruntime_graph.h"
#include "device/onnxruntime_memory.h"

namespace mien {
namespace {

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

// A session of a model and what it alone takes on the device.
struct OpenedModel {
  Ort::Session session{nullptr};
  std::size_t bytes = 0;
};

// Opens sessions of one model; where there will be many, they share its weights.
class ModelOpener {
 public:
  // The model's bytes must outlive this object.
  ModelOpener(std::shared_ptr<OrtDeviceContext> context, Bytes model, Ort::SessionOptions options, bool many)
      : context_(std::move(context)), model_(model), options_(std::move(options)) {
    if (!many) return;
    weights_.emplace(context_, model);
    weights_->add_to(options_);
  }

  OpenedModel open() const {
    const std::uint64_t before = pooled();
    OpenedModel opened{Ort::Session(context_->env, model_.data(), model_.size(), options_), 0};
    // Weights that the runtime computes from others, as of a convolution with its normalisation, are each session's
    // own. What is allocated is known only where it comes from a pool of ours.
    const std::size_t shared = weights_ ? weights_->bytes() : 0;
    opened.bytes = std::max<std::size_t>(model_.size() - shared, pooled() - before);
    return opened;
  }

 private:
  std::uint64_t pooled() const { return context_->pools != nullptr ? context_->pools->runs.used() : 0; }

  std::shared_ptr<OrtDeviceContext> context_;
  Bytes model_;
  Ort::SessionOptions options_;
  std::optional<SharedWeights> weights_;
};

// One session, or one for each shape of the inputs, of which the last ones used are kept.
class OrtDeviceSession final : public DeviceSession {
 public:
  static constexpr std::size_t kShapesMax = 48;
  // One part of the ceiling in so many is for what the sessions of one model take beside what they share: the rest is
  // for the work.
  static constexpr std::uint64_t kShare = 4;

  // `opener` makes more sessions of the same model; null where one does for all shapes.
  OrtDeviceSession(std::shared_ptr<OrtDeviceContext> context, OpenedModel opened, std::string what,
                   std::unique_ptr<ModelOpener> opener)
      : context_(std::move(context)), opener_(std::move(opener)), what_(std::move(what)), bytes_(opened.bytes) {
    const Ort::Session& session = opened.session;
    Ort::AllocatorWithDefaultOptions allocator;
    for (std::size_t i = 0; i < session.GetInputCount(); ++i) {
      inputs_.push_back({session.GetInputNameAllocated(i, allocator).get(),
                         session.GetInputTypeInfo(i).GetTensorTypeAndShapeInfo().GetShape()});
    }
    for (std::size_t i = 0; i < session.GetOutputCount(); ++i) {
      outputs_.push_back({session.GetOutputNameAllocated(i, allocator).get(),
                          session.GetOutputTypeInfo(i).GetTensorTypeAndShapeInfo().GetShape()});
    }
    assignment_ = read_assignment(session, context_->provider);
    keep("", std::move(opened));
  }

  ~OrtDeviceSession() override {
    const auto turn = context_->take_turn();
    drop_all_but(0);
  }
  OrtDeviceSession(const OrtDeviceSession&) = delete;
  OrtDeviceSession& operator=(const OrtDeviceSession&) = delete;

  const std::vector<TensorInfo>& inputs() const override { return inputs_; }
  const std::vector<TensorInfo>& outputs() const override { return outputs_; }
  const NodeAssignment& assignment() const override { return assignment_; }

  std::vector<DeviceOutput> run(std::span<const DeviceInput> inputs, std::span<const bool> on_device) const override {
    return guarded(what_, context_.get(), [&] { return run_unguarded(inputs, on_device); });
  }

 private:
  struct Shaped {
    std::string shapes;  // empty: not used yet
    OpenedModel model;
  };

  void keep(std::string shapes, OpenedModel model) const {
    context_->counters->held += model.bytes;
    sessions_.push_front({std::move(shapes), std::move(model)});
  }

  void drop_all_but(std::size_t count) const {
    while (sessions_.size() > count) {
      context_->counters->held -= sessions_.back().model.bytes;
      sessions_.pop_back();
    }
  }

  // The last one used comes first.
  Ort::Session& session_for(std::span<const DeviceInput> inputs) const {
    if (opener_ == nullptr) return sessions_.front().model.session;
    std::string shapes;
    for (const DeviceInput& input : inputs) {
      const Shape& shape = std::visit([](const auto& tensor) -> const Shape& { return tensor.shape; }, input);
      shapes += fmt::format("{};", fmt::join(shape, "x"));
    }
    const auto found = std::find_if(sessions_.begin(), sessions_.end(), [&](const Shaped& shaped) {
      return shaped.shapes == shapes || shaped.shapes.empty();
    });
    if (found != sessions_.end()) {
      found->shapes = shapes;
      sessions_.splice(sessions_.begin(), sessions_, found);
    } else {
      drop_all_but(sessions_max() - 1);
      require_room_for_another();
      keep(shapes, open_another());
    }
    return sessions_.front().model.session;
  }

  std::size_t sessions_max() const {
    return std::clamp<std::size_t>(context_->memory_bytes_max / kShare / std::max<std::size_t>(1, bytes_), 1,
                                   kShapesMax);
  }

  // Drops sessions of other shapes before the ceiling would be passed. The last used ones are kept longest.
  void require_room_for_another() const {
    while (true) {
      try {
        const std::lock_guard lock(context_->mutex);
        return context_->check_room(bytes_);
      } catch (const OutOfDeviceMemory&) {
        if (sessions_.empty()) throw;
      }
      drop_all_but(sessions_.size() - 1);
    }
  }

  OpenedModel open_another() const {
    try {
      return opener_->open();
    } catch (const Ort::Exception&) {
      // Sessions of other shapes may hold the memory.
      if (sessions_.empty()) throw;
      drop_all_but(0);
      if (context_->pools != nullptr) context_->pools->has_run_out = false;
      return opener_->open();
    }
  }

  std::vector<DeviceOutput> run_unguarded(std::span<const DeviceInput> inputs, std::span<const bool> on_device) const {
    Ort::Session& session = session_for(inputs);
    Ort::IoBinding binding(session);
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
      const bool stays = i < on_device.size() && on_device[i];
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
    session.Run(options, binding);
    binding.SynchronizeOutputs();
    return take_outputs(binding, on_device);
  }

  std::vector<DeviceOutput> take_outputs(const Ort::IoBinding& binding, std::span<const bool> on_device) const {
    std::vector<Ort::Value> values = binding.GetOutputValues();
    std::vector<DeviceOutput> outputs(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (i < on_device.size() && on_device[i]) {
        const Ort::TensorTypeAndShapeInfo info = values[i].GetTensorTypeAndShapeInfo();
        DeviceTensor& tensor = outputs[i].on_device;
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
  std::unique_ptr<ModelOpener> opener_;  // outlives the sessions, which use its weights
  mutable std::list<Shaped> sessions_;
  std::string what_;
  std::size_t bytes_ = 0;  // that a session takes
  std::vector<TensorInfo> inputs_;
  std::vector<TensorInfo> outputs_;
  NodeAssignment assignment_;
};

class OrtAccelerator final : public Accelerator {
 public:
  OrtAccelerator(std::shared_ptr<OrtDeviceContext> context, Device device,
                 std::vector<std::pair<std::string, std::string>> provider_options, bool keeps_one_shape)
      : context_(std::move(context)),
        device_(std::move(device)),
        provider_options_(std::move(provider_options)),
        keeps_one_shape_(keeps_one_shape) {}
  ~OrtAccelerator() override {
    if (context_->pools != nullptr) context_->pools->trim();
  }
  OrtAccelerator(const OrtAccelerator&) = delete;
  OrtAccelerator& operator=(const OrtAccelerator&) = delete;

  const Device& device() const override { return device_; }
  const TransferCounters& counters() const override { return *context_->counters; }

  std::unique_ptr<DeviceSession> create_session(const Graph& graph) override {
    return guarded(graph.name, context_.get(), [&]() -> std::unique_ptr<DeviceSession> {
      const Ort::Model model = make_ort_model(graph);
      OpenedModel opened{Ort::Session(context_->env, model, session_options()), 0};
      auto session = std::make_unique<OrtDeviceSession>(context_, std::move(opened), graph.name, nullptr);
      require_all_nodes(*session, graph.name);
      return session;
    });
  }

  std::unique_ptr<DeviceSession> create_session(Bytes model, const std::string& what) override {
    require_room(model.size());
    return guarded(what, context_.get(), [&]() -> std::unique_ptr<DeviceSession> {
      auto opener = std::make_unique<ModelOpener>(context_, model, session_options(), keeps_one_shape_);
      OpenedModel opened = opener->open();
      if (!keeps_one_shape_) opener = nullptr;
      return std::make_unique<OrtDeviceSession>(context_, std::move(opened), what, std::move(opener));
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
    return guarded("device memory", context_.get(), [&] { return allocate_on(context_, type, shape); });
  }

  void upload(const HostTensor& values, const DeviceTensor& target) override {
    guarded("copying to the device", context_.get(), [&] {
      const Ort::Value from = host_view(values);
      Ort::Value to = view_of(*context_, {target.memory, values.type, values.shape});
      copy_between(*context_, from, to, "copying to the device");
      context_->counters->up += element_count(values.shape) * element_bytes(values.type);
    });
  }

  HostValues download(const DeviceTensor& values) override {
    return guarded("copying from the device", context_.get(), [&] {
      HostValues host{values.type, values.shape, {}};
      host.bytes.resize(element_count(values.shape) * element_bytes(values.type));
      const Ort::Value from = view_of(*context_, values);
      Ort::Value to = host_view({values.type, values.shape, host.bytes.data()});
      copy_between(*context_, from, to, "copying from the device");
      context_->counters->down += host.bytes.size();
      return host;
    });
  }

  void shrink() override {
    context_->shrink_next = true;
    if (context_->pools != nullptr) context_->pools->trim();
  }

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
  bool keeps_one_shape_;
};

// Gives the provider our pools to allocate from, where it takes such.
void add_pools(OrtDeviceContext& context, const Backend& backend, int device_id,
               std::vector<std::pair<std::string, std::string>>& provider_options) {
  if (backend.allocator_options.empty()) return;
  if (device_id >= kPooledDevicesMax) {
    throw DeviceFailure(fmt::format("{} is used up to device {}", backend.label, kPooledDevicesMax - 1));
  }
  const Ort::UnownedAllocator raw = context.env.GetSharedAllocator(context.memory);
  // The pools outlive this device, and its allocator lives as long as somebody keeps the environment.
  const auto environment = std::make_shared<Ort::Env>(ORT_LOGGING_LEVEL_WARNING, "mien");
  MemoryPool::Source source;
  source.allocate = [raw, environment](std::size_t bytes) -> void* {
    try {
      return Ort::UnownedAllocator(raw).Alloc(bytes);
    } catch (...) {  // of a type that only the runtime knows
      return nullptr;
    }
  };
  source.free = [raw](void* block) { Ort::UnownedAllocator(raw).Free(block); };
  context.pools = &open_device_pools(device_id, source, context.memory_bytes_max);
  const PoolFunctions functions = pool_functions(device_id);
  const void* const addresses[] = {reinterpret_cast<void*>(functions.allocate), reinterpret_cast<void*>(functions.free),
                                   reinterpret_cast<void*>(functions.trim)};
  for (std::size_t i = 0; i < backend.allocator_options.size(); ++i) {
    provider_options.emplace_back(backend.allocator_options[i],
                                  std::to_string(reinterpret_cast<std::uintptr_t>(addresses[i])));
  }
}

bool is_software(const Ort::ConstEpDevice& device) { return device.Device().Type() == OrtHardwareDeviceType_CPU; }

std::vector<Ort::ConstEpDevice> devices_of(const Ort::Env& env, const Backend& backend) {
  std::vector<Ort::ConstEpDevice> found;
  for (const Ort::ConstEpDevice& device : env.GetEpDevices()) {
    const auto& names = backend.providers;
    const bool is_provider = std::find(names.begin(), names.end(), device.EpName()) != names.end();
    // Some providers drive CPUs for neural networks too, which cannot run our graphs.
    if (is_provider && device.Device().Type() != OrtHardwareDeviceType_NPU) found.push_back(device);
  }
  return found;
}

// Libraries are loaded once a process and stay: providers keep threads and statics. What is registered already must not
// be registered again: before the runtime says so it has opened the library anew and closed it, which ends what
// WebGPU's provider (0.4.0) has open.
void register_library(Ort::Env& env, const Backend& backend, const std::string& path) {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  if (!devices_of(env, backend).empty()) return;
  try {
    env.RegisterExecutionProviderLibrary(std::string(backend.name).c_str(), path);
  } catch (const Ort::Exception& error) {
    if (std::string_view(error.what()).find("already registered") == std::string_view::npos) throw;
  }
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

// Where tensors stay between runs. Providers that offer no memory of the device take the computer's, and move what
// they need themselves.
Ort::ConstMemoryInfo memory_of(const Ort::ConstEpDevice& device) {
  static const Ort::MemoryInfo computers_own = Ort::MemoryInfo::CreateCpu(OrtDeviceAllocator, OrtMemTypeDefault);
  const Ort::ConstMemoryInfo own = device.GetMemoryInfo(OrtDeviceMemoryType_DEFAULT);
  return own != nullptr ? own : Ort::ConstMemoryInfo(computers_own);
}

Device describe(const Ort::ConstEpDevice& ep_device, const Backend& backend, const AcceleratorOptions& options) {
  if (const auto probed = find_chosen_device(backend, options.device_id, options.allow_software)) return *probed;
  Device device;
  device.id = options.device_id;
  device.backend = backend.name;
  device.is_software = is_software(ep_device);
  const Ort::ConstKeyValuePairs metadata = ep_device.EpMetadata();
  const char* name = metadata.GetValue("device_name");
  if (name == nullptr) name = metadata.GetValue("FULL_DEVICE_NAME");
  device.name = name != nullptr ? name : fmt::format("{} device {}", ep_device.EpVendor(), options.device_id);
  return device;
}

// WebGPU's provider (0.4.0) breaks when two threads use it at once, also with sessions of their own.
std::recursive_mutex* turns_of(std::string_view provider) {
  static auto* const webgpu = new std::recursive_mutex;  // lanes may outlive statics
  return provider == "WebGpuExecutionProvider" ? webgpu : nullptr;
}

}  // namespace

std::unique_ptr<Accelerator> open_accelerator(const Backend& backend, const AcceleratorOptions& options) {
  return guarded(std::string(backend.label), nullptr, [&]() -> std::unique_ptr<Accelerator> {
    auto context = std::make_shared<OrtDeviceContext>();
    context->env = Ort::Env(ORT_LOGGING_LEVEL_WARNING, "mien");
    register_library(context->env, backend, options.library);
    context->ep_device = choose_device(context->env, backend, options);
    context->provider = context->ep_device.EpName();
    context->turns = turns_of(context->provider);
    context->memory = memory_of(context->ep_device);
    context->memory_bytes_max = options.memory_bytes_max;
    if (!backend.arena.empty()) context->shrink_target = fmt::format("{}:{}", backend.arena, options.device_id);
    Device device = describe(context->ep_device, backend, options);
    auto opened_with = provider_options(backend, context->provider,
                                        {options.device_id, options.memory_bytes_max, options.cudnn_search});
    add_pools(*context, backend, options.device_id, opened_with);
    return std::make_unique<OrtAccelerator>(std::move(context), std::move(device), std::move(opened_with),
                                            backend.keeps_one_shape);
  });
}

}  // namespace mien
