// What waits for a device, by the shapes of its runs, and what is to be done next: by the device, or by a CPU that
// would be done sooner. It has no threads and no lock: the batcher's mutex guards it.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/processor.h"
#include "base/stopwatch.h"
#include "device/batcher.h"

namespace mien {

enum class BinState { unplanned, planning, ready, failed };
enum class TicketState { waiting, running, done, failed, dropped };

struct Batcher::Ticket {
  std::shared_ptr<BatchItem> item;
  std::vector<std::size_t> bins;
  std::shared_ptr<DeviceWait> wait;
  std::size_t bin = 0;  // where it waits
  TicketState state = TicketState::waiting;
  std::string reason = {};  // why it failed
  std::chrono::steady_clock::time_point submitted = std::chrono::steady_clock::now();
  std::optional<std::chrono::steady_clock::time_point> awaited_since = {};
  bool is_due = false;  // somebody will wait for it soon

  bool is_open() const { return state == TicketState::waiting || state == TicketState::running; }
};

class BatchQueue {
 public:
  using Clock = std::chrono::steady_clock;
  using Job = Batcher::Job;
  using Ticket = Batcher::Ticket;
  using Tickets = std::vector<std::shared_ptr<Ticket>>;
  struct Bin {
    BatchBin work;
    BinState state = BinState::unplanned;
    std::string problem;
    std::deque<std::shared_ptr<Ticket>> waiting;
    double run_ms = 0;  // 0: not known
  };

  explicit BatchQueue(std::string backend) : backend_(std::move(backend)) {}

  bool is_ready(std::size_t bin) const { return bins[bin].state == BinState::ready; }
  static bool is_open(const Job& job);

  // ---- What waits

  // Puts a ticket where it is done first, or fails it when all of its bins have failed.
  void put(const std::shared_ptr<Ticket>& ticket);
  // After a bin became ready or failed: what waits goes where it fits best now.
  void put_all_again();
  void take_out(const std::shared_ptr<Ticket>& ticket);
  // Leaves a job to the CPU. Returns how many of its tickets were open.
  std::size_t take_back(const Job& job);

  // ---- What the device does

  // The next batch for the device: a full one, the oldest first; else what somebody waits for, once nothing more is to
  // come or it has kept the device waiting for the delay, or will wait for soon. Empty: nothing yet.
  Tickets next_batch(std::chrono::milliseconds delay);
  bool is_work_awaited() const;
  void begin_run(std::size_t bin);
  // Returns how many milliseconds it took.
  double end_run();

  // ---- What the CPU does

  // The job that the CPU should do while the first is not done: of those that the device has not begun the last, which
  // it would come to last. None: to wait brings more.
  std::optional<std::size_t> choose_for_cpu(std::span<const Job* const> jobs) const;
  // Batcher::is_worthwhile().
  bool is_worthwhile(const std::vector<std::size_t>& of, double limit_ms) const;

  std::deque<Bin> bins;  // never moved
  std::optional<std::size_t> running;
  Clock::time_point idle_since = Clock::now();
  std::optional<Clock::time_point> planning_since;
  std::size_t callers = 0;
  std::size_t idle = 0;   // callers that wait
  std::size_t stuck = 0;  // callers that wait, or do meanwhile what the device has not come to

 private:
  std::optional<std::size_t> choose_bin(const Ticket& ticket) const;
  double busy_ms() const;
  // Milliseconds until an item has its result that waits behind `ahead` others of its bin.
  double expected_ms(std::size_t bin, std::size_t ahead) const;
  double expected_ms(const Job& job) const;
  bool has_backlog() const;
  bool is_in_work(const Job& job) const;
  double cpu_ms_of_batch(std::span<const Job* const> jobs) const;
  bool takes(std::size_t index, const Ticket& ticket) const;
  std::pair<std::size_t, std::size_t> fullest_bin(const Ticket& ticket) const;
  Tickets take_batch(std::size_t index, const std::shared_ptr<Ticket>& first);
  void count_waits(const Tickets& batch) const;

  const std::string backend_;
  const std::size_t processors_ = static_cast<std::size_t>(usable_processors());
  Clock::time_point running_since_;
};

}  // namespace mien
