// Work of minutes on a thread of its own. The thread that called waits beside it, where Ctrl-C, a wish to stop and what
// is told of the progress find it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>

#include "bindings.h"

namespace mien::python {

// Touches nothing of Python's.
template <typename Answer, typename Progress>
class Attended {
 public:
  using Report = std::function<void(const Progress&)>;
  using Work = std::function<Answer(const Report&, const std::stop_token&)>;

  explicit Attended(Work work)
      : thread_([this, work = std::move(work)](const std::stop_token& stop) { run(work, stop); }) {}

  // Whether the work is over; returns within a moment in any case, and where the interpreter ends, when the work has
  // ended. The progress is the last one that was reported since; empty: none was.
  bool wait(std::optional<Progress>& progress) {
    constexpr std::chrono::milliseconds kMoment{50};
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kMoment, [&] { return is_over_; });
    if (is_the_end()) {
      thread_.request_stop();
      changed_.wait(lock, [&] { return is_over_; });
    }
    progress = std::exchange(progress_, std::nullopt);
    return is_over_;
  }
  void request_stop() { thread_.request_stop(); }
  // When it is over. Throws what ended the work.
  Answer take() {
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
    return std::move(*answer_);
  }

 private:
  void run(const Work& work, const std::stop_token& stop) {
    std::optional<Answer> answer;
    std::exception_ptr failure;
    const auto report = [this](const Progress& progress) {
      const std::scoped_lock lock(mutex_);
      progress_ = progress;
    };
    try {
      answer = work(report, stop);
    } catch (...) {
      failure = std::current_exception();
    }
    {
      const std::scoped_lock lock(mutex_);
      answer_ = std::move(answer);
      failure_ = failure;
      is_over_ = true;
      changed_.notify_all();
    }
    until_over_.reset();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Progress> progress_;  // guarded by mutex_
  std::optional<Answer> answer_;      // guarded by mutex_
  std::exception_ptr failure_;        // guarded by mutex_
  bool is_over_ = false;              // guarded by mutex_
  std::optional<NotTheEnd> until_over_{std::in_place};
  std::jthread thread_;  // last: it starts when all else is there
};

// Calls `on_progress` (None: nobody asks) with what was reported, and asks the work to stop when `stop` (None, or an
// object like threading.Event) is set. What Python throws meanwhile asks it to stop too, and is thrown when it is over:
// nothing is left running.
template <typename Answer, typename Progress>
Answer attend(typename Attended<Answer, Progress>::Work work, const nb::object& on_progress, const nb::object& stop) {
  Attended<Answer, Progress> attended(std::move(work));
  std::exception_ptr failure;
  std::optional<Progress> progress;
  for (bool is_over = false;; is_over = without_lock([&] { return attended.wait(progress); })) {
    try {
      if (!failure) {
        if (PyErr_CheckSignals() != 0) throw nb::python_error();
        if (progress && !on_progress.is_none()) on_progress(*progress);
        if (!stop.is_none() && nb::cast<bool>(nb::bool_(stop.attr("is_set")()))) attended.request_stop();
      }
    } catch (...) {
      failure = std::current_exception();
      attended.request_stop();
    }
    if (is_over) break;
  }
  if (failure) std::rethrow_exception(failure);
  return attended.take();
}

}  // namespace mien::python
