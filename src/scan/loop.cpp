#include "scan/loop.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <deque>
#include <exception>
#include <thread>
#include <utility>
#include <vector>

#include "mien/file.h"
#include "ops/compare.h"
#include "scan/one_image.h"
#include "scan/outcome.h"

namespace mien {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kProgressInterval{200};
constexpr double kRateMemorySeconds = 5;  // over which the speed that is shown is averaged

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

// ---- Images, on a worker's thread

class Worker {
 public:
  Worker(const LoopParts& parts, Intake& intake, ImageQueue& queue, const std::stop_token& stop)
      : parts_(parts), intake_(intake), queue_(queue), stop_(stop) {}

  // Works until there are no images any more.
  void run() {
    ImageStream stream;
    stream.next = [&](std::optional<std::chrono::milliseconds> patience) { return next(patience); };
    stream.on_result = [&](std::size_t, Result<Analysis> analysis) { finish_first(std::move(analysis)); };
    if (parts_.crops) {
      stream.on_faces = [&](std::size_t image, ImageView upright, std::span<const Face> faces) {
        in_work_[image - finished_].crops = cut_crops(upright, faces);
      };
    }
    stream.held_max = parts_.held_max;
    parts_.analyze(stream, workspace_);
  }

 private:
  // An image between its bytes and its record.
  struct InWork {
    std::uint64_t ticket = 0;
    double read_ms = 0;
    std::vector<std::uint8_t> bytes;
    Outcome outcome;
    Crops crops;
  };

  // The next image whose content has to be analysed. What has none, or one that somebody else analyses, is done here.
  std::optional<Bytes> next(std::optional<std::chrono::milliseconds> patience) {
    if (!in_work_.empty()) in_work_.back().bytes = {};  // it is decoded
    while (std::optional<ReadImage> image = patience ? intake_.next_within(*patience) : intake_.next()) {
      InWork one{.ticket = image->ticket,
                 .read_ms = image->error ? 0 : image->read_ms,
                 .bytes = {},
                 .outcome = {},
                 .crops = {}};
      if (!begin(*image, one)) {
        complete(one);
        continue;
      }
      one.bytes = std::move(image->bytes);
      in_work_.push_back(std::move(one));
      return in_work_.back().bytes;
    }
    return std::nullopt;
  }

  // Whether there is a content to analyse, that nobody else analyses.
  bool begin(ReadImage& image, InWork& one) {
    Outcome& outcome = one.outcome;
    Record& record = outcome.record;
    record.source = std::move(image.name);
    if (!record.source.starts_with('/') && !is_standard_input(record.source)) {
      record.source_folder = parts_.working_folder;
    }
    record.source_size = image.state.size_bytes;
    record.source_mtime_ns = image.state.mtime_ns;
    record.like = parts_.person != nullptr;
    record.compare_anyway = record.like && parts_.person->compare_anyway;
    record.terms = parts_.terms;
    record.error = image.error;
    if (record.error) return false;
    const Clock::time_point begin = Clock::now();
    outcome.digest = add_content(image.bytes, record);
    one.read_ms += seconds_since(begin) * 1000;
    outcome.owner = parts_.contents.claim(outcome.digest, image.ticket);
    return !outcome.owner;
  }

  void finish_first(Result<Analysis> analysis) {
    InWork one = std::move(in_work_.front());
    in_work_.pop_front();
    ++finished_;
    Record& record = one.outcome.record;
    add_result(std::move(analysis), record);
    if (record.error) {
      one.outcome.is_cancelled = record.error->code == ErrorCode::cancelled && stop_.stop_requested();
      return complete(one);
    }
    if (parts_.person) match_faces(*parts_.person, record);
    // From here on embeddings exist only where they were asked for: they are biometric data of strangers.
    if (!parts_.sink.wants_embeddings()) {
      for (Face& face : record.analysis.faces) face.embedding = {};
    }
    if (parts_.crops) parts_.crops->write(record, one.crops);
    complete(one);
  }

  void complete(InWork& one) {
    Outcome& outcome = one.outcome;
    add_read_time(one.read_ms, outcome.record);
    if (!outcome.owner && !outcome.is_cancelled) outcome.line = parts_.sink.line_of(outcome.record);
    queue_.complete(one.ticket, std::move(outcome));
  }

  const LoopParts& parts_;
  Intake& intake_;
  ImageQueue& queue_;
  const std::stop_token& stop_;
  Workspace workspace_;
  std::deque<InWork> in_work_;
  std::size_t finished_ = 0;
};

void run_worker(const LoopParts& parts, Intake& intake, ImageQueue& queue, const std::stop_token& stop) {
  try {
    Worker(parts, intake, queue, stop).run();
  } catch (...) {
    queue.fail(std::current_exception());
    intake.stop();
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

  // False: the scan was stopped before this record could be complete.
  bool write(Outcome outcome, ImageQueue& queue) {
    if (outcome.is_cancelled) return false;
    if (outcome.owner) {
      if (!fill_duplicate(outcome, queue)) return false;
      outcome.line = parts_.sink.line_of(outcome.record);
      ++summary_.duplicates;
    } else {
      ++summary_.analyzed;
      placement_.add(outcome.record.analysis.placement);
    }
    const std::int64_t place = parts_.sink.append(outcome.record, outcome.line);
    if (!outcome.record.sha256.empty()) parts_.contents.set_place(outcome.digest, place);
    count(outcome.record);
    if (callbacks_.on_record) callbacks_.on_record(outcome.record, outcome.line);
    return true;
  }

  void report_progress(const Intake& intake) {
    if (!callbacks_.on_progress || Clock::now() < progress_due_) return;
    progress_due_ = Clock::now() + kProgressInterval;
    report_progress_now(intake);
  }

  void report_progress_now(const Intake& intake) {
    if (!callbacks_.on_progress) return;
    ScanProgress progress;
    progress.listing_finished = intake.has_found_all();
    progress.done = summary_.images;
    progress.found = images_kept_ + intake.found();
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
  bool fill_duplicate(Outcome& outcome, ImageQueue& queue) {
    Record original;
    if (const std::optional<std::int64_t> place = parts_.contents.place(outcome.digest)) {
      original = parts_.sink.read(*place, outcome.record.sha256);
    } else {
      std::optional<Outcome> owner = queue.wait_for(*outcome.owner);
      if (!owner || owner->is_cancelled) return false;
      original = std::move(owner->record);
    }
    const double read_ms = outcome.record.analysis.timings_ms.read;
    outcome.record.analysis = std::move(original.analysis);
    outcome.record.analysis.timings_ms = {};
    outcome.record.analysis.timings_ms.read = read_ms;
    outcome.record.analysis.timings_ms.total = read_ms;
    outcome.record.matches = std::move(original.matches);
    outcome.record.best_similarity = original.best_similarity;
    outcome.record.error = std::move(original.error);
    return true;
  }

  void count(const Record& record) {
    ++summary_.images;
    summary_.faces += static_cast<std::int64_t>(record.analysis.faces.size());
    summary_.poor_faces += std::ranges::count_if(record.analysis.faces, is_poor);
    if (record.error) ++summary_.failed;
    if (record.error && record.error->code == ErrorCode::unavailable) ++summary_.unavailable;
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

IntakeParts intake_parts(const LoopParts& parts, std::size_t threads, std::shared_ptr<ImageQueue> queue) {
  IntakeParts intake;
  intake.sources = parts.sources;
  intake.paths = parts.paths;
  intake.image_bytes_max = parts.image_bytes_max;
  intake.read_ahead_bytes_max = std::max(kReadAheadBytesMin, threads * kReadAheadBytesPerThread);
  intake.readers_max = std::clamp(threads * kReadersPerThread, kReadersMaxLeast, kReadersMaxMost);
  intake.queue = std::move(queue);
  return intake;
}

void run_to_end(const LoopParts& parts, const ScanCallbacks& callbacks, const std::stop_token& stop,
                ScanSummary& summary) {
  const std::size_t threads = static_cast<std::size_t>(std::clamp(parts.threads, 1, kThreadsMax));
  const auto queue = std::make_shared<ImageQueue>(std::max(kImagesInFlightMin, threads * kImagesInFlightPerThread));
  Writer writer(parts, callbacks, summary);
  Intake intake(intake_parts(parts, threads, queue));
  std::vector<std::jthread> workers;
  struct StopAtExit {
    Intake& intake;
    ~StopAtExit() { intake.stop(); }
  } const stop_at_exit{intake};  // runs before the workers are joined
  const std::stop_callback on_stop(stop, [&] { intake.stop(); });

  for (std::size_t i = 0; i < threads; ++i) workers.emplace_back([&] { run_worker(parts, intake, *queue, stop); });
  bool is_cut_short = false;
  while (!is_cut_short) {
    Outcome outcome;
    const ImageQueue::Taken taken = queue->take(outcome, kProgressInterval);
    if (taken == ImageQueue::Taken::end) break;
    if (taken == ImageQueue::Taken::outcome) is_cut_short = !writer.write(std::move(outcome), *queue);
    parts.sink.pass_time();
    writer.report_progress(intake);
  }
  summary.interrupted = stop.stop_requested() && (is_cut_short || !intake.has_found_all() || queue->dropped() > 0);
  if (summary.interrupted) {
    parts.sink.break_off();
  } else {
    parts.sink.finish();
  }
  writer.report_progress_now(intake);
  writer.finish();
}

}  // namespace

void run_loop(const LoopParts& parts, const ScanCallbacks& callbacks, const std::stop_token& stop,
              ScanSummary& summary) {
  try {
    run_to_end(parts, callbacks, stop, summary);
  } catch (...) {
    try {
      parts.sink.break_off();
    } catch (const Exception&) {  // what came first is told
    }
    throw;
  }
}

}  // namespace mien
