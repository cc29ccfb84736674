// Batches that fill up from many threads: each thread hands in what it has and goes on, and waits for nothing that it
// could do itself. Plans (what a backend prepares for each shape) are made beside the work.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "device/gpu.h"

namespace mien {

// One image or face that waits for its place in a batch. It owns all that the device's thread touches, which writes the
// result into it; when a device hangs, or the CPU was faster, nobody reads it any more.
class BatchItem {
 public:
  BatchItem() = default;
  virtual ~BatchItem() = default;
  BatchItem(const BatchItem&) = delete;
  BatchItem& operator=(const BatchItem&) = delete;
};

// How long one image's items have kept an idle device waiting for nothing, one after another: for all of them it waits
// no longer than the delay. Where others came meanwhile the device has gained by it, and nothing is counted. The
// batcher's mutex guards it.
struct DeviceWait {
  double ms = 0;
};

using BatchItems = std::span<const std::shared_ptr<BatchItem>>;

// Work of one shape.
struct BatchBin {
  Operation operation{};
  std::string name;               // "the detector for 640x640"
  std::size_t batch = 1;          // items of a run at most
  std::size_t worthwhile = 0;     // items that are worth a run for which nobody waits; 0: a whole batch
  std::uint64_t fixed_bytes = 0;  // on the device, of a run
  std::uint64_t item_bytes = 0;   // likewise, of each item
  // Prepares runs of so many items, on a thread of its own while others run. Null: the first run does it. Throws.
  std::function<void(Accelerator& device, std::size_t batch)> plan;
  // Runs items, at most `batch` of them, on the device's thread, filled up to `batch` with nothing. Throws.
  std::function<void(Accelerator& device, BatchItems items, std::size_t batch)> run;
};

// What came of it so far, for the log and for tests.
struct BatcherCounts {
  std::uint64_t runs = 0;
  std::uint64_t items = 0;
  std::uint64_t filled_up = 0;   // places of runs that held nothing
  std::uint64_t taken_back = 0;  // items that the CPU took
  std::uint64_t plans = 0;
  double run_ms = 0;
  double idle_with_work_ms = 0;  // the device did nothing while somebody waited for it
};

class Batcher {
 public:
  // The device must be usable.
  explicit Batcher(std::shared_ptr<Gpu> gpu);
  // Waits a moment at most: a plan or a run that takes longer comes to its end by itself, and what it gives is dropped.
  ~Batcher();
  Batcher(const Batcher&) = delete;
  Batcher& operator=(const Batcher&) = delete;

  // How long an idle device waits for more, from when it was handed in what somebody waits for; 20 ms where nobody says
  // so.
  void set_delay(std::chrono::milliseconds delay);

  // Returns the bin's number. Plans are made in the order of numbers, from the first item on.
  std::size_t add(BatchBin bin);

  // A thread that works with images makes one, for as long as it does: when all wait for something, nothing more is to
  // come.
  class Caller;
  Caller enter();
  // Threads that work with images now.
  std::size_t callers() const;

  struct Ticket;
  // Hands an item in, for one of these bins, the best first: one that is planned already takes it, or else the first
  // that will be. Never waits.
  std::shared_ptr<Ticket> submit(std::shared_ptr<BatchItem> item, std::vector<std::size_t> bins,
                                 std::shared_ptr<DeviceWait> wait = std::make_shared<DeviceWait>());

  // What a thread has handed in for one image: the CPU could do it in about so long.
  struct Job {
    std::vector<std::shared_ptr<Ticket>> tickets;
    double cpu_ms = 0;
  };
  struct Waiting {
    bool takes_back = true;  // false: waits however long it takes (require)
    std::stop_token stop = {};
  };
  // Whether the device has done the item or failed.
  bool is_settled(const std::shared_ptr<Ticket>& ticket) const;
  // Returns an empty text when the device has done the item, or why the CPU has to do it: it failed there, or was taken
  // back.
  std::string outcome(const std::shared_ptr<Ticket>& ticket) const;
  // Whether an item that is handed in now would be done within this time, as far as one can tell. Where the device has
  // done nothing for a while, it is given another chance.
  bool is_worthwhile(const std::vector<std::size_t>& bins, double limit_ms) const;
  // Says of jobs that they will be waited for soon: an idle device does not leave them for a fuller batch.
  void expect(std::span<const Job* const> jobs);
  // Lets go of an item that nobody needs any more.
  void drop(const std::shared_ptr<Ticket>& ticket);

  BatcherCounts counts() const;
  // Whether plans are being made.
  bool is_planning() const;

 private:
  struct State;
  std::shared_ptr<State> state_;  // shared with the threads, which may outlive this object
};

class Batcher::Caller {
 public:
  explicit Caller(std::shared_ptr<State> state);
  ~Caller();
  Caller(Caller&& other) noexcept : state_(std::move(other.state_)), is_stuck_(other.is_stuck_) {}
  Caller& operator=(Caller&&) = delete;

  // Waits for the first of the thread's jobs, which stand in the order in which they were handed in, for as long as it
  // can do nothing better. Returns nothing once the device has done it or failed; else the number of the job that the
  // CPU should do now, which is the one that the device would have come to last: it is taken back. Throws
  // Exception(cancelled).
  std::optional<std::size_t> wait(std::span<const Job* const> jobs, const Waiting& waiting);
  // Has nothing to wait for: more is to come.
  void go_on();

 private:
  std::shared_ptr<State> state_;
  bool is_stuck_ = false;  // it hands in nothing more before its first job is done
};

}  // namespace mien
