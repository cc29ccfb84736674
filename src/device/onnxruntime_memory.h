// The memory that a device behind ONNX Runtime holds, and the ceiling above it.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "device/accelerator.h"
#include "device/device_pools.h"
#include "device/onnxruntime_graph.h"

namespace mien {

// The state that all sessions of a device share.
struct OrtDeviceContext {
  Ort::Env env{nullptr};
  Ort::ConstEpDevice ep_device;
  Ort::ConstMemoryInfo memory;
  std::string provider;
  std::string shrink_target;  // "gpu:0", for run options
  std::atomic<bool> shrink_next{false};
  std::uint64_t memory_bytes_max = 0;
  DevicePools* pools = nullptr;  // null: the provider has an arena of its own
  std::shared_ptr<TransferCounters> counters = std::make_shared<TransferCounters>();
  std::recursive_mutex* turns = nullptr;  // for providers that bear one thread of the process at a time
  mutable std::mutex mutex;               // guards what follows, and the order of check and claim
  mutable std::map<std::thread::id, std::uint64_t> claims;  // what the work of each thread has set aside

  // Throws OutOfDeviceMemory where `bytes` more have no room. What this thread's own work has set aside is meant for
  // them. To be called with the mutex held.
  void check_room(std::uint64_t bytes) const;
  // To be held by whoever calls the provider.
  std::unique_lock<std::recursive_mutex> take_turn() const {
    return turns != nullptr ? std::unique_lock(*turns) : std::unique_lock<std::recursive_mutex>();
  }
};

// Throws one of our two failures, by what the runtime says.
[[noreturn]] void throw_failure(const std::string& what, const std::string& message);

// Runs `work` in its turn; what the runtime throws becomes one of our two failures.
template <typename Work>
auto guarded(const std::string& what, const OrtDeviceContext* context, Work work) {
  const auto turn = context != nullptr ? context->take_turn() : std::unique_lock<std::recursive_mutex>();
  try {
    return work();
  } catch (const Ort::Exception& error) {
    // Providers say only that a pointer is null.
    const bool has_run_out =
        context != nullptr && context->pools != nullptr && context->pools->has_run_out.exchange(false);
    throw_failure(what, has_run_out ? "out of memory (" + std::string(error.what()) + ")" : error.what());
  }
}

// Memory of the device. Keeps the context: a value must not outlive its environment.
struct DeviceMemory final : DeviceTensor::Memory {
  DeviceMemory(Ort::Value owned, std::shared_ptr<const OrtDeviceContext> context_of_device);
  // A block of the pool for copies.
  DeviceMemory(void* pooled, Ort::Value view, std::size_t size,
               std::shared_ptr<const OrtDeviceContext> context_of_device);
  ~DeviceMemory() override;
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;

  std::shared_ptr<const OrtDeviceContext> context;
  Ort::Value value;
  void* block = nullptr;
};

DeviceTensor allocate_on(const std::shared_ptr<OrtDeviceContext>& context, ElementType type, const Shape& shape);

// A tensor over device memory that somebody else owns, from `offset` on.
Ort::Value view_of(const OrtDeviceContext& context, const DeviceTensor& tensor, std::size_t offset = 0);
Ort::Value host_view(const HostTensor& tensor);
void copy_between(const OrtDeviceContext& context, const Ort::Value& from, Ort::Value& to, const std::string& what);

// The weights of a model, once on the device for all sessions of it.
class SharedWeights {
 public:
  // Copies them to the device. Throws OutOfDeviceMemory, DeviceFailure.
  SharedWeights(const std::shared_ptr<OrtDeviceContext>& context, Bytes model);
  // Sessions opened with these options must not outlive this object.
  void add_to(Ort::SessionOptions& options) const;
  std::size_t bytes() const { return bytes_; }

 private:
  DeviceTensor block_;
  std::size_t bytes_ = 0;
  std::vector<std::pair<std::string, Ort::Value>> values_;
};

}  // namespace mien
