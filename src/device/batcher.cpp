#include "device/batcher.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "base/cancel.h"
#include "base/log.h"
#include "base/processor.h"

namespace mien {
namespace {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::duration<double, std::milli>;

// An idle device takes a batch that is not full when a thread has waited so long for one of its items, or sooner when
// so much of it is there; what nobody waits for yet may still be joined by more.
constexpr std::chrono::milliseconds kDelay{20};
constexpr double kWellFilled = 0.75;
// A stop is noticed after this time at the latest; that the CPU could be faster, after the second.
constexpr std::chrono::milliseconds kLook{20};
constexpr std::chrono::milliseconds kLookOften{2};
// The end of an engine waits so long for what may be over soon.
constexpr std::chrono::milliseconds kEndLimit{100};
// A plan that is not made by then is given up.
constexpr std::chrono::milliseconds kPlanLimit{60'000};
// A place of a batch may hold an item of smaller shape, which costs as much as the others, from this share on.
constexpr double kShareOfPlace = 0.4;
// A device that was too slow is tried again after so many of its runs, and this time at least.
constexpr double kRunsUntilRetry = 4;
constexpr double kRetryMs = 1000;
// The last run counts so much in the mean time of runs.
constexpr double kNewest = 0.3;
double ms_since(Clock::time_point begin) { return Milliseconds(Clock::now() - begin).count(); }

enum class BinState { unplanned, planning, ready, failed };
enum class TicketState { waiting, running, done, failed, dropped };

}  // namespace

struct Batcher::Ticket {
  std::shared_ptr<BatchItem> item;
  std::vector<std::size_t> bins;
  std::shared_ptr<DeviceWait> wait;
  std::size_t bin = 0;  // where it waits
  TicketState state = TicketState::waiting;
  std::string reason = {};  // why it failed
  Clock::time_point submitted = Clock::now();
  std::optional<Clock::time_point> awaited_since = {};

  bool is_open() const { return state == TicketState::waiting || state == TicketState::running; }
};

struct Batcher::State : std::enable_shared_from_this<State> {
  using Tickets = std::vector<std::shared_ptr<Ticket>>;
  struct Bin {
    BatchBin work;
    BinState state = BinState::unplanned;
    std::string problem;
    std::deque<std::shared_ptr<Ticket>> waiting;
    double run_ms = 0;  // 0: not known
  };

  explicit State(std::shared_ptr<Gpu> used) : gpu(std::move(used)) {}
  // What bins own may be the device's, whose thread may be at work: WebGPU's provider breaks when two threads use it.
  ~State() { gpu->release(std::make_shared<std::deque<Bin>>(std::move(bins))); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  // ---- With the mutex held

  bool is_ready(std::size_t bin) const { return bins[bin].state == BinState::ready; }

  // The best bin that is ready, else the one whose plan comes first. Nothing when all have failed.
  std::optional<std::size_t> choose_bin(const Ticket& ticket) const {
    std::optional<std::size_t> planned;
    for (const std::size_t bin : ticket.bins) {
      if (is_ready(bin)) return bin;
      if (bins[bin].state != BinState::failed && (!planned || bin < *planned)) planned = bin;
    }
    return planned;
  }

  void put(const std::shared_ptr<Ticket>& ticket) {
    const std::optional<std::size_t> bin = choose_bin(*ticket);
    if (!bin) {
      ticket->state = TicketState::failed;
      ticket->reason = bins[ticket->bins.front()].problem;
      return;
    }
    ticket->bin = *bin;
    std::deque<std::shared_ptr<Ticket>>& waiting = bins[*bin].waiting;
    const auto place = std::upper_bound(waiting.begin(), waiting.end(), ticket,
                                        [](const auto& a, const auto& b) { return a->submitted < b->submitted; });
    waiting.insert(place, ticket);
  }

  // After a bin became ready or failed: what waits goes where it fits best now.
  void put_all_again() {
    Tickets all;
    for (Bin& bin : bins) {
      all.insert(all.end(), bin.waiting.begin(), bin.waiting.end());
      bin.waiting.clear();
    }
    for (const std::shared_ptr<Ticket>& ticket : all) put(ticket);
  }

  void take_out(const std::shared_ptr<Ticket>& ticket) {
    if (!ticket->is_open()) return;
    if (ticket->state == TicketState::waiting) std::erase(bins[ticket->bin].waiting, ticket);
    ticket->state = TicketState::dropped;
  }

  void take_back(const Job& job) {
    for (const std::shared_ptr<Ticket>& ticket : job.tickets) {
      if (!ticket->is_open()) continue;
      ticket->reason =
          is_ready(ticket->bin) ? "the device is behind" : fmt::format("{} is compiling for this size", gpu->backend());
      take_out(ticket);
      ++counts.taken_back;
    }
  }

  // Milliseconds until the device is free, as far as it is known: what is slow without having an end yet will take as
  // long again.
  double busy_ms() const {
    if (!running) return 0;
    const double elapsed = ms_since(running_since);
    const double usual = bins[*running].run_ms;
    return usual > elapsed ? usual - elapsed : elapsed - usual;
  }

  // Milliseconds until an item has its result that waits behind `ahead` others of its bin.
  double expected_ms(std::size_t index, std::size_t ahead) const {
    if (!is_ready(index)) return planning_since ? ms_since(*planning_since) : 0;
    double ms = busy_ms();
    for (std::size_t i = 0; i < bins.size(); ++i) {
      if (i == index || !is_ready(i)) continue;
      ms += static_cast<double>(bins[i].waiting.size() / bins[i].work.batch) * bins[i].run_ms;
    }
    const Bin& own = bins[index];
    return ms + static_cast<double>(ahead / own.work.batch + 1) * own.run_ms;
  }

  double expected_ms(const Job& job) const {
    double ms = 0;
    for (const std::shared_ptr<Ticket>& ticket : job.tickets) {
      if (ticket->state == TicketState::running) ms = std::max(ms, busy_ms());
      if (ticket->state != TicketState::waiting) continue;
      const auto& queue = bins[ticket->bin].waiting;
      const auto ahead = std::find(queue.begin(), queue.end(), ticket) - queue.begin();
      ms = std::max(ms, expected_ms(ticket->bin, static_cast<std::size_t>(ahead)));
    }
    return ms;
  }

  static bool is_open(const Job& job) {
    return std::any_of(job.tickets.begin(), job.tickets.end(), [](const auto& one) { return one->is_open(); });
  }

  // Whether a whole batch waits for the device besides the one that it runs.
  bool has_backlog() const {
    return std::any_of(bins.begin(), bins.end(), [](const Bin& bin) {
      return bin.state == BinState::ready && bin.waiting.size() >= bin.work.batch;
    });
  }

  // Whether the device has the job in work, or will as soon as it looks.
  bool is_in_work(const Job& job) const {
    return std::all_of(job.tickets.begin(), job.tickets.end(), [&](const auto& ticket) {
      if (ticket->state != TicketState::waiting) return true;
      return !running && is_ready(ticket->bin);
    });
  }

  // The job that the CPU should do while the first is not done: of those that the device has not begun the last, which
  // it would come to last. None: to wait brings more.
  std::optional<std::size_t> choose_for_cpu(std::span<const Job* const> jobs) const {
    const double left = expected_ms(*jobs.front());
    // Who waits while others take all processors leaves them its share.
    if (left <= jobs.front()->cpu_ms || callers >= idle + processors) return std::nullopt;
    // A device that keeps up does the others too: then its next batch is worth as much as the CPU would do of them.
    if (!has_backlog() && is_in_work(*jobs.front()) && left <= cpu_ms_of_batch(jobs)) return std::nullopt;
    const auto is_waiting = [](const auto& ticket) { return ticket->state == TicketState::waiting; };
    for (std::size_t i = jobs.size(); i-- > 0;) {
      const auto& tickets = jobs[i]->tickets;
      if (!tickets.empty() && std::all_of(tickets.begin(), tickets.end(), is_waiting)) return i;
    }
    for (std::size_t i = jobs.size(); i-- > 0;) {
      if (std::any_of(jobs[i]->tickets.begin(), jobs[i]->tickets.end(), is_waiting)) return i;
    }
    // All of them run. To do one of them here gains nothing, unless all can be done before the device is.
    return left > cpu_ms_of_batch(jobs) ? std::optional<std::size_t>(0) : std::nullopt;
  }

  // What the CPU would take for the jobs that a batch may bring.
  double cpu_ms_of_batch(std::span<const Job* const> jobs) const {
    double ms = 0;
    std::size_t tickets = 0;
    for (const Job* const job : jobs) {
      if (!is_open(*job)) continue;
      tickets += job->tickets.size();
      if (ms > 0 && tickets > bins[jobs.front()->tickets.front()->bin].work.batch) break;
      ms += job->cpu_ms;
    }
    return ms;
  }

  // Whether a run of this bin takes an item, which may wait for another one.
  bool takes(std::size_t index, const Ticket& ticket) const {
    const Bin& bin = bins[index];
    const Bin& other = bins[ticket.bin];
    if (&bin != &other && other.state == BinState::ready &&
        static_cast<double>(other.work.item_bytes) < kShareOfPlace * static_cast<double>(bin.work.item_bytes)) {
      return false;
    }
    return std::find(ticket.bins.begin(), ticket.bins.end(), index) != ticket.bins.end();
  }

  // The bin whose next run holds most of what waits, this ticket with it, and how many that are.
  std::pair<std::size_t, std::size_t> fullest_bin(const Ticket& ticket) const {
    std::pair<std::size_t, std::size_t> best(ticket.bin, 0);
    for (const std::size_t bin : ticket.bins) {
      if (!is_ready(bin) || !takes(bin, ticket)) continue;
      std::size_t fitting = 0;
      for (const Bin& other : bins) {
        fitting += static_cast<std::size_t>(std::count_if(other.waiting.begin(), other.waiting.end(),
                                                          [&](const auto& one) { return takes(bin, *one); }));
      }
      fitting = std::min(fitting, bins[bin].work.batch);
      if (fitting > best.second) best = {bin, fitting};
    }
    return best;
  }

  // Takes the next batch of a bin, and fills it up with what waits for others and fits.
  Tickets take_batch(std::size_t index, const std::shared_ptr<Ticket>& first) {
    Bin& bin = bins[index];
    Tickets batch;
    const auto take = [&](Bin& other) {
      std::deque<std::shared_ptr<Ticket>>& waiting = other.waiting;
      for (auto it = waiting.begin(); it != waiting.end() && batch.size() < bin.work.batch;) {
        const bool fits = takes(index, **it);
        if (fits) batch.push_back(*it);
        it = fits ? waiting.erase(it) : it + 1;
      }
    };
    if (first && first->bin != index) {
      std::erase(bins[first->bin].waiting, first);
      batch.push_back(first);
    }
    take(bin);
    for (Bin& other : bins) {
      if (&other != &bin) take(other);
    }
    for (const std::shared_ptr<Ticket>& ticket : batch) {
      ticket->state = TicketState::running;
      ticket->bin = index;
      if (ticket->awaited_since) ticket->wait->ms += ms_since(std::max(*ticket->awaited_since, idle_since));
    }
    return batch;
  }

  // The next batch for the device: a full one, the oldest first; else what somebody waits for, once nothing more is to
  // come or it has been waited for long enough. Empty: nothing yet.
  Tickets next_batch() {
    std::optional<std::size_t> full;
    std::shared_ptr<Ticket> awaited;
    for (std::size_t i = 0; i < bins.size(); ++i) {
      const Bin& bin = bins[i];
      if (!is_ready(i) || bin.waiting.empty()) continue;
      const std::size_t worthwhile = bin.work.worthwhile > 0 ? bin.work.worthwhile : bin.work.batch;
      const bool is_full = bin.waiting.size() >= std::min(worthwhile, bin.work.batch);
      if (is_full && (!full || bin.waiting.front()->submitted < bins[*full].waiting.front()->submitted)) full = i;
      for (const std::shared_ptr<Ticket>& ticket : bin.waiting) {
        if (ticket->awaited_since && (!awaited || ticket->awaited_since < awaited->awaited_since)) awaited = ticket;
      }
    }
    if (full) return take_batch(*full, nullptr);
    if (!awaited) return {};
    const auto [index, count] = fullest_bin(*awaited);
    const bool is_well_filled = static_cast<double>(count) >= kWellFilled * static_cast<double>(bins[index].work.batch);
    const bool is_late = awaited->wait->ms + ms_since(*awaited->awaited_since) >= Milliseconds(delay.load()).count();
    return is_well_filled || is_late || stuck >= callers ? take_batch(index, awaited) : Tickets();
  }

  bool is_work_awaited() const {
    return std::any_of(bins.begin(), bins.end(), [](const Bin& bin) {
      return bin.state == BinState::ready &&
             std::any_of(bin.waiting.begin(), bin.waiting.end(),
                         [](const auto& ticket) { return ticket->awaited_since.has_value(); });
    });
  }

  // ---- The threads

  void serve() {
    std::unique_lock lock(mutex);
    std::optional<Clock::time_point> awaited_since;
    while (!is_closed) {
      const Tickets batch = next_batch();
      if (awaited_since) counts.idle_with_work_ms += ms_since(*awaited_since);
      awaited_since.reset();
      if (batch.empty()) {
        if (is_work_awaited()) awaited_since = Clock::now();
        changed.wait_for(lock, awaited_since ? kLookOften : kLook);
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
    const BatchBin& work = bins[index].work;
    running = index;
    running_since = Clock::now();
    lock.unlock();
    const std::vector<std::string> reasons = run_on_gpu(work, batch);
    lock.lock();
    const double elapsed = ms_since(running_since);
    running.reset();
    idle_since = Clock::now();
    Bin& bin = bins[index];
    bin.run_ms = bin.run_ms > 0 ? bin.run_ms + kNewest * (elapsed - bin.run_ms) : elapsed;
    ++counts.runs;
    counts.items += batch.size();
    counts.filled_up += work.plan != nullptr ? work.batch - batch.size() : std::bit_ceil(batch.size()) - batch.size();
    counts.run_ms += elapsed;
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
      const auto next =
          std::find_if(bins.begin(), bins.end(), [](const Bin& one) { return one.state == BinState::unplanned; });
      if (next == bins.end()) break;
      Bin& bin = *next;  // stays where it is when others are added
      bin.state = BinState::planning;
      planning_since = Clock::now();
      const BatchBin work = bin.work;
      std::uint64_t bytes_beside = 0;  // of what is planned: one item at a time must still be run
      for (const Bin& other : bins) {
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
      planning_since.reset();
      bin.work.batch = batch;
      bin.problem = problem;
      bin.state = problem.empty() ? BinState::ready : BinState::failed;
      put_all_again();
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
  std::deque<Bin> bins;  // never moved
  std::optional<std::size_t> running;
  Clock::time_point running_since;
  Clock::time_point idle_since = Clock::now();
  std::optional<Clock::time_point> planning_since;
  const std::size_t processors = static_cast<std::size_t>(usable_processors());
  std::size_t callers = 0;
  std::size_t idle = 0;   // callers that wait
  std::size_t stuck = 0;  // callers that wait, or do meanwhile what the device has not come to
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
  for (State::Bin& bin : state_->bins) bin.waiting.clear();
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
  state_->bins.push_back({.work = std::move(bin), .state = state, .problem = {}, .waiting = {}});
  return state_->bins.size() - 1;
}

Batcher::Caller Batcher::enter() { return Caller(state_); }

std::size_t Batcher::callers() const {
  const std::lock_guard lock(state_->mutex);
  return state_->callers;
}

std::shared_ptr<Batcher::Ticket> Batcher::submit(std::shared_ptr<BatchItem> item, std::vector<std::size_t> bins,
                                                 std::shared_ptr<DeviceWait> wait) {
  const auto ticket = std::make_shared<Ticket>(Ticket{std::move(item), std::move(bins), std::move(wait)});
  const std::lock_guard lock(state_->mutex);
  state_->put(ticket);
  if (ticket->state == TicketState::waiting && !state_->is_ready(ticket->bin)) state_->start_planning();
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
  const State& state = *state_;
  for (const std::size_t bin : bins) {
    if (!state.is_ready(bin)) continue;
    const State::Bin& own = state.bins[bin];
    if (state.expected_ms(bin, own.waiting.size()) <= limit_ms) return true;
    return !state.running && own.waiting.empty() &&
           ms_since(state.idle_since) > std::max(kRetryMs, kRunsUntilRetry * own.run_ms);
  }
  // A plan that has taken longer than that already may take long.
  return !state.planning_since || ms_since(*state.planning_since) <= limit_ms;
}

void Batcher::drop(const std::shared_ptr<Ticket>& ticket) {
  const std::lock_guard lock(state_->mutex);
  state_->take_out(ticket);
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
  ++state_->callers;
}

void Batcher::Caller::go_on() {
  const std::lock_guard lock(state_->mutex);
  state_->stuck -= is_stuck_ ? 1 : 0;
  is_stuck_ = false;
}

Batcher::Caller::~Caller() {
  if (state_ == nullptr) return;
  const std::lock_guard lock(state_->mutex);
  --state_->callers;
  state_->stuck -= is_stuck_ ? 1 : 0;
  state_->changed.notify_all();
}

std::optional<std::size_t> Batcher::Caller::wait(std::span<const Job* const> jobs, const Waiting& waiting) {
  State& state = *state_;
  const Job& first = *jobs.front();
  std::unique_lock lock(state.mutex);
  for (const std::shared_ptr<Ticket>& ticket : first.tickets) {
    if (!ticket->awaited_since) ticket->awaited_since = Clock::now();
  }
  ++state.idle;
  state.stuck += is_stuck_ ? 0 : 1;
  is_stuck_ = true;
  state.changed.notify_all();
  std::optional<std::size_t> chosen;
  while (!chosen && State::is_open(first) && !waiting.stop.stop_requested()) {
    if (waiting.takes_back) chosen = state.choose_for_cpu(jobs);
    if (!chosen) state.changed.wait_for(lock, waiting.takes_back ? kLookOften : kLook);
  }
  --state.idle;
  if (chosen) {
    state.take_back(*jobs[*chosen]);
    return chosen;
  }
  is_stuck_ = false;
  --state.stuck;
  if (!State::is_open(first)) return std::nullopt;
  state.take_back(first);
  lock.unlock();
  throw_if_stopped(waiting.stop);
  return std::nullopt;
}

}  // namespace mien
