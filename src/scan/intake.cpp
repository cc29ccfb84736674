#include "scan/intake.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <stop_token>
#include <system_error>
#include <thread>
#include <utility>

#include "base/stopwatch.h"

namespace mien {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kReadersAtFirst = 2;
// Readers become half as many again when, over such a period, threads have waited for bytes for a tenth of it.
constexpr std::chrono::milliseconds kStarvationPeriod{50};
constexpr int kStarvationPart = 10;
constexpr std::chrono::milliseconds kStarvationCheck{10};
// A read from storage that answers ends in this time. Cancelling must not take longer than a tenth of a second.
constexpr std::chrono::milliseconds kPatience{50};

}  // namespace

// Everything that the threads touch; each of them is an owner.
class Intake::State {
 public:
  explicit State(IntakeParts parts) : parts_(std::move(parts)) {}

  // Both run on threads of their own; `self` keeps this object alive as long as they do.
  static void run_listing(const std::shared_ptr<State>& self) {
    try {
      self->list();
      self->parts_.queue->finish();
    } catch (...) {
      self->fail(std::current_exception());
    }
    self->end_thread();
  }
  static void run_reader(const std::shared_ptr<State>& self) {
    try {
      while (self->read_one()) {
      }
    } catch (...) {
      self->fail(std::current_exception());
    }
    const std::lock_guard lock(self->mutex_);
    --self->readers_;
    self->ready_changed_.notify_all();
    self->end_thread_locked();
  }

  static void start(const std::shared_ptr<State>& self) {
    const std::lock_guard lock(self->mutex_);
    self->listing_ = std::thread([self] { run_listing(self); });
    ++self->threads_;
    for (std::size_t i = 0; i < kReadersAtFirst; ++i) start_reader(self);
  }

  std::optional<ReadImage> next(const std::shared_ptr<State>& self) {
    std::unique_lock lock(mutex_);
    for (;;) {
      if (ready_.empty() && !is_over()) {
        const Clock::time_point begin = Clock::now();
        ready_changed_.wait_for(lock, kStarvationCheck, [this] { return !ready_.empty() || is_over(); });
        help_if_starving(self, Clock::now() - begin);
        if (ready_.empty() && !is_over()) continue;
      }
      return take_ready(lock);
    }
  }

  std::optional<ReadImage> next_within(const std::shared_ptr<State>& self, std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    if (patience.count() > 0 && ready_.empty() && !is_over()) {
      const Clock::time_point begin = Clock::now();
      ready_changed_.wait_for(lock, patience, [this] { return !ready_.empty() || is_over(); });
      help_if_starving(self, Clock::now() - begin);
    }
    return take_ready(lock);
  }

  void stop() {
    listing_stop_.request_stop();
    parts_.queue->abandon();
    const std::lock_guard lock(mutex_);
    is_stopped_ = true;
    ready_.clear();
    image_released_.notify_all();
    bytes_released_.notify_all();
    ready_changed_.notify_all();
  }

  // Joins the threads that end soon, and lets go of the others.
  void wait_a_moment() {
    std::unique_lock lock(mutex_);
    const bool is_quiet = thread_ended_.wait_for(lock, kPatience, [this] { return threads_ == 0; });
    std::vector<std::thread> threads = std::exchange(reading_, {});
    threads.push_back(std::move(listing_));
    lock.unlock();
    for (std::thread& thread : threads) {
      if (!thread.joinable()) continue;
      if (is_quiet) {
        thread.join();
      } else {
        thread.detach();
      }
    }
  }

  std::int64_t found() const { return found_; }
  bool has_found_all() const { return has_found_all_; }
  std::size_t readers_started() const {
    const std::lock_guard lock(mutex_);
    return reading_.size();
  }

 private:
  std::optional<ReadImage> take_ready(std::unique_lock<std::mutex>& lock) {
    if (ready_.empty() || is_stopped_) return std::nullopt;
    ReadImage image = std::move(ready_.extract(ready_.begin()).mapped());
    release(image.bytes.capacity());
    image_released_.notify_one();
    lock.unlock();
    if (!parts_.queue->engage(image.ticket)) return std::nullopt;
    return image;
  }
  // With the mutex held.
  static void start_reader(const std::shared_ptr<State>& self) {
    self->reading_.emplace_back([self] { run_reader(self); });
    ++self->readers_;
    ++self->threads_;
  }
  // With the mutex held, after a thread waited so long for an image.
  static void help_if_starving(const std::shared_ptr<State>& self, Clock::duration waited) {
    // Whoever waits for a name, and not for bytes, is not helped by another reader.
    if (self->readers_idle_ == 0) self->starved_ += waited;
    const Clock::duration period = Clock::now() - self->period_begin_;
    if (period < kStarvationPeriod) return;
    const bool is_starving = self->starved_ * kStarvationPart > period && !self->is_drained_;
    self->period_begin_ = Clock::now();
    self->starved_ = {};
    if (!is_starving) return;
    try {
      const std::size_t wanted = std::min(self->parts_.readers_max, self->readers_ + self->readers_ / 2 + 1);
      while (self->readers_ < wanted) start_reader(self);
    } catch (const std::system_error&) {  // too many threads in this system: those that there are go on
    }
  }
  bool is_over() const { return is_stopped_ || readers_ == 0; }
  void end_thread_locked() {
    --threads_;
    thread_ended_.notify_all();
  }
  void end_thread() {
    const std::lock_guard lock(mutex_);
    end_thread_locked();
  }
  void release(std::size_t bytes) {
    bytes_ahead_ -= bytes;
    bytes_released_.notify_all();
  }
  void fail(std::exception_ptr failure) {
    parts_.queue->fail(std::move(failure));
    stop();
  }

  void list() {
    const std::stop_token stop = listing_stop_.get_token();
    while (std::optional<Item> item = parts_.sources->next(stop)) {
      if (!parts_.paths->insert(item->identity.empty() ? item->name : item->identity)) continue;
      ++found_;
      if (!parts_.queue->push(std::move(*item))) return;
    }
    if (!stop.stop_requested()) has_found_all_ = true;
  }

  // False: there is nothing more to read.
  bool read_one() {
    {
      std::unique_lock lock(mutex_);
      ++readers_idle_;
      image_released_.wait(lock, [this] { return is_stopped_ || ready_.size() < kReadAheadImages; });
    }
    std::optional<ImageQueue::Fetched> job = parts_.queue->fetch();
    {
      const std::lock_guard lock(mutex_);
      --readers_idle_;
      if (!job) is_drained_ = true;
    }
    if (!job) return false;
    ReadImage image;
    image.ticket = job->ticket;
    Item item = std::move(job->job);
    image.error = std::move(item.error);
    if (!image.error && !read(item, image)) return false;
    image.name = std::move(item.name);
    const std::lock_guard lock(mutex_);
    if (is_stopped_) return false;
    ready_.emplace(image.ticket, std::move(image));
    ready_changed_.notify_one();
    return true;
  }

  // False: stopped while waiting for room.
  bool read(const Item& item, ReadImage& image) {
    const Clock::time_point begin = Clock::now();
    // Before reading: should the item change meanwhile, the record looks outdated and is done again.
    image.state = item.state();
    const std::int64_t size = image.state.size_bytes;
    const double state_ms = ms_since(begin);
    // A file that is too large is refused unread, and needs no room.
    const bool is_readable = size > 0 && static_cast<std::uint64_t>(size) <= parts_.image_bytes_max;
    const std::size_t reserved = is_readable ? static_cast<std::size_t>(size) : 0;
    if (!reserve(reserved)) return false;
    const Clock::time_point begin_read = Clock::now();
    Result<std::vector<std::uint8_t>> bytes = item.read(parts_.image_bytes_max);
    image.read_ms = state_ms + ms_since(begin_read);
    if (bytes) {
      image.bytes = std::move(*bytes);
      if (image.state.size_bytes < 0) image.state.size_bytes = static_cast<std::int64_t>(image.bytes.size());
    } else {
      image.error = bytes.error();
    }
    // The real size takes the place of the one that was reserved.
    const std::lock_guard lock(mutex_);
    bytes_ahead_ += image.bytes.capacity();
    release(reserved);
    return true;
  }

  bool reserve(std::size_t bytes) {
    std::unique_lock lock(mutex_);
    ++readers_idle_;
    bytes_released_.wait(
        lock, [&] { return is_stopped_ || bytes_ahead_ == 0 || bytes_ahead_ + bytes <= parts_.read_ahead_bytes_max; });
    --readers_idle_;
    bytes_ahead_ += bytes;
    return !is_stopped_;
  }

  const IntakeParts parts_;
  std::stop_source listing_stop_;
  std::atomic<std::int64_t> found_{0};
  std::atomic<bool> has_found_all_{false};

  mutable std::mutex mutex_;  // guards everything below
  std::condition_variable ready_changed_;
  std::condition_variable image_released_;
  std::condition_variable bytes_released_;
  std::condition_variable thread_ended_;
  std::map<std::uint64_t, ReadImage> ready_;  // by ticket
  std::size_t bytes_ahead_ = 0;               // of ready_, and of those being read
  std::size_t readers_ = 0;                   // running
  std::size_t readers_idle_ = 0;              // of them: waiting for a job or for room
  std::size_t threads_ = 0;                   // running, the listing included
  Clock::duration starved_{};                 // in this period
  Clock::time_point period_begin_ = Clock::now();
  bool is_drained_ = false;  // the queue will have no further job
  bool is_stopped_ = false;
  std::thread listing_;
  std::vector<std::thread> reading_;
};

Intake::Intake(IntakeParts parts) : state_(std::make_shared<State>(std::move(parts))) {
  try {
    State::start(state_);
  } catch (...) {
    state_->stop();
    state_->wait_a_moment();
    throw;
  }
}

Intake::~Intake() {
  state_->stop();
  state_->wait_a_moment();
}

std::optional<ReadImage> Intake::next() { return state_->next(state_); }
std::optional<ReadImage> Intake::next_within(std::chrono::milliseconds patience) {
  return state_->next_within(state_, patience);
}
void Intake::stop() { state_->stop(); }
std::int64_t Intake::found() const { return state_->found(); }
bool Intake::has_found_all() const { return state_->has_found_all(); }
std::size_t Intake::readers_started() const { return state_->readers_started(); }

}  // namespace mien
