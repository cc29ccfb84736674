#include "device/lane.h"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

namespace mien {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kAbandoned = "the device gave no answer to an earlier call and is not asked again";

// Of all lanes of this process, and of what else says so.
std::atomic<int>& jobs_in_work() {
  static std::atomic<int> count{0};
  return count;
}

#ifdef __GLIBC__
void end_beside_lanes(int exit_code, void* /*unused*/) {
  if (jobs_in_work() == 0) return;
  std::fflush(nullptr);
  _exit(exit_code);
}
#endif

struct Ticket {
  std::function<void()> job;
  std::chrono::milliseconds limit{0};
  std::optional<Clock::time_point> started;
  bool is_done = false;
  std::exception_ptr failure;
};

}  // namespace

struct Lane::State {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::shared_ptr<Ticket>> queue;
  std::shared_ptr<Ticket> in_work;
  bool is_closed = false;
  bool is_abandoned = false;
  bool has_ended = false;

  // With the mutex held: whether the lane is given up, because of what was found before or is found now.
  bool look_for_hanging_job() {
    if (in_work && !in_work->is_done && Clock::now() > *in_work->started + in_work->limit) {
      is_abandoned = true;
      changed.notify_all();
    }
    return is_abandoned;
  }

  void serve() {
    std::unique_lock lock(mutex);
    while (true) {
      changed.wait(lock, [&] { return !queue.empty() || is_closed || is_abandoned; });
      if (is_abandoned || queue.empty()) break;
      const std::shared_ptr<Ticket> ticket = queue.front();
      queue.pop_front();
      ticket->started = Clock::now();
      in_work = ticket;
      changed.notify_all();  // from here on the time limit counts
      lock.unlock();
      {
        const AtWork at_work;
        try {
          ticket->job();
        } catch (...) {
          ticket->failure = std::current_exception();
        }
        ticket->job = {};  // what it owns may be the device's: freed on this thread
      }
      lock.lock();
      ticket->is_done = true;
      changed.notify_all();
    }
    has_ended = true;
    changed.notify_all();
  }
};

Lane::Lane() : state_(std::make_shared<State>()) {
  // Detached, because a thread that hangs in a driver cannot be joined; ~Lane waits for the others.
  std::thread([state = state_] { state->serve(); }).detach();
}

Lane::~Lane() {
  constexpr std::chrono::milliseconds kPatience{50};
  std::unique_lock lock(state_->mutex);
  state_->is_closed = true;
  state_->changed.notify_all();
  while (!state_->has_ended && !state_->look_for_hanging_job()) state_->changed.wait_for(lock, kPatience);
}

void Lane::run(std::function<void()> job, std::chrono::milliseconds limit) {
  constexpr std::chrono::seconds kPatience{1};
  const auto ticket = std::make_shared<Ticket>();
  ticket->job = std::move(job);
  ticket->limit = limit;
  std::unique_lock lock(state_->mutex);
  if (state_->look_for_hanging_job()) throw DeviceHung(kAbandoned);
  state_->queue.push_back(ticket);
  state_->changed.notify_all();
  while (!ticket->started) {
    if (state_->look_for_hanging_job()) throw DeviceHung(kAbandoned);
    state_->changed.wait_for(lock, kPatience);
  }
  const auto is_over = [&] { return ticket->is_done || state_->is_abandoned; };
  state_->changed.wait_until(lock, *ticket->started + limit, is_over);
  if (!ticket->is_done) {
    const bool was_abandoned = std::exchange(state_->is_abandoned, true);
    state_->changed.notify_all();
    if (was_abandoned) throw DeviceHung(kAbandoned);
    throw DeviceHung(fmt::format("no answer from the device in {:.3g} s: it is not asked again",
                                 std::chrono::duration<double>(limit).count()));
  }
  // The caller's alone from here on: the lane, which keeps its last ticket, would free it while the caller reads it.
  if (ticket->failure) std::rethrow_exception(std::exchange(ticket->failure, nullptr));
}

void Lane::post(std::function<void()> job, std::chrono::milliseconds limit) {
  const auto ticket = std::make_shared<Ticket>();
  ticket->job = std::move(job);
  ticket->limit = limit;
  const std::lock_guard lock(state_->mutex);
  // An abandoned lane keeps the job without running it: what it owns may be the device's, and freeing that could hang.
  state_->queue.push_back(ticket);
  state_->changed.notify_all();
}

bool Lane::is_abandoned() const {
  const std::lock_guard lock(state_->mutex);
  return state_->look_for_hanging_job();
}

AtWork::AtWork() { ++jobs_in_work(); }
AtWork::~AtWork() { --jobs_in_work(); }

void end_process_beside_lanes() {
#ifdef __GLIBC__
  on_exit(end_beside_lanes, nullptr);
#endif
}

}  // namespace mien
