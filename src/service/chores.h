// A thread for what may take a while and is no image: asking drivers, reading the catalogue.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace mien::service {

class Chores {
 public:
  Chores() : thread_([this](const std::stop_token& end) { run(end); }) {}

  // In the order in which they came. What is left at the end is dropped. A chore must not throw.
  void post(std::function<void()> chore) {
    const std::lock_guard lock(mutex_);
    chores_.push_back(std::move(chore));
    changed_.notify_one();
  }

 private:
  void run(const std::stop_token& end) {
    std::unique_lock lock(mutex_);
    while (changed_.wait(lock, end, [&] { return !chores_.empty(); }) && !end.stop_requested()) {
      const std::function<void()> chore = std::move(chores_.front());
      chores_.pop_front();
      lock.unlock();
      chore();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<std::function<void()>> chores_;
  std::jthread thread_;
};

}  // namespace mien::service
