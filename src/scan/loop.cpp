#include "scan/loop.h"

#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <exception>
#include <thread>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/queue.h"
#include "base/sha256.h"

namespace mien {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kProgressInterval{200};
constexpr double kRateMemorySeconds = 5;  // over which the speed that is shown is averaged
constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

// What a worker made of an item.
struct Outcome {
  Record record;
  std::string line;  // of a record that is complete
  Sha256Digest digest{};
  // Somebody else analyses the same content: the job with this ticket, or KnownContents::kWritten. The record then
  // holds what is its own (source, size, time), and the rest is filled in when it is written.
  std::optional<std::uint64_t> owner;
};

using Queue = OrderedQueue<Item, Outcome>;

// ---- One item, on a worker's thread

class Worker {
 public:
  Worker(const LoopParts& parts, KnownContents& contents) : parts_(parts), contents_(contents) {}

  Outcome work_on(Item item, std::uint64_t ticket) {
    Outcome outcome;
    Record& record = outcome.record;
    record.source = std::move(item.path);
    record.like = parts_.person != nullptr;
    record.terms = parts_.terms;
    record.error = std::move(item.error);
    if (!record.error) analyze(outcome, ticket);
    if (!outcome.owner) outcome.line = record_to_json(record, parts_.embeddings);
    return outcome;
  }

 private:
  void analyze(Outcome& outcome, std::uint64_t ticket) {
    Record& record = outcome.record;
    const Clock::time_point begin = Clock::now();
    // Before reading: should the file change meanwhile, the record looks outdated and is done again.
    struct stat status {};
    if (::stat(record.source.c_str(), &status) == 0) {
      record.source_size = status.st_size;
      record.source_mtime_ns = std::int64_t{status.st_mtim.tv_sec} * kNanosecondsPerSecond + status.st_mtim.tv_nsec;
    }
    const Result<std::vector<std::uint8_t>> bytes = read_file(record.source, parts_.image_bytes_max);
    if (!bytes) {
      record.error = bytes.error();
      return;
    }
    outcome.digest = sha256(*bytes);
    record.sha256 = sha256_hex(outcome.digest);
    const double read_ms = seconds_since(begin) * 1000;
    outcome.owner = contents_.claim(outcome.digest, ticket);
    if (!outcome.owner) analyze_content(record, *bytes);
    record.analysis.timings_ms.read = read_ms;
    record.analysis.timings_ms.total += read_ms;
  }

  void analyze_content(Record& record, Bytes bytes) {
    Result<Analysis> analysis = parts_.analyze(bytes, workspace_);
    if (!analysis) {
      record.error = analysis.error();
      return;
    }
    record.analysis = std::move(*analysis);
    if (parts_.person) record.matches = match_faces(record.analysis.faces, *parts_.person);
    // From here on embeddings exist only where they were asked for: they are biometric data of strangers.
    if (parts_.embeddings == EmbeddingFormat::none) {
      for (Face& face : record.analysis.faces) face.embedding = {};
    }
    if (!parts_.crops) return;
    if (const Result<Done> written = parts_.crops->write(record, bytes); !written) {
      record.analysis.warnings.push_back("no crops were written: " + written.error().message);
    }
  }

  const LoopParts& parts_;
  KnownContents& contents_;
  Workspace workspace_;
};

void run_worker(const LoopParts& parts, Queue& queue) {
  try {
    Worker worker(parts, parts.contents);
    while (std::optional<Queue::Begun> begun = queue.begin()) {
      queue.complete(begun->ticket, worker.work_on(std::move(begun->job), begun->ticket));
    }
  } catch (...) {
    queue.fail(std::current_exception());
  }
}

// ---- Finding items, on a thread of its own

struct Listing {
  std::atomic<std::int64_t> found{0};
  std::atomic<bool> is_complete{false};  // reached the end of the sources
};

void run_listing(const LoopParts& parts, Queue& queue, Listing& listing, const std::stop_token& stop) {
  try {
    while (std::optional<Item> item = parts.sources.next(stop)) {
      if (!parts.paths.insert(item->path)) continue;
      ++listing.found;
      if (!queue.push(std::move(*item))) return;
    }
    if (!stop.stop_requested()) listing.is_complete = true;
    queue.finish();
  } catch (...) {
    queue.fail(std::current_exception());
  }
}

// ---- Writing outcomes in order, on the calling thread

// Images a second, the last seconds counting most.
class Rate {
 public:
  double update(std::int64_t done) {
    const double passed_s = seconds_since(time_);
    if (passed_s <= 0) return per_second_;
    const double now = static_cast<double>(done - done_) / passed_s;
    elapsed_s_ += passed_s;
    // At first the plain average: a memory of 5 s that began at zero would show too little.
    const double weight = std::max(1 - std::exp(-passed_s / kRateMemorySeconds), passed_s / elapsed_s_);
    per_second_ += (now - per_second_) * weight;
    done_ = done;
    time_ = Clock::now();
    return per_second_;
  }

 private:
  Clock::time_point time_ = Clock::now();
  std::int64_t done_ = 0;
  double elapsed_s_ = 0;
  double per_second_ = 0;
};

class Writer {
 public:
  Writer(const LoopParts& parts, const ScanCallbacks& callbacks, ScanSummary& summary)
      : parts_(parts), callbacks_(callbacks), summary_(summary), images_kept_(summary.images) {}

  void write(Outcome outcome, Queue& queue) {
    if (outcome.owner) {
      fill_duplicate(outcome, queue);
      outcome.line = record_to_json(outcome.record, parts_.embeddings);
      ++summary_.duplicates;
    } else {
      ++summary_.analyzed;
      placement_.add(outcome.record.analysis.placement);
    }
    const LinePlace place = parts_.records.append(outcome.line);
    if (!outcome.record.sha256.empty()) parts_.contents.set_place(outcome.digest, place);
    count(outcome.record);
    if (callbacks_.on_record) callbacks_.on_record(outcome.record, outcome.line);
  }

  void report_progress(const Listing& listing) {
    if (!callbacks_.on_progress || Clock::now() < progress_due_) return;
    progress_due_ = Clock::now() + kProgressInterval;
    report_progress_now(listing);
  }

  void report_progress_now(const Listing& listing) {
    if (!callbacks_.on_progress) return;
    ScanProgress progress;
    progress.listing_finished = listing.is_complete;
    progress.done = summary_.images;
    progress.found = images_kept_ + listing.found;
    progress.images_per_second = rate_.update(summary_.images - images_kept_);
    callbacks_.on_progress(progress);
  }

  void finish() {
    summary_.placement = placement_.placements();
    summary_.placement_counts = placement_.counts();
  }

 private:
  // Takes the rest of the record from the one that was made of the same content. That one may lie behind in order:
  // then it is in work or done, never waiting for anybody, and is waited for.
  void fill_duplicate(Outcome& outcome, Queue& queue) {
    Record original;
    if (const std::optional<LinePlace> place = parts_.contents.place(outcome.digest)) {
      Result<Record> record = record_from_json(parts_.records.read(*place));
      if (!record) {
        throw Exception(ErrorCode::io, "another program has changed " + parts_.records.shown_path() +
                                           " during the scan: " + record.error().message);
      }
      original = std::move(*record);
    } else {
      original = queue.wait_for(*outcome.owner).record;
    }
    const double read_ms = outcome.record.analysis.timings_ms.read;
    outcome.record.analysis = std::move(original.analysis);
    outcome.record.analysis.timings_ms = {};
    outcome.record.analysis.timings_ms.read = read_ms;
    outcome.record.analysis.timings_ms.total = read_ms;
    outcome.record.matches = std::move(original.matches);
    outcome.record.error = std::move(original.error);
  }

  void count(const Record& record) {
    ++summary_.images;
    summary_.faces += static_cast<std::int64_t>(record.analysis.faces.size());
    if (record.error) ++summary_.failed;
    if (!record.matches.empty()) ++summary_.matched_images;
  }

  const LoopParts& parts_;
  const ScanCallbacks& callbacks_;
  ScanSummary& summary_;
  const std::int64_t images_kept_;
  PlacementTally placement_;
  Rate rate_;
  Clock::time_point progress_due_ = Clock::now();
};

// Whatever way the loop ends, its threads end soon and can be joined.
struct EndThreads {
  Queue& queue;
  std::stop_source& listing_stop;
  void operator()() const {
    listing_stop.request_stop();
    queue.abandon();
  }
};

}  // namespace

void run_loop(const LoopParts& parts, const ScanCallbacks& callbacks, const std::stop_token& stop,
              ScanSummary& summary) {
  const std::size_t threads = static_cast<std::size_t>(std::clamp(parts.threads, 1, kThreadsMax));
  Queue queue(std::max(kImagesInFlightMin, threads * kImagesInFlightPerThread));
  Listing listing;
  std::stop_source listing_stop;
  Writer writer(parts, callbacks, summary);
  const EndThreads end_threads{queue, listing_stop};
  std::vector<std::jthread> running;
  struct EndAtExit {
    const EndThreads& end;
    ~EndAtExit() { end(); }
  } const end_at_exit{end_threads};  // runs before the threads are joined
  const std::stop_callback on_stop(stop, end_threads);

  running.emplace_back([&] { run_listing(parts, queue, listing, listing_stop.get_token()); });
  for (std::size_t i = 0; i < threads; ++i) running.emplace_back([&] { run_worker(parts, queue); });
  for (;;) {
    Outcome outcome;
    const Queue::Taken taken = queue.take(outcome, kProgressInterval);
    if (taken == Queue::Taken::end) break;
    if (taken == Queue::Taken::outcome) writer.write(std::move(outcome), queue);
    writer.report_progress(listing);
  }
  writer.report_progress_now(listing);
  writer.finish();
  if (stop.stop_requested() && (!listing.is_complete || queue.dropped() > 0)) summary.interrupted = true;
}

}  // namespace mien
