// A scan as an iterator: the library works on a thread of its own and waits when nobody takes its records.
#include "scan.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

#include "engine.h"

namespace mien::python {
namespace {

constexpr std::size_t kRecordsWaitingMax = 64;
constexpr std::chrono::milliseconds kMoment{50};  // between two looks for Ctrl-C

class ScanThread {
 public:
  ScanThread(std::shared_ptr<OpenEngine> engine, ScanOptions options)
      : engine_(std::move(engine)),
        thread_([this, options = std::move(options)](const std::stop_token& stop) { run(options, stop); }) {}
  // Python destroys it with its lock held, which nothing here needs.
  ~ScanThread() { close(); }
  ScanThread(const ScanThread&) = delete;
  ScanThread& operator=(const ScanThread&) = delete;

  // False when nothing came within a moment. The record is empty at the end. Throws what ended the scan.
  bool next(std::optional<Record>& record) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, kMoment, [&] { return !records_.empty() || is_over_; })) return false;
    if (records_.empty()) {
      if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
      return true;
    }
    record = std::move(records_.front());
    records_.pop_front();
    changed_.notify_all();
    return true;
  }

  void close() {
    thread_.request_stop();
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

  ScanProgress progress() const {
    const std::scoped_lock lock(mutex_);
    return progress_;
  }
  std::optional<ScanSummary> summary() const {
    const std::scoped_lock lock(mutex_);
    return summary_;
  }

 private:
  void put(const Record& record, const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, stop, [&] { return records_.size() < kRecordsWaitingMax; });
    records_.push_back(record);
    changed_.notify_all();
  }

  void run(const ScanOptions& options, const std::stop_token& stop) {
    ScanCallbacks callbacks;
    callbacks.on_record = [&](const Record& record, const std::string&) { put(record, stop); };
    callbacks.on_progress = [&](const ScanProgress& progress) {
      const std::scoped_lock lock(mutex_);
      progress_ = progress;
    };
    std::optional<ScanSummary> summary;
    std::exception_ptr failure;
    try {
      summary = scan(engine_->engine, options, callbacks, stop);
    } catch (...) {
      failure = std::current_exception();
    }
    const std::scoped_lock lock(mutex_);
    summary_ = std::move(summary);
    failure_ = failure;
    is_over_ = true;
    changed_.notify_all();
  }

  std::shared_ptr<OpenEngine> engine_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Record> records_;          // guarded by mutex_
  ScanProgress progress_;               // guarded by mutex_
  std::optional<ScanSummary> summary_;  // guarded by mutex_
  std::exception_ptr failure_;          // guarded by mutex_
  bool is_over_ = false;                // guarded by mutex_
  std::jthread thread_;                 // last: it starts when all else is there
};

// As Python has it. The child of a fork has no such thread.
using ScanRun = OwnedByProcess<ScanThread>;

// Knows what it was made from, for Analysis.draw().
nb::object analysis_of(nb::pointer_and_handle<Record> record) {
  if (record.p->error) return nb::none();
  nb::object analysis = nb::cast(&record.p->analysis, nb::rv_policy::reference_internal, record.h);
  analysis.attr("_source") = to_path(record.p->source);
  return analysis;
}

void bind_records(nb::module_& module) {
  nb::class_<Match>(module, "Match", "A face that resembles the one looked for.")
      .def_ro("face", &Match::face)
      .def_ro("similarity", &Match::similarity)
      .def("__repr__", [](const Match& self) {
        return "Match(face=" + std::to_string(self.face) + ", similarity=" + std::to_string(self.similarity) + ")";
      });
  nb::class_<Record>(module, "Record", "One image of a scan: what was found, or why nothing could be.")
      .def_prop_ro(
          "source", [](const Record& self) { return to_path(self.source); }, nb::sig("def source(self) -> str"))
      .def_ro("source_size", &Record::source_size)
      .def_ro("sha256", &Record::sha256)
      .def_prop_ro("analysis", analysis_of, nb::sig("def analysis(self) -> Analysis | None"),
                   "None when there is an error.")
      .def_ro("matches", &Record::matches)
      .def_ro("compare_anyway", &Record::compare_anyway, "Whether poor faces matched by the threshold alone.")
      .def_prop_ro(
          "error", [](const Record& self) { return self.error ? make_exception(*self.error) : nb::none(); },
          nb::sig("def error(self) -> Exception | None"))
      .def(
          "to_json", [](const Record& self) { return record_to_json(self, EmbeddingFormat::none); },
          "As a line of mien scan, without embeddings.")
      .def("__repr__", [](const Record& self) {
        const std::string what = self.error ? std::string(error_code_name(self.error->code))
                                            : std::to_string(self.analysis.faces.size()) + " faces";
        return nb::str("Record({!r}, {})").format(to_path(self.source), what);
      });
}

// Storage may hang for as long as it likes; Ctrl-C is seen all the same.
nb::object next_record(ScanRun& self) {
  const std::shared_ptr<ScanThread> scan = self.get();
  std::optional<Record> record;
  while (!without_lock([&] { return scan->next(record); })) {
    if (PyErr_CheckSignals() != 0) throw nb::python_error();
  }
  if (!record) throw nb::stop_iteration();
  return nb::cast(std::move(*record));
}

void close_scan(ScanRun& self) {
  if (!self.is_own()) return;
  const std::shared_ptr<ScanThread> scan = self.get();
  without_lock([&] { scan->close(); });
}

nb::dict left_out_of(const ScanSummary& summary) {
  nb::dict result;
  for (const LeftOut& one : summary.left_out) result[one.kind.c_str()] = one.count;
  return result;
}

void start_scan(ScanRun* self, const std::shared_ptr<PythonEngine>& engine, const std::vector<nb::str>& sources,
                const AnalyzeOptions& analyze, const nb::str& like, std::optional<float> threshold, bool compare_anyway,
                const nb::str& out, bool force, int threads, const std::vector<nb::str>& excludes, bool embeddings,
                bool resume, const std::string& prune, bool no_skip) {
  ScanOptions options;
  for (const nb::str& source : sources) options.sources.push_back(from_path(source));
  options.analyze = analyze;
  options.like_path = from_path(like);
  options.threshold = threshold;
  options.compare_anyway = compare_anyway;
  options.out_path = from_path(out);
  options.force = force;
  options.resume = resume;
  options.prune = prune_from_name(prune);
  options.no_skip = no_skip;
  options.threads = threads;
  for (const nb::str& exclude : excludes) options.excludes.push_back(from_path(exclude));
  options.embeddings = embeddings ? EmbeddingFormat::base64 : EmbeddingFormat::none;
  new (self) ScanRun(std::make_shared<ScanThread>(engine->get(), std::move(options)));
}

}  // namespace

Prune prune_from_name(const std::string& name) {
  if (name == "none") return Prune::none;
  if (name == "gone") return Prune::gone;
  if (name == "all") return Prune::all;
  throw Exception(ErrorCode::invalid_argument, "prune='" + name + "' is not valid: use True, False or 'all'");
}

void bind_scan(nb::module_& module) {
  bind_records(module);
  nb::class_<ScanProgress>(module, "ScanProgress")
      .def_ro("done", &ScanProgress::done)
      .def_ro("found", &ScanProgress::found)
      .def_ro("listing_finished", &ScanProgress::listing_finished)
      .def_ro("images_per_second", &ScanProgress::images_per_second);
  nb::class_<ScanSummary>(module, "ScanSummary", "What a whole scan found.")
      .def_ro("images", &ScanSummary::images)
      .def_ro("analyzed", &ScanSummary::analyzed)
      .def_ro("resumed", &ScanSummary::resumed)
      .def_ro("gone", &ScanSummary::gone)
      .def_ro("changed", &ScanSummary::changed)
      .def_ro("pruned", &ScanSummary::pruned)
      .def_prop_ro("left_out", left_out_of, nb::sig("def left_out(self) -> dict[str, int]"),
                   "What the folders hold and was not read, by its kind.")
      .def_ro("duplicates", &ScanSummary::duplicates)
      .def_ro("failed", &ScanSummary::failed)
      .def_ro("faces", &ScanSummary::faces)
      .def_ro("matched_images", &ScanSummary::matched_images)
      .def_ro("seconds", &ScanSummary::seconds)
      .def_ro("threshold", &ScanSummary::threshold)
      .def_ro("poor_faces", &ScanSummary::poor_faces, "Too poor to be told from other poor faces.")
      .def_ro("expected_false_matches", &ScanSummary::expected_false_matches)
      .def_ro("interrupted", &ScanSummary::interrupted, "It was stopped before its end.")
      .def_ro("placement", &ScanSummary::placement)
      .def_prop_ro(
          "notes", [](const ScanSummary& self) { return to_texts(self.notes); },
          nb::sig("def notes(self) -> list[str]"))
      .def("to_json", summary_to_json, "As `mien scan --summary` writes it.")
      .def("__repr__", [](const ScanSummary& self) {
        return "ScanSummary(images=" + std::to_string(self.images) + ", faces=" + std::to_string(self.faces) +
               ", failed=" + std::to_string(self.failed) + ")";
      });
  nb::class_<ScanRun>(module, "ScanRun", "A scan that runs.")
      .def("__init__", start_scan, nb::arg("engine"), nb::arg("sources"), nb::arg("analyze"), nb::kw_only(),
           nb::arg("like") = "", nb::arg("threshold") = nb::none(), nb::arg("compare_anyway") = false,
           nb::arg("out") = "", nb::arg("force") = false, nb::arg("threads") = 0,
           nb::arg("excludes") = std::vector<nb::str>{}, nb::arg("embeddings") = false, nb::arg("resume") = false,
           nb::arg("prune") = "none", nb::arg("no_skip") = false)
      .def(
          "__iter__", [](nb::handle self) { return nb::borrow(self); },
          nb::sig("def __iter__(self) -> collections.abc.Iterator[Record]"))
      .def("__next__", next_record, nb::sig("def __next__(self) -> Record"))
      .def("close", close_scan)
      .def_prop_ro("progress", [](ScanRun& self) { return self.get()->progress(); })
      .def_prop_ro("summary", [](ScanRun& self) { return self.get()->summary(); });
}

}  // namespace mien::python
