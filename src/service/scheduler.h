// Images wait here for a worker: one bounded queue, in which requests take turns, one image each. A worker takes one
// image and has workspaces of its own. Where a device takes part it hands images in and collects them later; nothing
// here waits for a batch.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>

#include "mien/engine.h"
#include "mien/scan.h"

namespace mien::service {

// What a worker has for one image.
struct Turn {
  Workspace& workspace;
  std::stop_token stop;  // the image's time is over, or its client is gone
  double queue_ms = 0;   // that it has waited
};

// An image that is to be looked at.
struct AnalysisTask {
  std::shared_ptr<const Engine> engine;
  Bytes image;  // lives as long as the task
  AnalyzeOptions options;
  std::function<void(Record record, double queue_ms)> done;  // on a worker's thread
};

// Either the work (or the analysis) is done, or it is late: once; neither when the client is gone before. No call may
// throw.
struct ImageTask {
  std::chrono::milliseconds time_limit{60'000};
  std::function<void(double queue_ms)> late = {};       // its time was over before a worker came to it
  std::function<void(const Turn& turn)> work = {};      // on a worker's thread
  std::optional<AnalysisTask> analysis = std::nullopt;  // in place of `work`
};

struct SchedulerOptions {
  int workers = 1;
  const Engine* engine = nullptr;  // whose images a worker takes while others are on its device
  std::size_t images_max = 256;    // that wait
  std::size_t held_max = 64;   // requests that wait for room, and images beyond images_max of those that have waited
  std::size_t ahead_max = 16;  // images of one request that wait, so that one of many images leaves room for others
  std::function<void(double seconds)> on_taken = {};  // a worker took an image that had waited so long
};

class Scheduler {
 public:
  explicit Scheduler(SchedulerOptions options);
  // What is in work is stopped, and what waits is dropped.
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // The images of one client's request: when it is gone they are taken out or stopped.
  class Request;
  std::shared_ptr<Request> open(std::stop_token gone);

  bool is_full() const;
  // False: there is no room for another image, or for another one of this request, and nothing was taken.
  bool submit(const std::shared_ptr<Request>& request, ImageTask task);
  // The same for a request that has waited for room already: it goes beyond images_max.
  bool submit_held(const std::shared_ptr<Request>& request, ImageTask task);
  // Calls once, on another thread, when there is room for another image of this request; never when the client is gone
  // before. False: there is room now, and it is not called.
  bool when_room(const std::shared_ptr<Request>& request, std::function<void()> call);

  enum class Hold { not_needed, held, refused };
  // A request that waits for room with its body unread. Calls once, on another thread: true when there is room, in the
  // order of asking; false after so long or when those that are held are dropped. Unless it is held it is not called.
  Hold hold(const std::shared_ptr<Request>& request, std::chrono::milliseconds at_most,
            std::function<void(bool is_room)> call);
  void drop_held();

  // After how many seconds a refused client may come again, by the rate of the last images; at least 1.
  int retry_after_seconds() const;

  std::size_t waiting() const;
  std::size_t images_max() const;
  std::size_t held() const;

 private:
  struct State;
  std::shared_ptr<State> state_;  // requests, which may outlive this object, share it
};

}  // namespace mien::service
