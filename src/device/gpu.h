// The GPU that a process uses: chosen once, watched at every batch, given up when it fails. What an operation asks for
// (false, true, require) and what came of it is decided here and nowhere else.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "device/accelerator.h"
#include "device/breaker.h"
#include "device/lane.h"
#include "device/session.h"
#include "mien/settings.h"

namespace mien {

// Tests replace these.
struct GpuLimits {
  std::optional<std::chrono::milliseconds> answer;  // of a batch; empty: what the settings say
  std::chrono::milliseconds compile{600'000};       // of the first batch of a shape
  Breaker::Now now = [] { return std::chrono::steady_clock::now(); };
};

// The outcome for the items of a stage: where the reason is empty, the item is done on the device; the others are left
// to the CPU, or failed where the operation requires the GPU.
struct DeviceRun {
  std::vector<std::string> reasons;
};

// The needs of a stage on the device, beside what is held there.
struct WorkSize {
  std::uint64_t fixed_bytes = 0;
  std::uint64_t item_bytes = 0;
  std::size_t batch = 1;    // items at most at a time
  std::string shape;        // what a provider would compile for
  bool is_planned = false;  // by plan(), so that nothing is compiled in between
};

// Runs on the device's thread, for items first to first + count - 1 of a stage. It must own all it touches (see Lane).
using DeviceWork = std::function<void(Accelerator& device, std::size_t first, std::size_t count)>;

class Gpu {
 public:
  // Null when no operation asks for a GPU. Where one is asked for and none can be used, the object says why; nothing is
  // opened where the CPU keeps all that asks for it (kept_by_cpu). Throws Exception(unavailable) when a GPU that is
  // required cannot be used. The runtime must be open.
  static std::shared_ptr<Gpu> open(const Settings& settings, const Runtime& runtime, GpuLimits limits = {},
                                   bool many_images = true);

  GpuMode mode(Operation operation) const { return shared_->operations[index_of(operation)].mode; }
  // Why the CPU keeps an operation, by choice and not by failure (kept_by_cpu); empty: it does not.
  const std::string& kept(Operation operation) const { return shared_->operations[index_of(operation)].kept; }
  bool is_usable() const { return accelerator_ != nullptr; }
  // The backend of the device that is in use; empty without one.
  const std::string& backend() const { return backend_; }
  std::string runtime() const { return runtime_; }
  const Device* device() const { return accelerator_ != nullptr ? &accelerator_->device() : nullptr; }
  // The same as its driver tells it now, which takes milliseconds; there must be one.
  Device device_now() const { return probe_().value_or(accelerator_->device()); }
  // Why there is no device; empty when there is one.
  const std::string& reason() const { return reason_; }
  const TransferCounters* counters() const;
  int batch_max() const { return batch_max_; }
  // Whether it compiles for a batch that the CPU did meanwhile.
  bool is_compiling() const { return shared_->is_compiling; }
  // The ceiling of what is allocated on the device.
  std::uint64_t memory_bytes_max() const { return memory_bytes_max_; }

  // Runs `work` for `count` items of an operation, a batch at a time, down the ladder: out of memory halves the batch,
  // down to one; what fails is left to the CPU; after three failures in a row the device is left alone for a while; a
  // device that does not answer is never asked again. Throws Exception(cancelled) alone.
  DeviceRun run(Operation operation, std::size_t count, const WorkSize& size, const DeviceWork& work);

  // Whether the backend prepares every shape anew, at length: then few shapes are used, and each is planned.
  bool plans_by_shape() const { return plans_by_shape_; }
  // Runs `work`, which prepares what later runs need, beside what runs, and waits for it. Besides its own bytes so many
  // must be free, or what runs beside it would fail. Throws OutOfDeviceMemory,
  // DeviceFailure, and DeviceHung when it takes longer than `limit`: that thread is left behind, and the next plan gets
  // another. For one thread at a time.
  void plan(const std::function<void(Accelerator&)>& work, std::uint64_t bytes, std::uint64_t bytes_beside,
            std::chrono::milliseconds limit);

  // Returns the error of an item that failed because its operation requires the GPU: ErrorCode::unavailable.
  Error required_error(Operation operation, const std::string& reason) const;

  // Whether the device is not asked for the operation because it failed there.
  bool is_paused(Operation operation) const;
  // Why the next batch of an operation would not be tried on the device; empty: it would be.
  std::string refusal(Operation operation) const;

  // Copies that need not wait for computing, on a thread of their own where the backend allows that.
  // Starts a copy that run() would do itself otherwise, and does not tell whether it succeeds.
  void start_copy(const std::function<void(Accelerator&)>& work);
  // Does a copy and waits for it. Failures are thrown.
  void copy(const std::function<void(Accelerator&)>& work);
  // Lets go of something of the device's on the device's thread.
  void release(std::shared_ptr<void> owned);

 private:
  // How an operation has fared.
  struct OperationState {
    explicit OperationState(Breaker::Now now) : breaker(std::move(now)) {}
    GpuMode mode = GpuMode::off;
    std::string kept;  // set once
    Breaker breaker;
    std::set<std::string> warm;  // shapes that are compiled
    std::size_t batch_max = 0;   // what memory allowed last; 0: not known to be less than asked
    std::string last_failure;
  };
  // Shared with compilations, which may outlive this object when a driver hangs.
  struct Shared {
    std::mutex mutex;                       // guards what of an OperationState is no breaker
    std::deque<OperationState> operations;  // by index_of(), never moved
    std::atomic<bool> is_compiling{false};
  };

  Gpu(const Settings& settings, GpuLimits limits, bool many_images);
  void choose(const Settings& settings, const Runtime& runtime);
  std::string refusal_of(const OperationState& operation) const;
  std::string paused_text(const OperationState& operation) const;
  std::string try_backend(const Settings& settings, const Runtime& runtime, const struct Backend& backend);
  void limit_to_free_memory(const Settings& settings);
  std::string run_batch(OperationState& operation, std::size_t first, std::size_t& count, const WorkSize& size,
                        const DeviceWork& work);
  void start_compiling(OperationState& operation, const std::string& shape, std::size_t first, std::size_t count,
                       std::uint64_t bytes, const DeviceWork& work);

  GpuLimits limits_;
  int batch_max_ = 1;
  std::uint64_t memory_bytes_max_ = 0;
  std::string backend_;
  std::string label_;
  std::string runtime_;
  std::string reason_;
  std::function<std::optional<Device>()> probe_;  // of the backend that was tried last
  bool compiles_slowly_ = false;
  bool plans_by_shape_ = false;
  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
  std::shared_ptr<Accelerator> accelerator_;  // touched on the lanes' threads alone, but for device() and counters()
  std::unique_ptr<Lane> plans_;               // null until something is planned
  std::unique_ptr<Lane> copies_;              // null where copies take turns with computing
  std::unique_ptr<Lane> lane_;                // ends first
};

}  // namespace mien
