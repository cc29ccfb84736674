// Threads that analyse what asynchronous callers hand in. Waiting images are bounded, those that wait together go
// through the engine together, and each can be taken back.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

#include "engine.h"

namespace mien::python {

// Images that go through the engine together. Stopped when nobody waits for any of them.
struct JobBatch {
  std::stop_source stop;
  std::atomic<int> wanted{0};
};

// One image. Python's objects in it are touched with the interpreter lock alone.
struct Job {
  nb::object image;  // keeps `encoded` alive
  nb::object done;   // called with (analysis, exception)
  Bytes encoded;
  AnalyzeOptions options;
  std::size_t batch_max = 1;

  // Nobody waits for it any more.
  void cancel();

  std::mutex mutex;
  bool is_cancelled = false;             // guarded by mutex
  std::shared_ptr<JobBatch> batch = {};  // guarded by mutex; null while it waits
};

// The state that the threads share. They hold it themselves: a thread that ends its own pool goes on for a moment.
class PoolWork {
 public:
  PoolWork(std::shared_ptr<OpenEngine> engine, std::size_t thread_count, std::size_t waiting_max);
  bool submit(const std::shared_ptr<Job>& job);
  std::size_t waiting() const;
  void stop();
  // A thread's loop.
  void work(const std::stop_token& stop);

 private:
  std::vector<std::shared_ptr<Job>> take_batch(const std::stop_token& stop);
  void run(const std::vector<std::shared_ptr<Job>>& jobs);

  const std::shared_ptr<OpenEngine> engine_;
  const std::size_t thread_count_;
  const std::size_t waiting_max_;
  mutable std::mutex mutex_;
  std::condition_variable_any ready_;
  std::deque<std::shared_ptr<Job>> queue_;         // guarded by mutex_
  std::vector<std::shared_ptr<JobBatch>> active_;  // guarded by mutex_
  bool is_stopped_ = false;                        // guarded by mutex_
};

class Pool {
 public:
  Pool(std::shared_ptr<OpenEngine> engine, int threads, std::size_t waiting_max);
  ~Pool();

  // False when waiting_max images wait. Throws Exception(cancelled) after stop.
  bool submit(const std::shared_ptr<Job>& job) { return work_->submit(job); }
  std::size_t waiting() const { return work_->waiting(); }
  // Ends the threads; what waits is answered with Error cancelled. Without the interpreter lock. A thread of the pool
  // may call it, and is the one that is not waited for.
  void stop();
  // After a fork there are no threads in the child: nothing of this object may be used or destroyed there.
  static void forget(std::shared_ptr<Pool> pool);

 private:
  const std::shared_ptr<PoolWork> work_;
  std::mutex mutex_;
  std::vector<std::jthread> threads_;  // guarded by mutex_
};

}  // namespace mien::python
