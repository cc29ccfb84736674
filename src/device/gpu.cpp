#include "device/gpu.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>

#include "backends/backend.h"
#include "backends/library_search.h"
#include "backends/remedy.h"
#include "base/log.h"
#include "device/onnxruntime_device.h"
#include "device/where_it_pays.h"

namespace mien {
namespace {

constexpr double kBytesPerGigabyte = 1024.0 * 1024 * 1024;
constexpr double kShareOfFree = 0.9;
constexpr std::chrono::seconds kOpenLimit{60};

// A graph whose answer is known: a device proves itself by it, not by being listed.
Graph make_proof_graph() {
  GraphBuilder graph("proof");
  const auto x = graph.input("x", ElementType::f32, {-1});
  graph.output("y", graph.add(graph.mul(x, graph.scalar(2.0F)), graph.scalar(1.0F)), ElementType::f32, {-1});
  return std::move(graph).build();
}

void prove(Accelerator& device) {
  const std::unique_ptr<DeviceSession> session = device.create_session(make_proof_graph());
  constexpr std::array<float, 4> kInput = {0, 1, -3, 20};
  const DeviceInput input = HostTensor{ElementType::f32, {4}, kInput.data()};
  const std::vector<DeviceOutput> outputs = session->run({&input, 1}, {});
  const std::span<const float> floats = outputs.front().values.floats();
  for (std::size_t i = 0; i < kInput.size(); ++i) {
    if (floats.size() != kInput.size() || floats[i] != kInput[i] * 2 + 1) {
      throw DeviceFailure("it computes wrong numbers");
    }
  }
}

std::string join_reasons(const std::vector<std::string>& reasons) {
  return fmt::format("{}", fmt::join(reasons, "; "));
}

// A loader's complaint, with the name of what is missing where mien knows it.
std::string explain(const std::string& complaint) {
  const Remedy* const remedy = find_remedy(complaint);
  if (remedy == nullptr) return complaint;
  return fmt::format("{} ({} is missing: 'mien doctor' says what to install)", complaint, remedy->what);
}

}  // namespace

Gpu::Gpu(const Settings& settings, GpuLimits limits, bool many_images)
    : limits_(std::move(limits)),
      batch_max_(settings.gpu_batch_size),
      memory_bytes_max_(static_cast<std::uint64_t>(settings.gpu_memory_limit_gb * kBytesPerGigabyte)) {
  for (const OperationRow& row : kOperations) {
    shared_->operations.emplace_back(limits_.now);
    shared_->operations.back().mode = settings.gpu_mode(row.operation);
    shared_->operations.back().kept = kept_by_cpu(settings, row.operation, many_images);
  }
}

const TransferCounters* Gpu::counters() const { return accelerator_ != nullptr ? &accelerator_->counters() : nullptr; }

std::shared_ptr<Gpu> Gpu::open(const Settings& settings, const Runtime& runtime, GpuLimits limits, bool many_images) {
  if (!settings.wants_gpu()) return nullptr;
  if (!limits.answer)
    limits.answer = std::chrono::milliseconds(static_cast<std::int64_t>(settings.gpu_time_limit_s * 1000));
  const std::shared_ptr<Gpu> gpu(new Gpu(settings, std::move(limits), many_images));
  if (!without_kept(settings, many_images).wants_gpu()) {
    gpu->runtime_ = runtime.name();
    gpu->reason_ = "the CPU keeps all that asks for the GPU";
    return gpu;
  }
  gpu->choose(settings, runtime);
  for (const auto& [operation, name, owns] : kOperations) {
    if (gpu->is_usable() || gpu->mode(operation) != GpuMode::require) continue;
    throw Exception(gpu->required_error(operation, gpu->reason_));
  }
  if (!gpu->is_usable()) log(LogLevel::warning, fmt::format("the CPU does the work: {}", gpu->reason_));
  return gpu;
}

void Gpu::choose(const Settings& settings, const Runtime& runtime) {
  runtime_ = runtime.name();
  if (settings.gpu_backend == "cpu") {
    reason_ = "GPU_BACKEND=cpu";
    return;
  }
  std::vector<std::string> reasons;
  for (const Backend* const backend : candidate_backends(settings)) {
    const std::string reason = try_backend(settings, runtime, *backend);
    if (reason.empty()) return;
    log(LogLevel::debug, fmt::format("backend {} is not used: {}", backend->name, reason));
    reasons.push_back(fmt::format("{}: {}", backend->name, reason));
  }
  if (reasons.empty()) reasons.push_back(fmt::format("{} is not built into this version", settings.gpu_backend));
  reason_ = join_reasons(reasons);
}

// Returns an empty text, or why this backend cannot be used.
std::string Gpu::try_backend(const Settings& settings, const Runtime& runtime, const Backend& backend) {
  const ProviderLibrary library = find_backend_library(settings, backend, runtime.path());
  if (library.path.empty()) return library.problem;
  if (!backend.is_for_tests) preload_needed_libraries(settings, backend);
  // Others of this process may read the environment: it is written once, before the library starts threads.
  if (backend.variable.first != nullptr) setenv(backend.variable.first, backend.variable.second, 0);
  if (backend.software_variable != nullptr && settings.allow_software_gpu) setenv(backend.software_variable, "1", 0);
  AcceleratorOptions options;
  options.device_id = settings.gpu_device_id;
  options.allow_software = settings.allow_software_gpu || backend.is_for_tests;
  probe_ = [&backend, id = options.device_id, allow_software = options.allow_software] {
    return find_chosen_device(backend, id, allow_software);
  };
  limit_to_free_memory(settings);
  options.memory_bytes_max = memory_bytes_max_;
  options.library = library.path;
  options.cudnn_search = settings.cudnn_search;
  auto lane = std::make_unique<Lane>();
  auto opened = std::make_shared<std::shared_ptr<Accelerator>>();
  try {
    lane->run(
        [opened, &backend, options] {
          std::shared_ptr<Accelerator> accelerator = open_accelerator(backend, options);
          prove(*accelerator);
          *opened = std::move(accelerator);
        },
        kOpenLimit);
  } catch (const Exception& error) {
    return explain(error.error().message);
  }
  accelerator_ = std::move(*opened);
  lane_ = std::move(lane);
  if (backend.copies_beside) copies_ = std::make_unique<Lane>();
  backend_ = backend.name;
  label_ = backend.label;
  compiles_slowly_ = backend.compiles_slowly;
  plans_by_shape_ = backend.plans_by_shape;
  end_process_beside_lanes();
  return {};
}

// To be called before the device is opened: opening fixes its ceiling.
void Gpu::limit_to_free_memory(const Settings& settings) {
  memory_bytes_max_ = static_cast<std::uint64_t>(settings.gpu_memory_limit_gb * kBytesPerGigabyte);
  const std::optional<Device> device = probe_();
  if (!device || device->memory_free_mb <= 0) return;
  const std::uint64_t free_bytes = static_cast<std::uint64_t>(device->memory_free_mb) << 20;
  if (memory_bytes_max_ <= free_bytes) return;
  memory_bytes_max_ = static_cast<std::uint64_t>(static_cast<double>(free_bytes) * kShareOfFree);
  log(LogLevel::warning,
      fmt::format("GPU_MEMORY_LIMIT_GB={:g} is more than the {} MB that are free: at most {} MB are taken",
                  settings.gpu_memory_limit_gb, device->memory_free_mb, memory_bytes_max_ >> 20));
}

Error Gpu::required_error(Operation operation, const std::string& reason) const {
  return {
      ErrorCode::unavailable,
      fmt::format("{} requires a GPU, and none did the work ({}): 'mien doctor' says what is missing; set it to true "
                  "to let the CPU take over, or to false",
                  operation_name(operation), reason)};
}

// A copy of the work runs once, for nothing but to have its programs compiled.
void Gpu::start_compiling(OperationState& operation, const std::string& shape, std::size_t first, std::size_t count,
                          std::uint64_t bytes, const DeviceWork& work) {
  if (shared_->is_compiling.exchange(true)) return;
  log(LogLevel::info, fmt::format("{} is compiling {}: the CPU works meanwhile", label_, shape));
  const auto job = [shared = shared_, device = accelerator_, &operation, shape, first, count, bytes, work,
                    name = backend_] {
    std::string failure = "it ended early";
    try {
      const std::shared_ptr<void> room = device->set_aside(bytes);
      work(*device, first, count);
      failure.clear();
    } catch (const Exception& error) {
      failure = error.error().message;
    } catch (const std::exception& error) {
      failure = error.what();  // memory of this computer
    }
    {
      const std::lock_guard lock(shared->mutex);
      if (failure.empty()) {
        operation.warm.insert(shape);
      } else {
        operation.last_failure = failure;
      }
    }
    if (!failure.empty()) {
      operation.breaker.report_failure();
      log(LogLevel::warning, fmt::format("{}: {}", name, failure));
    }
    shared->is_compiling = false;
  };
  lane_->post(job, limits_.compile);
}

// Tries one rung of the ladder after the other for the batch that begins at `first`; `count` becomes the number of
// items that were dealt with. Returns an empty text, or why the CPU has to do them.
std::string Gpu::run_batch(OperationState& operation, std::size_t first, std::size_t& count, const WorkSize& size,
                           const DeviceWork& work) {
  // Graphs fill their batches up to a power of two.
  const std::string shape_key = fmt::format("{} x {}", size.shape, std::bit_ceil(count));
  const std::uint64_t bytes = size.fixed_bytes + count * size.item_bytes;
  bool is_warm = false;
  {
    const std::lock_guard lock(shared_->mutex);
    is_warm = size.is_planned || operation.warm.contains(shape_key);
    if (!operation.breaker.is_open()) operation.last_failure.clear();
  }
  if (!is_warm && compiles_slowly_ && operation.mode != GpuMode::require) {
    start_compiling(operation, shape_key, first, count, bytes, work);
    operation.breaker.report_unused();  // else a trial would never end
    return fmt::format("{} is compiling for this size", backend_);
  }
  if (shared_->is_compiling && !size.is_planned) {
    operation.breaker.report_unused();
    return fmt::format("{} is compiling", backend_);
  }
  const auto fail = [&](const std::string& reason) {
    operation.breaker.report_failure();
    log(LogLevel::warning, fmt::format("{}: {}", backend_, reason));
    const std::lock_guard lock(shared_->mutex);
    operation.last_failure = reason;
    return reason;
  };
  try {
    const auto job = [device = accelerator_, first, count, work, bytes] {
      const std::shared_ptr<void> room = device->set_aside(bytes);
      work(*device, first, count);
    };
    lane_->run(job, is_warm ? *limits_.answer : limits_.compile);
    operation.breaker.report_success();
    if (!is_warm) {
      const std::lock_guard lock(shared_->mutex);
      operation.warm.insert(shape_key);
    }
    return {};
  } catch (const OutOfDeviceMemory& error) {
    lane_->post([device = accelerator_] { device->shrink(); }, *limits_.answer);
    if (count == 1) return fail(error.error().message);
    count = (count + 1) / 2;
    log(LogLevel::info, fmt::format("{}: {}; going on with {} at a time", backend_, error.error().message, count));
    {
      const std::lock_guard lock(shared_->mutex);
      operation.batch_max = count;
    }
    return run_batch(operation, first, count, size, work);
  } catch (const DeviceHung& error) {
    return fail(error.error().message);
  } catch (const Exception& error) {
    if (error.error().code == ErrorCode::cancelled) {
      operation.breaker.report_unused();
      throw;
    }
    return fail(error.error().message);
  }
}

std::string Gpu::paused_text(const OperationState& operation) const {
  const std::lock_guard lock(shared_->mutex);
  return fmt::format("paused after {} failures, the last: {}", kFailuresToOpen, operation.last_failure);
}

std::string Gpu::refusal_of(const OperationState& operation) const {
  if (!operation.kept.empty()) return operation.kept;
  if (!is_usable()) return reason_;
  if (lane_->is_abandoned()) {
    const std::lock_guard lock(shared_->mutex);
    return operation.last_failure.empty() ? "the device gave no answer to an earlier call" : operation.last_failure;
  }
  return operation.breaker.would_allow() ? std::string() : paused_text(operation);
}

bool Gpu::is_paused(Operation asked) const {
  const OperationState& operation = shared_->operations[index_of(asked)];
  if (!is_usable() || operation.mode == GpuMode::off || !operation.kept.empty()) return false;
  return lane_->is_abandoned() || operation.breaker.is_open();
}

std::string Gpu::refusal(Operation operation) const { return refusal_of(shared_->operations[index_of(operation)]); }

DeviceRun Gpu::run(Operation asked, std::size_t count, const WorkSize& size, const DeviceWork& work) {
  OperationState& operation = shared_->operations[index_of(asked)];
  DeviceRun result;
  result.reasons.assign(count, {});
  std::size_t first = 0;
  while (first < count) {
    std::size_t now = std::min(count - first, std::max<std::size_t>(1, size.batch));
    {
      const std::lock_guard lock(shared_->mutex);
      if (operation.batch_max > 0) now = std::min(now, operation.batch_max);
    }
    std::string reason = refusal_of(operation);
    if (reason.empty()) {
      reason = operation.breaker.allows() ? run_batch(operation, first, now, size, work) : paused_text(operation);
    }
    std::fill_n(result.reasons.begin() + static_cast<std::ptrdiff_t>(first), now, reason);
    first += now;
  }
  return result;
}

void Gpu::plan(const std::function<void(Accelerator&)>& work, std::uint64_t bytes, std::uint64_t bytes_beside,
               std::chrono::milliseconds limit) {
  if (lane_->is_abandoned()) throw DeviceFailure("the device gave no answer to an earlier call");
  if (plans_ == nullptr || plans_->is_abandoned()) plans_ = std::make_unique<Lane>();
  const auto job = [device = accelerator_, work, bytes, bytes_beside] {
    (void)device->set_aside(bytes + bytes_beside);  // for a moment, to see that they are there
    const std::shared_ptr<void> room = device->set_aside(bytes);
    work(*device);
  };
  plans_->run(job, limit);
}

void Gpu::start_copy(const std::function<void(Accelerator&)>& work) {
  if (copies_ == nullptr || lane_->is_abandoned() || copies_->is_abandoned()) return;
  copies_->post([device = accelerator_, work] { work(*device); }, *limits_.answer);
}

void Gpu::copy(const std::function<void(Accelerator&)>& work) {
  if (!is_usable()) throw DeviceFailure(reason_);
  Lane& lane = copies_ != nullptr ? *copies_ : *lane_;
  lane.run([device = accelerator_, work] { work(*device); }, *limits_.answer);
}

void Gpu::release(std::shared_ptr<void> owned) {
  if (lane_ != nullptr && owned != nullptr) lane_->post([owned = std::move(owned)] {}, *limits_.answer);
}

}  // namespace mien
