#include "device/batcher.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "base/cancel.h"
#include "base/log.h"
#include "base/stopwatch.h"
#include "device/batch_queue.h"

namespace mien {
namespace {

using Clock = std::chrono::steady_clock;

// How long an idle device waits for more, where nobody says so.
constexpr std::chrono::milliseconds kDelay{20};
// A stop is noticed after this time at the latest; that the CPU could be faster, after the second.
constexpr std::chrono::milliseconds kLook{20};
constexpr std::chrono::milliseconds kLookOften{2};
// The end of an engine waits so long for what may be over soon.
constexpr std::chrono::milliseconds kEndLimit{100};
// A plan that is not made by then is given up.
constexpr std::chrono::milliseconds kPlanLimit{60'000};

}  // namespace

struct Batcher::State : std::enable_shared_from_this<State> {
  using Tickets = BatchQueue::Tickets;

  explicit State(std::shared_ptr<Gpu> used) : gpu(std::move(used)), queue(gpu->backend()) {}
  // What bins own may be the device's, whose thread may be at work: WebGPU's provider breaks when two threads use it.
  ~State() { gpu->release(std::make_shared<std::deque<BatchQueue::Bin>>(std::move(queue.bins))); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  // ---- The threads

  void serve() {
    std::unique_lock lock(mutex);
    bool is_awaited = false;  // while the device idles
    Clock::time_point awaited_since{};
    while (!is_closed) {
      const Tickets batch = queue.next_batch(delay);
      if (is_awaited) counts.idle_with_work_ms += ms_since(awaited_since);
      is_awaited = batch.empty() && queue.is_work_awaited();
      if (batch.empty()) {
        awaited_since = Clock::now();
        changed.wait_for(lock, is_awaited ? kLookOften : kLook);
        continue;
      }
      run(lock, batch);
    }
    is_serving = false;
    changed.notify_all();
  }

  // Runs a batch with the mutex free meanwhile.
  void run(std::unique_lock<std::mutex>& lock, const Tickets& batch) {
    const std::size_t index = batch.front()->bin;
    const BatchBin& work = queue.bins[index].work;
    queue.begin_run(index);
    lock.unlock();
    const std::vector<std::string> reasons = run_on_gpu(work, batch);
    lock.lock();
    counts.run_ms += queue.end_run();
    ++counts.runs;
    counts.items += batch.size();
    counts.filled_up += work.plan != nullptr ? work.batch - batch.size() : std::bit_ceil(batch.size()) - batch.size();
    for (std::size_t i = 0; i < batch.size(); ++i) {
      if (batch[i]->state != TicketState::running) continue;  // somebody took it back
      batch[i]->state = reasons[i].empty() ? TicketState::done : TicketState::failed;
      batch[i]->reason = reasons[i];
    }
    changed.notify_all();
  }

  std::vector<std::string> run_on_gpu(const BatchBin& work, const Tickets& batch) const {
    const auto items = std::make_shared<std::vector<std::shared_ptr<BatchItem>>>();
    for (const std::shared_ptr<Ticket>& ticket : batch) items->push_back(ticket->item);
    const WorkSize size{.fixed_bytes = work.fixed_bytes,
                        .item_bytes = work.item_bytes,
                        .batch = batch.size(),
                        .shape = work.name,
                        .is_planned = work.plan != nullptr};
    const std::size_t all = batch.size();
    // What memory allows is a smaller batch, with a plan of its own.
    const auto job = [items, run = work.run, all, planned = work.plan != nullptr ? work.batch : 0](
                         Accelerator& device, std::size_t first, std::size_t count) {
      const std::size_t filled = count == all && planned > 0 ? planned : std::bit_ceil(count);
      run(device, BatchItems(*items).subspan(first, count), filled);
    };
    try {
      return gpu->run(work.operation, all, size, job).reasons;
    } catch (const Exception& error) {
      return std::vector<std::string>(all, error.what());
    }
  }

  void plan_all() {
    std::unique_lock lock(mutex);
    while (!is_closed) {
      const auto next = std::find_if(queue.bins.begin(), queue.bins.end(),
                                     [](const auto& one) { return one.state == BinState::unplanned; });
      if (next == queue.bins.end()) break;
      BatchQueue::Bin& bin = *next;  // stays where it is when others are added
      bin.state = BinState::planning;
      queue.planning_since = Clock::now();
      const BatchBin work = bin.work;
      std::uint64_t bytes_beside = 0;  // of what is planned: one item at a time must still be run
      for (const BatchQueue::Bin& other : queue.bins) {
        if (other.state != BinState::ready) continue;
        bytes_beside = std::max(bytes_beside, other.work.fixed_bytes + other.work.item_bytes);
      }
      lock.unlock();
      log(LogLevel::info,
          fmt::format("planning {} for the GPU ({}); the CPU works meanwhile", work.name, gpu->backend()));
      std::size_t batch = work.batch;
      const std::string problem = plan(work, bytes_beside, batch);
      lock.lock();
      ++counts.plans;
      queue.planning_since.reset();
      bin.work.batch = batch;
      bin.problem = problem;
      bin.state = problem.empty() ? BinState::ready : BinState::failed;
      queue.put_all_again();
      changed.notify_all();
    }
    is_planning = false;
    changed.notify_all();
  }

  // Returns an empty text, or why there is no plan. Where memory is short, `batch` becomes smaller.
  std::string plan(const BatchBin& work, std::uint64_t bytes_beside, std::size_t& batch) const {
    while (true) {
      try {
        const std::uint64_t bytes = work.fixed_bytes + batch * work.item_bytes;
        gpu->plan([make = work.plan, batch](Accelerator& device) { make(device, batch); }, bytes, bytes_beside,
                  kPlanLimit);
        return "";
      } catch (const std::exception& error) {
        if (batch == 1 || dynamic_cast<const OutOfDeviceMemory*>(&error) == nullptr) {
          log(LogLevel::warning, fmt::format("{}: no plan of {}: {}", gpu->backend(), work.name, error.what()));
          return error.what();
        }
        batch = (batch + 1) / 2;
      }
    }
  }

  // From the first item on that needs one.
  void start_planning() {
    if (std::exchange(is_planning, true)) return;
    if (planner.joinable()) planner.join();  // it has ended
    planner = start([](State& state) { state.plan_all(); });
  }

  // A thread that shares this object for as long as it runs.
  template <typename Work>
  std::thread start(Work work) {
    return std::thread([self = shared_from_this(), work]() mutable {
      const AtWork at_work;
      work(*self);
      self.reset();  // the last one frees what is the device's
    });
  }

  const std::shared_ptr<Gpu> gpu;
  std::atomic<std::chrono::milliseconds> delay = kDelay;
  mutable std::mutex mutex;  // guards all that follows
  std::condition_variable changed;
  BatchQueue queue;
  bool is_planning = false;
  bool is_serving = true;
  bool is_closed = false;
  std::thread planner;
  std::thread server;
  BatcherCounts counts;
};

Batcher::Batcher(std::shared_ptr<Gpu> gpu) : state_(std::make_shared<State>(std::move(gpu))) {
  state_->server = state_->start([](State& state) { state.serve(); });
}

void Batcher::set_delay(std::chrono::milliseconds delay) { state_->delay = delay; }

// Threads that come to their end now are waited for, so that all of the device's is freed here; one that is in the
// middle of a plan or of a slow run is left behind.
Batcher::~Batcher() {
  std::unique_lock lock(state_->mutex);
  const BatcherCounts& counts = state_->counts;
  log(LogLevel::debug,
      fmt::format("device schedule: {{\"runs\": {}, \"images\": {}, \"filled_up\": {}, \"taken_back\": {}, "
                  "\"plans\": {}, \"run_ms\": {:.1f}, \"idle_with_work_ms\": {:.1f}}}",
                  counts.runs, counts.items, counts.filled_up, counts.taken_back, counts.plans, counts.run_ms,
                  counts.idle_with_work_ms));
  state_->is_closed = true;
  for (BatchQueue::Bin& bin : state_->queue.bins) bin.waiting.clear();
  state_->changed.notify_all();
  state_->changed.wait_for(lock, kEndLimit, [&] { return !state_->is_serving && !state_->is_planning; });
  std::thread server = std::move(state_->server), planner = std::move(state_->planner);
  const bool has_served = !state_->is_serving, has_planned = !state_->is_planning;
  lock.unlock();
  if (server.joinable()) has_served ? server.join() : server.detach();
  if (planner.joinable()) has_planned ? planner.join() : planner.detach();
}

std::size_t Batcher::add(BatchBin bin) {
  const std::lock_guard lock(state_->mutex);
  const BinState state = bin.plan != nullptr ? BinState::unplanned : BinState::ready;
  state_->queue.bins.push_back({.work = std::move(bin), .state = state, .problem = {}, .waiting = {}});
  return state_->queue.bins.size() - 1;
}

Batcher::Caller Batcher::enter() { return Caller(state_); }

std::size_t Batcher::callers() const {
  const std::lock_guard lock(state_->mutex);
  return state_->queue.callers;
}

std::shared_ptr<Batcher::Ticket> Batcher::submit(std::shared_ptr<BatchItem> item, std::vector<std::size_t> bins,
                                                 std::shared_ptr<DeviceWait> wait) {
  const auto ticket = std::make_shared<Ticket>(Ticket{std::move(item), std::move(bins), std::move(wait)});
  const std::lock_guard lock(state_->mutex);
  state_->queue.put(ticket);
  if (ticket->state == TicketState::waiting && !state_->queue.is_ready(ticket->bin)) state_->start_planning();
  state_->changed.notify_all();
  return ticket;
}

bool Batcher::is_settled(const std::shared_ptr<Ticket>& ticket) const {
  const std::lock_guard lock(state_->mutex);
  return !ticket->is_open();
}

std::string Batcher::outcome(const std::shared_ptr<Ticket>& ticket) const {
  const std::lock_guard lock(state_->mutex);
  return ticket->state == TicketState::done ? "" : ticket->reason;
}

bool Batcher::is_worthwhile(const std::vector<std::size_t>& bins, double limit_ms) const {
  const std::lock_guard lock(state_->mutex);
  return state_->queue.is_worthwhile(bins, limit_ms);
}

void Batcher::expect(std::span<const Job* const> jobs) {
  const std::lock_guard lock(state_->mutex);
  bool is_news = false;
  for (const Job* const job : jobs) {
    for (const std::shared_ptr<Ticket>& ticket : job->tickets) is_news |= !std::exchange(ticket->is_due, true);
  }
  if (is_news) state_->changed.notify_all();
}

void Batcher::drop(const std::shared_ptr<Ticket>& ticket) {
  const std::lock_guard lock(state_->mutex);
  state_->queue.take_out(ticket);
}

BatcherCounts Batcher::counts() const {
  const std::lock_guard lock(state_->mutex);
  return state_->counts;
}

bool Batcher::is_planning() const {
  const std::lock_guard lock(state_->mutex);
  return state_->is_planning;
}

Batcher::Caller::Caller(std::shared_ptr<State> state) : state_(std::move(state)) {
  const std::lock_guard lock(state_->mutex);
  ++state_->queue.callers;
}

void Batcher::Caller::go_on() {
  const std::lock_guard lock(state_->mutex);
  state_->queue.stuck -= is_stuck_ ? 1 : 0;
  is_stuck_ = false;
}

Batcher::Caller::~Caller() {
  if (state_ == nullptr) return;
  const std::lock_guard lock(state_->mutex);
  --state_->queue.callers;
  state_->queue.stuck -= is_stuck_ ? 1 : 0;
  state_->changed.notify_all();
}

std::optional<std::size_t> Batcher::Caller::wait(std::span<const Job* const> jobs, const Waiting& waiting) {
  State& state = *state_;
  BatchQueue& queue = state.queue;
  const Job& first = *jobs.front();
  std::unique_lock lock(state.mutex);
  for (const std::shared_ptr<Ticket>& ticket : first.tickets) {
    if (!ticket->awaited_since) ticket->awaited_since = Clock::now();
  }
  ++queue.idle;
  queue.stuck += is_stuck_ ? 0 : 1;
  is_stuck_ = true;
  state.changed.notify_all();
  std::optional<std::size_t> chosen;
  while (!chosen && BatchQueue::is_open(first) && !waiting.stop.stop_requested()) {
    if (waiting.takes_back) chosen = queue.choose_for_cpu(jobs);
    if (!chosen) state.changed.wait_for(lock, waiting.takes_back ? kLookOften : kLook);
  }
  --queue.idle;
  if (chosen) {
    state.counts.taken_back += queue.take_back(*jobs[*chosen]);
    return chosen;
  }
  is_stuck_ = false;
  --queue.stuck;
  if (!BatchQueue::is_open(first)) return std::nullopt;
  state.counts.taken_back += queue.take_back(first);
  lock.unlock();
  throw_if_stopped(waiting.stop);
  return std::nullopt;
}

}  // namespace mien
