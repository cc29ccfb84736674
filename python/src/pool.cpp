#include "pool.h"

#include <nanobind/stl/shared_ptr.h>

#include <algorithm>
#include <optional>

#include "images.h"

namespace mien::python {
namespace {

// Images that a CPU takes together at most: their faces fill an embedding batch, and the first need not wait long.
constexpr std::size_t kBatchMaxOnCpu = 4;

// Answers a job and lets its objects go. Without the interpreter lock.
void answer(Job& job, Result<Analysis> result) {
  const nb::gil_scoped_acquire locked;
  drain_log();
  try {
    nb::object analysis = nb::none();
    nb::object exception = nb::none();
    if (result) {
      analysis = nb::cast(std::move(*result));
    } else {
      exception = make_exception(result.error());
    }
    job.done(analysis, exception);
  } catch (nb::python_error& error) {
    error.discard_as_unraisable("an answer of mien");
  }
  job.done.reset();
  job.image.reset();
}

bool join(Job& job, const std::shared_ptr<JobBatch>& batch) {
  const std::scoped_lock lock(job.mutex);
  if (job.is_cancelled) return false;
  job.batch = batch;
  ++batch->wanted;
  return true;
}

Error stopped() { return {ErrorCode::cancelled, "the program ends: the image was not looked at"}; }

}  // namespace

void Job::cancel() {
  const std::scoped_lock lock(mutex);
  if (is_cancelled) return;
  is_cancelled = true;
  if (batch && --batch->wanted == 0) batch->stop.request_stop();
}

PoolWork::PoolWork(std::shared_ptr<OpenEngine> engine, std::size_t thread_count, std::size_t waiting_max)
    : engine_(std::move(engine)), thread_count_(thread_count), waiting_max_(waiting_max) {}

bool PoolWork::submit(const std::shared_ptr<Job>& job) {
  {
    const std::scoped_lock lock(mutex_);
    if (is_stopped_) throw Exception(stopped());
    if (queue_.size() >= waiting_max_) return false;
    queue_.push_back(job);
  }
  ready_.notify_one();
  return true;
}

std::size_t PoolWork::waiting() const {
  const std::scoped_lock lock(mutex_);
  return queue_.size();
}

void PoolWork::stop() {
  std::deque<std::shared_ptr<Job>> left;
  {
    const std::scoped_lock lock(mutex_);
    is_stopped_ = true;
    left.swap(queue_);
    for (const std::shared_ptr<JobBatch>& batch : active_) batch->stop.request_stop();
  }
  for (const std::shared_ptr<Job>& job : left) answer(*job, stopped());
}

// Shares what waits among the threads, so that none waits while another has a full batch.
std::vector<std::shared_ptr<Job>> PoolWork::take_batch(const std::stop_token& stop) {
  std::vector<std::shared_ptr<Job>> jobs;
  std::unique_lock lock(mutex_);
  if (!ready_.wait(lock, stop, [&] { return !queue_.empty(); })) return jobs;
  const std::size_t on_device = static_cast<std::size_t>(engine_->engine.batch_max());
  const std::size_t share = on_device > 1 ? queue_.size() : (queue_.size() + thread_count_ - 1) / thread_count_;
  std::size_t most = std::min(share, on_device > 1 ? on_device : kBatchMaxOnCpu);
  while (!queue_.empty() && jobs.size() < most) {
    most = std::min(most, queue_.front()->batch_max);
    jobs.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return jobs;
}

void PoolWork::run(const std::vector<std::shared_ptr<Job>>& jobs) {
  const std::shared_ptr<JobBatch> batch = std::make_shared<JobBatch>();
  std::vector<std::shared_ptr<Job>> wanted;
  std::vector<std::shared_ptr<Job>> cancelled;
  batch->wanted = 1;  // ours, until all have joined: else the first could end the batch of the others
  for (const std::shared_ptr<Job>& job : jobs) (join(*job, batch) ? wanted : cancelled).push_back(job);
  if (--batch->wanted == 0) batch->stop.request_stop();
  for (const std::shared_ptr<Job>& job : cancelled) {
    answer(*job, Error{ErrorCode::cancelled, "cancelled before it began"});
  }
  if (wanted.empty()) return;
  {
    const std::scoped_lock lock(mutex_);
    active_.push_back(batch);
    if (is_stopped_) batch->stop.request_stop();
  }
  std::vector<Bytes> images;
  for (const std::shared_ptr<Job>& job : wanted) images.push_back(job->encoded);
  AnalyzeOptions options = wanted.front()->options;
  options.stop = batch->stop.get_token();
  Workspace workspace = engine_->workspaces.take();
  std::vector<Result<Analysis>> results;
  try {
    results = engine_->engine.analyze_batch(images, options, workspace);
  } catch (const std::exception& error) {
    results.assign(wanted.size(), Error{ErrorCode::internal, error.what()});
  }
  engine_->workspaces.put_back(std::move(workspace));
  for (std::size_t i = 0; i < wanted.size(); ++i) answer(*wanted[i], std::move(results[i]));
  const std::scoped_lock lock(mutex_);
  std::erase(active_, batch);
}

void PoolWork::work(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const std::vector<std::shared_ptr<Job>> jobs = take_batch(stop);
    if (!jobs.empty()) run(jobs);
  }
}

Pool::Pool(std::shared_ptr<OpenEngine> engine, int threads, std::size_t waiting_max)
    : work_(std::make_shared<PoolWork>(std::move(engine), static_cast<std::size_t>(threads), waiting_max)) {
  for (int i = 0; i < threads; ++i) {
    threads_.emplace_back([work = work_](const std::stop_token& stop) { work->work(stop); });
  }
}

Pool::~Pool() {
  // Python destroys it with its lock held, which the threads need to end.
  const nb::gil_scoped_release unlocked;
  stop();
}

void Pool::stop() {
  std::vector<std::jthread> threads;
  {
    const std::scoped_lock lock(mutex_);
    threads.swap(threads_);
  }
  for (std::jthread& thread : threads) thread.request_stop();
  work_->stop();
  for (std::jthread& thread : threads) {
    if (thread.get_id() != std::this_thread::get_id()) continue;
    static thread_local std::optional<NotTheEnd> until_it_ends;
    until_it_ends.emplace();
    thread.detach();
  }
  threads.clear();  // joins
}

void Pool::forget(std::shared_ptr<Pool> pool) { new std::shared_ptr<Pool>(std::move(pool)); }

namespace {

// The job, or None when too much waits already.
std::shared_ptr<Job> submit(Pool& self, nb::object image, const AnalyzeOptions& options, std::size_t batch_max,
                            nb::object done) {
  ImageInput input = open_encoded(image, "an awaited call");
  std::shared_ptr<Job> job(new Job, [](Job* ended) {
    const nb::gil_scoped_acquire locked;  // its objects are Python's
    delete ended;
  });
  // Python bytes are the only input that nobody can change while the call waits; other inputs are copied.
  job->image = PyBytes_Check(input.owner.ptr()) ? input.owner
                                                : nb::object(nb::bytes(input.encoded.data(), input.encoded.size()));
  const nb::bytes kept = nb::borrow<nb::bytes>(job->image);
  job->encoded = {static_cast<const std::uint8_t*>(kept.data()), kept.size()};
  job->done = std::move(done);
  job->options = options;
  job->batch_max = std::max<std::size_t>(batch_max, 1);
  return self.submit(job) ? job : nullptr;
}

}  // namespace

void bind_pool(nb::module_& module) {
  nb::class_<Job>(module, "Job", "An image that was handed in.").def("cancel", &Job::cancel);
  nb::class_<Pool>(module, "Pool", "Threads that analyse what asynchronous callers hand in.")
      .def(
          "__init__",
          [](Pool* self, const std::shared_ptr<PythonEngine>& engine, int threads, std::size_t waiting_max) {
            const int cores = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
            new (self) Pool(engine->get(), threads > 0 ? threads : cores, waiting_max);
          },
          nb::arg("engine"), nb::arg("threads"), nb::arg("waiting_max"))
      .def("submit", submit, nb::arg("image").none(), nb::arg("options"), nb::arg("batch_max"), nb::arg("done"),
           nb::sig("def submit(self, image: object, options: AnalyzeOptions, batch_max: int, "
                   "done: collections.abc.Callable[[Analysis | None, Exception | None], None]) -> Job | None"),
           "The job; None when too many wait already.")
      .def_prop_ro("waiting", &Pool::waiting)
      .def("stop", &Pool::stop, nb::call_guard<nb::gil_scoped_release>(), "Ends the threads and what they do.")
      .def(
          "forget", [](std::shared_ptr<Pool> self) { Pool::forget(std::move(self)); },
          "In the child of a fork, where its threads are not.");
}

}  // namespace mien::python
