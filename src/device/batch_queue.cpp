#include "device/batch_queue.h"

#include <fmt/format.h>

#include <algorithm>

namespace mien {
namespace {

// An idle device takes a batch that is not full when an item that a thread waits for has been here for the delay, or
// sooner when so much of it is there; what nobody waits for yet may still be joined by more.
constexpr double kWellFilled = 0.75;
// A place of a batch may hold an item of smaller shape, which costs as much as the others, from this share on.
constexpr double kShareOfPlace = 0.4;
// The last run counts so much in the mean time of runs.
constexpr double kNewest = 0.3;
// A device that was too slow is tried again after so many of its runs, and this time at least.
constexpr double kRunsUntilRetry = 4;
constexpr double kRetryMs = 1000;

}  // namespace

bool BatchQueue::is_open(const Job& job) {
  return std::any_of(job.tickets.begin(), job.tickets.end(), [](const auto& one) { return one->is_open(); });
}

void BatchQueue::begin_run(std::size_t bin) {
  running = bin;
  running_since_ = Clock::now();
}

double BatchQueue::end_run() {
  const double elapsed = ms_since(running_since_);
  Bin& bin = bins[*running];
  bin.run_ms = bin.run_ms > 0 ? bin.run_ms + kNewest * (elapsed - bin.run_ms) : elapsed;
  running.reset();
  idle_since = Clock::now();
  return elapsed;
}

// The best bin that is ready, else the one whose plan comes first. Nothing when all have failed.
std::optional<std::size_t> BatchQueue::choose_bin(const Ticket& ticket) const {
  std::optional<std::size_t> planned;
  for (const std::size_t bin : ticket.bins) {
    if (is_ready(bin)) return bin;
    if (bins[bin].state != BinState::failed && (!planned || bin < *planned)) planned = bin;
  }
  return planned;
}

void BatchQueue::put(const std::shared_ptr<Ticket>& ticket) {
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

void BatchQueue::put_all_again() {
  Tickets all;
  for (Bin& bin : bins) {
    all.insert(all.end(), bin.waiting.begin(), bin.waiting.end());
    bin.waiting.clear();
  }
  for (const std::shared_ptr<Ticket>& ticket : all) put(ticket);
}

void BatchQueue::take_out(const std::shared_ptr<Ticket>& ticket) {
  if (!ticket->is_open()) return;
  if (ticket->state == TicketState::waiting) std::erase(bins[ticket->bin].waiting, ticket);
  ticket->state = TicketState::dropped;
}

std::size_t BatchQueue::take_back(const Job& job) {
  std::size_t open = 0;
  for (const std::shared_ptr<Ticket>& ticket : job.tickets) {
    if (!ticket->is_open()) continue;
    ticket->reason =
        is_ready(ticket->bin) ? "the device is behind" : fmt::format("{} is compiling for this size", backend_);
    take_out(ticket);
    ++open;
  }
  return open;
}

// Milliseconds until the device is free, as far as it is known: what is slow without having an end yet will take as
// long again.
double BatchQueue::busy_ms() const {
  if (!running) return 0;
  const double elapsed = ms_since(running_since_);
  const double usual = bins[*running].run_ms;
  return usual > elapsed ? usual - elapsed : elapsed - usual;
}

double BatchQueue::expected_ms(std::size_t index, std::size_t ahead) const {
  if (!is_ready(index)) return planning_since ? ms_since(*planning_since) : 0;
  double ms = busy_ms();
  for (std::size_t i = 0; i < bins.size(); ++i) {
    if (i == index || !is_ready(i)) continue;
    ms += static_cast<double>(bins[i].waiting.size() / bins[i].work.batch) * bins[i].run_ms;
  }
  const Bin& own = bins[index];
  return ms + static_cast<double>(ahead / own.work.batch + 1) * own.run_ms;
}

double BatchQueue::expected_ms(const Job& job) const {
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

// Whether a whole batch waits for the device besides the one that it runs.
bool BatchQueue::has_backlog() const {
  return std::any_of(bins.begin(), bins.end(), [](const Bin& bin) {
    return bin.state == BinState::ready && bin.waiting.size() >= bin.work.batch;
  });
}

// Whether the device has the job in work, or will as soon as it looks.
bool BatchQueue::is_in_work(const Job& job) const {
  return std::all_of(job.tickets.begin(), job.tickets.end(), [&](const auto& ticket) {
    if (ticket->state != TicketState::waiting) return true;
    return !running && is_ready(ticket->bin);
  });
}

std::optional<std::size_t> BatchQueue::choose_for_cpu(std::span<const Job* const> jobs) const {
  const double left = expected_ms(*jobs.front());
  // Who waits while others take all processors leaves them its share.
  if (left <= jobs.front()->cpu_ms || callers >= idle + processors_) return std::nullopt;
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

bool BatchQueue::is_worthwhile(const std::vector<std::size_t>& of, double limit_ms) const {
  for (const std::size_t bin : of) {
    if (!is_ready(bin)) continue;
    const Bin& own = bins[bin];
    if (expected_ms(bin, own.waiting.size()) <= limit_ms) return true;
    return !running && own.waiting.empty() && ms_since(idle_since) > std::max(kRetryMs, kRunsUntilRetry * own.run_ms);
  }
  // A plan that has taken longer than that already may take long.
  return !planning_since || ms_since(*planning_since) <= limit_ms;
}

// What the CPU would take for the jobs that a batch may bring.
double BatchQueue::cpu_ms_of_batch(std::span<const Job* const> jobs) const {
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
bool BatchQueue::takes(std::size_t index, const Ticket& ticket) const {
  const Bin& bin = bins[index];
  const Bin& other = bins[ticket.bin];
  if (&bin != &other && other.state == BinState::ready &&
      static_cast<double>(other.work.item_bytes) < kShareOfPlace * static_cast<double>(bin.work.item_bytes)) {
    return false;
  }
  return std::find(ticket.bins.begin(), ticket.bins.end(), index) != ticket.bins.end();
}

// The bin whose next run holds most of what waits, this ticket with it, and how many that are.
std::pair<std::size_t, std::size_t> BatchQueue::fullest_bin(const Ticket& ticket) const {
  std::pair<std::size_t, std::size_t> best(ticket.bin, 0);
  for (const std::size_t bin : ticket.bins) {
    if (!is_ready(bin) || !takes(bin, ticket)) continue;
    std::size_t fitting = 0;
    for (const Bin& other : bins) {
      fitting += static_cast<std::size_t>(
          std::count_if(other.waiting.begin(), other.waiting.end(), [&](const auto& one) { return takes(bin, *one); }));
    }
    fitting = std::min(fitting, bins[bin].work.batch);
    if (fitting > best.second) best = {bin, fitting};
  }
  return best;
}

// Takes the next batch of a bin, and fills it up with what waits for others and fits.
BatchQueue::Tickets BatchQueue::take_batch(std::size_t index, const std::shared_ptr<Ticket>& first) {
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
  }
  count_waits(batch);
  return batch;
}

// The time for which an image has kept an idle device waiting, where it brought nothing of others.
void BatchQueue::count_waits(const Tickets& batch) const {
  std::vector<const DeviceWait*> counted;  // items of an image wait at the same time
  for (const std::shared_ptr<Ticket>& ticket : batch) {
    if (!ticket->awaited_since || std::find(counted.begin(), counted.end(), ticket->wait.get()) != counted.end()) {
      continue;
    }
    const bool brought_others = std::any_of(batch.begin(), batch.end(), [&](const auto& other) {
      return other->wait != ticket->wait && other->submitted > *ticket->awaited_since;
    });
    if (brought_others) continue;
    ticket->wait->ms += ms_since(std::max(*ticket->awaited_since, idle_since));
    counted.push_back(ticket->wait.get());
  }
}

BatchQueue::Tickets BatchQueue::next_batch(std::chrono::milliseconds delay) {
  std::optional<std::size_t> full;
  std::shared_ptr<Ticket> awaited, due;
  for (std::size_t i = 0; i < bins.size(); ++i) {
    const Bin& bin = bins[i];
    if (!is_ready(i) || bin.waiting.empty()) continue;
    const std::size_t worthwhile = bin.work.worthwhile > 0 ? bin.work.worthwhile : bin.work.batch;
    const bool is_full = bin.waiting.size() >= std::min(worthwhile, bin.work.batch);
    if (is_full && (!full || bin.waiting.front()->submitted < bins[*full].waiting.front()->submitted)) full = i;
    for (const std::shared_ptr<Ticket>& ticket : bin.waiting) {
      if (ticket->awaited_since && (!awaited || ticket->awaited_since < awaited->awaited_since)) awaited = ticket;
      if (ticket->is_due && (!due || ticket->submitted < due->submitted)) due = ticket;
    }
  }
  if (full) return take_batch(*full, nullptr);
  const std::shared_ptr<Ticket> next = awaited ? awaited : due;
  if (!next) return {};
  const auto [index, count] = fullest_bin(*next);
  const bool is_well_filled = static_cast<double>(count) >= kWellFilled * static_cast<double>(bins[index].work.batch);
  const bool is_late =
      next->wait->ms + ms_since(next->submitted) >= std::chrono::duration<double, std::milli>(delay).count();
  const bool all_wait = awaited && stuck >= callers;
  return is_well_filled || is_late || all_wait ? take_batch(index, next) : Tickets();
}

bool BatchQueue::is_work_awaited() const {
  return std::any_of(bins.begin(), bins.end(), [](const Bin& bin) {
    return bin.state == BinState::ready && std::any_of(bin.waiting.begin(), bin.waiting.end(), [](const auto& ticket) {
             return ticket->awaited_since.has_value();
           });
  });
}

}  // namespace mien
