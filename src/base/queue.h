// Work that is handed in in order, done by many threads in any order, and taken out in order again.
#pragma once

#include <cassert>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <utility>

namespace mien {

// One thread pushes, several fetch, engage and complete, one takes. At most `capacity` jobs are inside at
// any moment (waiting, fetched, in work, or finished and waiting for an earlier one), which bounds memory
// and says how far the others may run ahead of a slow job.
//
// Fetched is not yet in work: what is needed for a job may never arrive (a storage system that hangs), and
// then nobody may wait for it. Who engages a job promises to complete it or to fail.
template <typename Job, typename Outcome>
class OrderedQueue {
 public:
  struct Fetched {
    std::uint64_t ticket = 0;  // 0, 1, 2, ... in the order of push
    Job job;
  };
  enum class Taken { outcome, timeout, end };

  explicit OrderedQueue(std::size_t capacity) : capacity_(capacity) { assert(capacity > 0); }
  OrderedQueue(const OrderedQueue&) = delete;
  OrderedQueue& operator=(const OrderedQueue&) = delete;

  // Waits for room. False: nobody wants more work.
  bool push(Job job) {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [this] { return closed_ || slots_.size() < capacity_; });
    if (closed_) return false;
    slots_.push_back({std::move(job), false, std::nullopt});
    job_waits_.notify_one();
    return true;
  }

  // The pusher says that no more jobs will come.
  void finish() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    wake_all();
  }

  // Waits for a job. Empty: there will be none any more.
  std::optional<Fetched> fetch() {
    std::unique_lock lock(mutex_);
    job_waits_.wait(lock, [this] { return closed_ || next_ < head_ + slots_.size(); });
    if (next_ >= head_ + slots_.size()) return std::nullopt;
    const std::uint64_t ticket = next_++;
    std::optional<Job>& job = slots_[ticket - head_].job;
    Fetched fetched{ticket, std::move(*job)};
    job.reset();
    return fetched;
  }

  // False: the job was dropped, and nobody wants its outcome.
  bool engage(std::uint64_t ticket) {
    const std::lock_guard lock(mutex_);
    if (!is_inside(ticket)) return false;
    slots_[ticket - head_].is_engaged = true;
    return true;
  }

  // The outcome of a job that was dropped meanwhile is dropped too.
  void complete(std::uint64_t ticket, Outcome outcome) {
    const std::lock_guard lock(mutex_);
    if (!is_inside(ticket)) return;
    assert(slots_[ticket - head_].is_engaged);
    slots_[ticket - head_].outcome = std::move(outcome);
    outcome_ready_.notify_all();
  }

  // The outcome of the next job in order; throws what fail() was told.
  Taken take(Outcome& outcome, std::chrono::milliseconds timeout) {
    std::unique_lock lock(mutex_);
    const bool woken = outcome_ready_.wait_for(
        lock, timeout, [this] { return failure_ || (slots_.empty() ? closed_ : slots_.front().outcome.has_value()); });
    if (failure_) std::rethrow_exception(failure_);
    if (!woken) return Taken::timeout;
    if (slots_.empty()) return Taken::end;
    outcome = std::move(*slots_.front().outcome);
    slots_.pop_front();
    ++head_;
    room_.notify_one();
    return Taken::outcome;
  }

  // For the taker: waits for the outcome of a job that was engaged and not yet taken out, leaves it inside
  // and returns a copy. Empty: the job was dropped.
  std::optional<Outcome> wait_for(std::uint64_t ticket) {
    std::unique_lock lock(mutex_);
    outcome_ready_.wait(lock,
                        [&] { return failure_ || !is_inside(ticket) || slots_[ticket - head_].outcome.has_value(); });
    if (failure_) std::rethrow_exception(failure_);
    return is_inside(ticket) ? slots_[ticket - head_].outcome : std::nullopt;
  }

  // Refuses new jobs, and drops the first that nobody has engaged with all behind it, so that what remains
  // has no gaps and will be completed.
  void abandon() {
    const std::lock_guard lock(mutex_);
    end_at_first_unengaged();
  }

  // A job cannot be completed: everybody stops, and the taker gets the first such exception.
  void fail(std::exception_ptr failure) {
    const std::lock_guard lock(mutex_);
    if (!failure_) failure_ = std::move(failure);
    end_at_first_unengaged();
  }

  // How many jobs were dropped.
  std::uint64_t dropped() const {
    const std::lock_guard lock(mutex_);
    return dropped_;
  }

 private:
  struct Slot {
    std::optional<Job> job;
    bool is_engaged = false;
    std::optional<Outcome> outcome;
  };

  bool is_inside(std::uint64_t ticket) const { return ticket >= head_ && ticket < head_ + slots_.size(); }

  void end_at_first_unengaged() {
    std::size_t kept = 0;
    while (kept < slots_.size() && slots_[kept].is_engaged) ++kept;
    dropped_ += slots_.size() - kept;
    slots_.resize(kept);
    closed_ = true;
    wake_all();
  }

  void wake_all() {
    room_.notify_all();
    job_waits_.notify_all();
    outcome_ready_.notify_all();
  }

  const std::size_t capacity_;
  mutable std::mutex mutex_;  // guards everything below
  std::condition_variable room_;
  std::condition_variable job_waits_;
  std::condition_variable outcome_ready_;
  std::deque<Slot> slots_;  // of tickets head_, head_ + 1, ...
  std::uint64_t head_ = 0;  // the next ticket to take out
  std::uint64_t next_ = 0;  // the next ticket to fetch
  std::uint64_t dropped_ = 0;
  bool closed_ = false;
  std::exception_ptr failure_;
};

}  // namespace mien
