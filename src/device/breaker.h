// Decides whether a device that fails is asked again.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <mutex>

namespace mien {

inline constexpr int kFailuresToOpen = 3;
inline constexpr std::chrono::seconds kFirstPause{1};
inline constexpr std::chrono::seconds kLongestPause{60};

// A closed breaker lets everything go to the device. After three failures in a row it opens: nothing goes, but for one
// trial after 1, 2, 4 ... 60 s; a trial that succeeds closes it. Time is injected. Safe to use from many threads.
class Breaker {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  using Now = std::function<TimePoint()>;

  explicit Breaker(Now now) : now_(std::move(now)) {}

  // Whether a batch may go to the device. While it is open, true is given to one caller a pause, who must report.
  bool allows() {
    const std::lock_guard lock(mutex_);
    if (!is_open_) return true;
    if (is_on_trial_ || now_() < trial_due_) return false;
    is_on_trial_ = true;
    return true;
  }

  // The same without taking the trial.
  bool would_allow() const {
    const std::lock_guard lock(mutex_);
    return !is_open_ || (!is_on_trial_ && now_() >= trial_due_);
  }

  void report_success() {
    const std::lock_guard lock(mutex_);
    failures_ = 0;
    is_open_ = false;
    is_on_trial_ = false;
    pause_ = kFirstPause;
  }

  void report_failure() {
    const std::lock_guard lock(mutex_);
    ++failures_;
    if (is_open_ && !is_on_trial_) return;  // of a batch that was on its way when it opened
    if (is_on_trial_) pause_ = std::min<std::chrono::seconds>(pause_ * 2, kLongestPause);
    if (failures_ < kFailuresToOpen) return;
    is_open_ = true;
    is_on_trial_ = false;
    trial_due_ = now_() + pause_;
  }

  // The caller that was allowed found nothing to do.
  void report_unused() {
    const std::lock_guard lock(mutex_);
    is_on_trial_ = false;
  }

  bool is_open() const {
    const std::lock_guard lock(mutex_);
    return is_open_;
  }

 private:
  Now now_;
  mutable std::mutex mutex_;
  int failures_ = 0;
  bool is_open_ = false;
  bool is_on_trial_ = false;
  TimePoint trial_due_{};
  std::chrono::seconds pause_ = kFirstPause;
};

}  // namespace mien
