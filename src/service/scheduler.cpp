#include "service/scheduler.h"

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <deque>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "mien/tools/stream.h"

namespace mien::service {
namespace {

using Clock = std::chrono::steady_clock;
using Calls = std::vector<std::function<void()>>;

// The rate is that of the images that were done last, so many and within this time.
constexpr std::size_t kRateImages = 64;
constexpr std::chrono::seconds kRateTime{10};
constexpr int kRetryAfterMost = 120;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

// To be made with no mutex held: calls go elsewhere, where other mutexes are.
void make(Calls& calls) {
  for (std::function<void()>& call : calls) call();
  calls.clear();
}

// An image between its submission and its end.
struct Pending {
  ImageTask task;
  std::shared_ptr<Scheduler::Request> request;
  Clock::time_point submitted = Clock::now();
  std::stop_source stop;
  bool is_waiting = true;
  double queue_ms = 0;
  std::multimap<Clock::time_point, std::weak_ptr<Pending>>::iterator deadline;
};

}  // namespace

class Scheduler::Request {
 public:
  std::deque<std::shared_ptr<Pending>> waiting;
  std::vector<std::shared_ptr<Pending>> in_work;
  bool is_gone = false;
  std::optional<std::stop_callback<std::function<void()>>> on_gone;
};

struct Scheduler::State : std::enable_shared_from_this<State> {
  struct Waiter {
    std::shared_ptr<Request> request;
    std::function<void()> call;
  };
  struct Held {
    std::shared_ptr<Request> request;
    Clock::time_point until;
    std::function<void(bool is_room)> call;
  };

  explicit State(SchedulerOptions given) : options(std::move(given)) {}

  // ---- With the mutex held. What has to be called goes into `calls`, and so does what is let go of: that may wake
  // others, who come back here.

  bool has_room_for(const Request& request) const {
    return waiting < options.images_max && request.waiting.size() < options.ahead_max;
  }

  bool put(const std::shared_ptr<Request>& request, ImageTask& task, std::size_t most) {
    if (is_closed || waiting >= most) return false;
    if (request->is_gone) return true;  // nobody waits for an answer
    auto image = std::make_shared<Pending>();
    image->task = std::move(task);
    image->request = request;
    image->deadline = deadlines.emplace(image->submitted + image->task.time_limit, image);
    if (request->waiting.empty()) turns.push_back(request);
    request->waiting.push_back(std::move(image));
    ++waiting;
    changed.notify_one();
    if (deadlines.begin()->second.lock() == request->waiting.back()) times_changed.notify_one();
    return true;
  }

  std::shared_ptr<Pending> take() {
    const std::shared_ptr<Request> request = std::move(turns.front());
    turns.pop_front();
    std::shared_ptr<Pending> image = std::move(request->waiting.front());
    request->waiting.pop_front();
    if (!request->waiting.empty()) turns.push_back(request);
    --waiting;
    image->is_waiting = false;
    request->in_work.push_back(image);
    return image;
  }

  void take_out(const std::shared_ptr<Pending>& image) {
    Request& request = *image->request;
    std::erase(request.waiting, image);
    if (request.waiting.empty()) std::erase(turns, image->request);
    --waiting;
    image->is_waiting = false;
  }

  // What waits for room and may go on now.
  void wake(Calls& calls) {
    std::erase_if(waiters, [&](Waiter& waiter) {
      if (!waiter.request->is_gone && !has_room_for(*waiter.request)) return false;
      calls.push_back([call = std::move(waiter.call), is_gone = waiter.request->is_gone] {
        if (!is_gone) call();
      });
      return true;
    });
    std::size_t room = options.images_max > waiting ? options.images_max - waiting : 0;
    while (!held.empty() && room > 0) {
      --room;
      call_held(held.begin(), true, calls);
    }
  }

  void call_held(std::list<Held>::iterator one, bool is_room, Calls& calls) {
    calls.push_back([call = std::move(one->call), is_room, is_gone = one->request->is_gone] {
      if (!is_gone) call(is_room);
    });
    held.erase(one);
  }

  // What is over at this time.
  void end_late(Clock::time_point now, Calls& calls) {
    while (!deadlines.empty() && deadlines.begin()->first <= now) {
      const std::shared_ptr<Pending> image = deadlines.begin()->second.lock();
      deadlines.erase(deadlines.begin());
      if (!image) continue;
      image->deadline = deadlines.end();
      if (image->is_waiting) {
        take_out(image);
        calls.push_back([image] { image->task.late(seconds_since(image->submitted) * 1000); });
      } else {
        calls.push_back([image] { image->stop.request_stop(); });
      }
    }
    for (auto one = held.begin(); one != held.end();) {
      const auto next = std::next(one);
      if (one->until <= now) call_held(one, false, calls);
      one = next;
    }
    wake(calls);
  }

  std::optional<Clock::time_point> next_time() const {
    std::optional<Clock::time_point> next;
    if (!deadlines.empty()) next = deadlines.begin()->first;
    for (const Held& one : held) next = std::min(next.value_or(one.until), one.until);
    return next;
  }

  // ---- The threads

  struct Worker {
    Workspace streamed;                            // of images that share the engine's device
    Workspace alone;                               // of others, which are done meanwhile
    std::deque<std::shared_ptr<Pending>> in_work;  // of the first kind, in the order in which they were taken
  };

  void serve(const std::stop_token& end) {
    while (!end.stop_requested()) {
      Worker worker;
      RecordStream stream;
      stream.next = [&](std::optional<std::chrono::milliseconds> patience) { return next(worker, end, patience); };
      stream.on_record = [&](Record record) { give(worker, std::move(record)); };
      std::string problem;
      try {
        if (options.engine != nullptr) {
          records_of_stream(*options.engine, stream, worker.streamed);
        } else {
          (void)next(worker, end, std::nullopt);  // does all of them by itself
        }
      } catch (const std::exception& error) {
        problem = error.what();  // memory
      }
      while (!worker.in_work.empty()) {
        Record failed;
        failed.error = Error{ErrorCode::internal, problem};
        give(worker, std::move(failed));
      }
    }
  }

  // The next image for the engine; others are done here.
  std::optional<StreamImage> next(Worker& worker, const std::stop_token& end,
                                  std::optional<std::chrono::milliseconds> patience) {
    while (std::shared_ptr<Pending> image = wait_and_take(end, patience)) {
      image->queue_ms = seconds_since(image->submitted) * 1000;
      if (options.on_taken) options.on_taken(image->queue_ms / 1000);
      std::optional<AnalysisTask>& analysis = image->task.analysis;
      if (analysis) analysis->options.stop = image->stop.get_token();
      if (analysis && analysis->engine.get() == options.engine) {
        worker.in_work.push_back(image);
        return StreamImage{analysis->image, &analysis->options};
      }
      if (analysis) {
        analysis->done(analyze_alone(*analysis, worker.alone), image->queue_ms);
      } else {
        image->task.work({worker.alone, image->stop.get_token(), image->queue_ms});
      }
      end_work(image);
    }
    return std::nullopt;
  }

  static Record analyze_alone(const AnalysisTask& analysis, Workspace& workspace) {
    try {
      return analyze_to_record(*analysis.engine, analysis.image, analysis.options, workspace);
    } catch (const std::exception& error) {
      Record failed;
      failed.error = Error{ErrorCode::internal, error.what()};
      return failed;
    }
  }

  void give(Worker& worker, Record record) {
    const std::shared_ptr<Pending> image = std::move(worker.in_work.front());
    worker.in_work.pop_front();
    image->task.analysis->done(std::move(record), image->queue_ms);
    end_work(image);
  }

  // Null: there is none within this time, or the worker is to end.
  std::shared_ptr<Pending> wait_and_take(const std::stop_token& end,
                                         std::optional<std::chrono::milliseconds> patience) {
    std::shared_ptr<Pending> image;
    Calls calls;
    {
      std::unique_lock lock(mutex);
      const auto is_there = [&] { return !turns.empty(); };
      const bool found =
          patience ? changed.wait_for(lock, end, *patience, is_there) : changed.wait(lock, end, is_there);
      if (!found || end.stop_requested()) return nullptr;
      image = take();
      wake(calls);
    }
    make(calls);
    return image;
  }

  void end_work(const std::shared_ptr<Pending>& image) {
    Calls calls;
    {
      const std::lock_guard lock(mutex);
      finish(image, calls);
    }
    make(calls);
  }

  void finish(const std::shared_ptr<Pending>& image, Calls& calls) {
    std::erase(image->request->in_work, image);
    if (image->deadline != deadlines.end()) deadlines.erase(image->deadline);
    finished.push_back(Clock::now());
    if (finished.size() > kRateImages) finished.pop_front();
    // What an image holds may wake others when it is let go of.
    calls.push_back([task = std::move(image->task)] {});
  }

  void watch(const std::stop_token& end) {
    std::unique_lock lock(mutex);
    while (!end.stop_requested()) {
      const std::optional<Clock::time_point> next = next_time();
      if (next) {
        times_changed.wait_until(lock, end, *next, [&] { return next_time() != next; });
      } else {
        times_changed.wait(lock, end, [&] { return next_time().has_value(); });
      }
      Calls calls;
      end_late(Clock::now(), calls);
      lock.unlock();
      make(calls);
      lock.lock();
    }
  }

  // The client has hung up.
  void leave(const std::shared_ptr<Request>& request) {
    Calls calls;
    {
      const std::lock_guard lock(mutex);
      request->is_gone = true;
      for (const std::shared_ptr<Pending>& image : request->waiting) {
        deadlines.erase(image->deadline);
        image->is_waiting = false;
        calls.push_back([image] {});
      }
      waiting -= request->waiting.size();
      request->waiting.clear();
      std::erase(turns, request);
      for (const std::shared_ptr<Pending>& image : request->in_work) {
        calls.push_back([image] { image->stop.request_stop(); });
      }
      for (auto one = held.begin(); one != held.end();) {
        const auto next = std::next(one);
        if (one->request == request) {
          calls.push_back([call = std::move(one->call)] {});
          held.erase(one);
        }
        one = next;
      }
      wake(calls);
    }
    make(calls);
  }

  const SchedulerOptions options;
  mutable std::mutex mutex;  // guards all that follows, and requests and images
  std::condition_variable_any changed;
  std::condition_variable_any times_changed;
  std::list<std::shared_ptr<Request>> turns;  // those with images that wait, in the order of their turns
  std::size_t waiting = 0;                    // images
  std::deque<Waiter> waiters;
  std::list<Held> held;
  std::multimap<Clock::time_point, std::weak_ptr<Pending>> deadlines;
  std::deque<Clock::time_point> finished;
  bool is_closed = false;
  std::vector<std::jthread> threads;
};

Scheduler::Scheduler(SchedulerOptions options) : state_(std::make_shared<State>(std::move(options))) {
  for (int i = 0; i < std::max(1, state_->options.workers); ++i) {
    state_->threads.emplace_back([state = state_.get()](const std::stop_token& end) { state->serve(end); });
  }
  state_->threads.emplace_back([state = state_.get()](const std::stop_token& end) { state->watch(end); });
}

Scheduler::~Scheduler() {
  std::vector<std::shared_ptr<Pending>> images;
  std::deque<State::Waiter> waiters;
  std::list<State::Held> held;
  {
    const std::lock_guard lock(state_->mutex);
    state_->is_closed = true;
    for (const std::shared_ptr<Request>& request : state_->turns) {
      images.insert(images.end(), request->waiting.begin(), request->waiting.end());
      request->waiting.clear();
    }
    state_->turns.clear();
    state_->waiting = 0;
    for (const auto& [time, image] : state_->deadlines) {
      if (std::shared_ptr<Pending> alive = image.lock()) images.push_back(std::move(alive));
    }
    waiters.swap(state_->waiters);
    held.swap(state_->held);
  }
  for (const std::shared_ptr<Pending>& image : images) image->stop.request_stop();
  for (std::jthread& thread : state_->threads) thread.request_stop();
  state_->threads.clear();
}

std::shared_ptr<Scheduler::Request> Scheduler::open(std::stop_token gone) {
  auto request = std::make_shared<Request>();
  request->on_gone.emplace(std::move(gone), [state = std::weak_ptr(state_), weak = std::weak_ptr(request)] {
    const std::shared_ptr<State> alive = state.lock();
    const std::shared_ptr<Request> left = weak.lock();
    if (alive && left) alive->leave(left);
  });
  return request;
}

bool Scheduler::is_full() const {
  const std::lock_guard lock(state_->mutex);
  return state_->waiting >= state_->options.images_max;
}

bool Scheduler::submit(const std::shared_ptr<Request>& request, ImageTask task) {
  const std::lock_guard lock(state_->mutex);
  if (request->waiting.size() >= state_->options.ahead_max) return false;
  return state_->put(request, task, state_->options.images_max);
}

bool Scheduler::submit_held(const std::shared_ptr<Request>& request, ImageTask task) {
  const std::lock_guard lock(state_->mutex);
  return state_->put(request, task, state_->options.images_max + state_->options.held_max);
}

bool Scheduler::when_room(const std::shared_ptr<Request>& request, std::function<void()> call) {
  const std::lock_guard lock(state_->mutex);
  if (request->is_gone) return true;
  if (state_->has_room_for(*request)) return false;
  state_->waiters.push_back({request, std::move(call)});
  return true;
}

Scheduler::Hold Scheduler::hold(const std::shared_ptr<Request>& request, std::chrono::milliseconds at_most,
                                std::function<void(bool is_room)> call) {
  const std::lock_guard lock(state_->mutex);
  if (request->is_gone) return Hold::held;
  if (state_->waiting < state_->options.images_max) return Hold::not_needed;
  if (state_->held.size() >= state_->options.held_max) return Hold::refused;
  state_->held.push_back({request, Clock::now() + at_most, std::move(call)});
  state_->times_changed.notify_one();
  return Hold::held;
}

void Scheduler::drop_held() {
  Calls calls;
  {
    const std::lock_guard lock(state_->mutex);
    while (!state_->held.empty()) state_->call_held(state_->held.begin(), false, calls);
  }
  make(calls);
}

int Scheduler::retry_after_seconds() const {
  const std::lock_guard lock(state_->mutex);
  const auto first = std::lower_bound(state_->finished.begin(), state_->finished.end(), Clock::now() - kRateTime);
  const auto images = state_->finished.end() - first;
  if (images < 2) return 1;
  const double rate = static_cast<double>(images) / std::max(0.001, seconds_since(*first));
  const double seconds = std::ceil(static_cast<double>(state_->waiting) / rate);
  return std::clamp(static_cast<int>(seconds), 1, kRetryAfterMost);
}

std::size_t Scheduler::waiting() const {
  const std::lock_guard lock(state_->mutex);
  return state_->waiting;
}

std::size_t Scheduler::images_max() const { return state_->options.images_max; }

std::size_t Scheduler::held() const {
  const std::lock_guard lock(state_->mutex);
  return state_->held.size();
}

}  // namespace mien::service
