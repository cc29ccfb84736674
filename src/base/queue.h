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

// One thread pushes, several begin and complete, one takes. At most `capacity` jobs are inside at
// any moment (waiting, in work, or finished and waiting for an earlier one), which bounds memory
// and says how far the others may run ahead of a slow job.
template <typename Job, typename Outcome>
class OrderedQueue {
 public:
  struct Begun {
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
    slots_.push_back({std::move(job), std::nullopt});
    job_waits_.notify_one();
    return true;
  }

  // The pusher's last word.
  void finish() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    wake_all();
  }

  // Waits for a job. Empty: there will be none any more. Who begins a job must complete it or fail.
  std::optional<Begun> begin() {
    std::unique_lock lock(mutex_);
    job_waits_.wait(lock, [this] { return closed_ || next_ < head_ + slots_.size(); });
    if (next_ >= head_ + slots_.size()) return std::nullopt;
    const std::uint64_t ticket = next_++;
    std::optional<Job>& job = slots_[ticket - head_].job;
    Begun begun{ticket, std::move(*job)};
    job.reset();
    return begun;
  }

  void complete(std::uint64_t ticket, Outcome outcome) {
    const std::lock_guard lock(mutex_);
    assert(ticket >= head_ && ticket < next_);
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

  // For the taker: waits for the outcome of a job that was begun and not yet taken out, and leaves
  // it inside. The reference holds until that job is taken.
  const Outcome& wait_for(std::uint64_t ticket) {
    std::unique_lock lock(mutex_);
    assert(ticket >= head_ && ticket < next_);
    outcome_ready_.wait(lock, [&] { return failure_ || slots_[ticket - head_].outcome.has_value(); });
    if (failure_) std::rethrow_exception(failure_);
    return *slots_[ticket - head_].outcome;
  }

  // Drops the jobs that nobody began and refuses new ones. Jobs are begun in order, so what remains
  // has no gaps.
  void abandon() {
    const std::lock_guard lock(mutex_);
    dropped_ = dropped_ + slots_.size() - (next_ - head_);
    slots_.resize(next_ - head_);
    closed_ = true;
    wake_all();
  }

  // A job cannot be completed: everybody stops, and the taker gets the first such exception.
  void fail(std::exception_ptr failure) {
    const std::lock_guard lock(mutex_);
    if (!failure_) failure_ = std::move(failure);
    slots_.resize(next_ - head_);
    closed_ = true;
    wake_all();
  }

  // How many jobs abandon() dropped.
  std::uint64_t dropped() const {
    const std::lock_guard lock(mutex_);
    return dropped_;
  }

 private:
  struct Slot {
    std::optional<Job> job;
    std::optional<Outcome> outcome;
  };

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
  // Of tickets head_, head_ + 1, ... A deque keeps references valid when others come and go.
  std::deque<Slot> slots_;
  std::uint64_t head_ = 0;  // the next ticket to take out
  std::uint64_t next_ = 0;  // the next ticket to begin
  std::uint64_t dropped_ = 0;
  bool closed_ = false;
  std::exception_ptr failure_;
};

}  // namespace mien
