// Measures operations, whole scans, threads and precisions, and has the choice made of it.
#include "mien/tools/tune.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

#include "base/cancel.h"
#include "base/env_edit.h"
#include "base/file.h"
#include "base/processor.h"
#include "image/encode.h"
#include "measure/bench_case.h"
#include "measure/measure.h"
#include "measure/tune_choice.h"
#include "measure/tune_drift.h"
#include "pipeline/analyze.h"
#include "pipeline/looks.h"

namespace mien {
namespace {

constexpr const char* kMark = "mien tune";
constexpr double kThreadsSeconds = 1.5;   // for each number of threads, and for each turn of whole scans
constexpr std::size_t kQuickImages = 16;  // of a turn where the number of iterations is given
constexpr int kTurns = 5;
constexpr int kQuickTurns = 3;
constexpr double kWarmSeconds = 0.1;
constexpr std::size_t kWarmImages = 16;
constexpr double kPlanMsMax = 300e3;
constexpr int kPrecisionRuns = 3;  // at each picture
constexpr int kJpegQuality = 90;
constexpr PixelSize kPictureSize = {800, 600};
constexpr std::size_t kEnvFileBytesMax = std::size_t{1} << 20;

using Files = std::vector<std::vector<std::uint8_t>>;

Files make_files(const std::vector<BenchPhoto>& photos) {
  Files files;
  for (const BenchPhoto& photo : photos)
    files.push_back(encode_jpeg(compose_picture(photo, kPictureSize), kJpegQuality));
  return files;
}

// How long images are given to a measurement, and how many at most.
struct Amount {
  double seconds = 0;
  std::size_t images_max = SIZE_MAX;
};

// Scans these files again and again with so many threads, from the first byte until the last result.
class WholeScan {
 public:
  WholeScan(const Engine& engine, const Files& files, const Amount& amount, const std::stop_token& stop)
      : engine_(engine), files_(files), amount_(amount), stop_(stop) {}

  // Throws what an analysis throws.
  double images_per_second(int threads) {
    begin_ms_ = wall_ms();
    {
      std::vector<std::jthread> workers;
      for (int i = 0; i < threads; ++i) workers.emplace_back([this] { guard(); });
    }
    if (failure_) std::rethrow_exception(failure_);
    throw_if_stopped(stop_);
    return static_cast<double>(done_) / ((wall_ms() - begin_ms_) / 1e3);
  }

 private:
  void guard() {
    try {
      work();
    } catch (...) {
      const std::lock_guard lock(mutex_);
      failure_ = std::current_exception();
    }
  }

  void work() {
    Workspace workspace;
    AnalyzeOptions analyze;
    analyze.phash = true;
    analyze.stop = stop_;
    ImageStream images;
    images.next = [this](std::optional<std::chrono::milliseconds>) { return next(); };
    images.on_result = [this](std::size_t, const Result<Analysis>& result) { done_ += result ? 1 : 0; };
    images.held_max = static_cast<std::size_t>(engine_.batch_max());
    analyze_stream(engine_.state(), analyze, workspace.state(), images);
  }

  std::optional<Bytes> next() {
    const std::size_t number = given_++;
    const bool is_over = number > 0 && wall_ms() - begin_ms_ >= amount_.seconds * 1e3;
    if (is_over || number >= amount_.images_max || stop_.stop_requested()) return std::nullopt;
    return files_[number % files_.size()];
  }

  const Engine& engine_;
  const Files& files_;
  const Amount amount_;
  const std::stop_token& stop_;
  double begin_ms_ = 0;
  std::atomic<std::size_t> given_{0};
  std::atomic<std::int64_t> done_{0};
  std::mutex mutex_;  // guards failure_
  std::exception_ptr failure_;
};

double measure_threads(const Engine& engine, const Files& files, int threads, const Amount& amount,
                       const std::stop_token& stop) {
  return WholeScan(engine, files, amount, stop).images_per_second(threads);
}

// 1, 2, 4 ... and one a core.
std::vector<int> thread_counts() {
  const int cores = usable_processors();
  std::vector<int> counts;
  for (int count = 1; count < cores; count *= 2) counts.push_back(count);
  counts.push_back(cores);
  return counts;
}

double measure_detection(const Engine& engine, const std::vector<BenchPhoto>& photos, const TuneOptions& options) {
  double sum = 0;
  std::size_t count = 0;
  DetectScratch scratch;
  const int runs = options.iterations > 0 ? 1 : kPrecisionRuns;
  for (const BenchSize& size : bench_sizes()) {
    if (!is_asked(options.sizes, size.name)) continue;
    for (const BenchPhoto& photo : photos) {
      const Image picture = compose_picture(photo, {size.width, size.height});
      std::vector<double> times;
      throw_if_stopped(options.stop);
      for (int i = 0; i <= runs; ++i) {
        const double start = wall_ms();
        (void)detect_faces(*engine.state().detector, {.precision = engine.state().options.precision}, picture, scratch);
        if (i > 0) times.push_back(wall_ms() - start);  // the first one is the warm-up
      }
      sum += spread_of(std::move(times)).median;
      ++count;
    }
  }
  return sum / static_cast<double>(std::max<std::size_t>(1, count));
}

std::vector<PrecisionMeasured> measure_precisions(const TuneOptions& options, const std::vector<BenchPhoto>& photos) {
  std::vector<PrecisionMeasured> result;
  FacesOfPhotos standard;
  for (const auto& [name, precision] :
       {std::pair("default", Precision::standard), std::pair("fast", Precision::fast)}) {
    throw_if_stopped(options.stop);
    PrecisionMeasured one;
    one.name = name;
    EngineOptions chosen = with_gpu_mode(options.engine, GpuMode::off);
    chosen.precision = precision;
    const Engine engine(chosen);
    one.problem = engine.why_not_fast();
    if (one.problem.empty()) {
      one.detection_ms = measure_detection(engine, photos, options);
      FacesOfPhotos faces = look_at(engine, photos);
      if (precision == Precision::standard) {
        standard = std::move(faces);
      } else {
        measure_drift(standard, faces, one);
      }
    }
    result.push_back(std::move(one));
  }
  return result;
}

bool is_option(const SettingValue& value) { return value.source.starts_with("--"); }

const std::string& value_in(const std::vector<TunedSetting>& settings, std::string_view name) {
  static const std::string kNone;
  for (const TunedSetting& one : settings) {
    if (one.name == name) return one.value;
  }
  return kNone;
}

// Returns the options of an engine as these settings would have them. What goes to the GPU is for a scan.
EngineOptions as_chosen(const TuneOptions& options, const std::vector<TunedSetting>& settings) {
  EngineOptions engine = with_gpu_mode(options.engine, GpuMode::off);
  for (const OperationRow& row : kOperations) {
    if (value_in(settings, gpu_setting(row.operation)) != "auto") continue;
    engine.many_images = true;
    engine.settings.operation_gpu[index_of(row.operation)] = GpuMode::where_it_pays;
  }
  const std::string& batch = value_in(settings, "GPU_BATCH_SIZE");
  if (!batch.empty()) engine.settings.gpu_batch_size = std::stoi(batch);
  if (value_in(settings, "MIEN_PRECISION") == "fast") engine.precision = Precision::fast;
  return engine;
}

// Waits until the device plans nothing more of what these files need.
void warm_up(const Engine& engine, const Files& files, int threads, const TuneOptions& options) {
  const double start = wall_ms();
  (void)measure_threads(engine, files, threads, {kWarmSeconds, kWarmImages}, options.stop);
  while (engine.state().device && engine.state().device->is_preparing() && wall_ms() - start < kPlanMsMax) {
    throw_if_stopped(options.stop);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  (void)measure_threads(engine, files, threads, {kWarmSeconds, kWarmImages}, options.stop);
}

// The CPU alone against GPU and CPU together, in turns. `alone`: how the CPU is at its best.
ScansMeasured measure_scans(const TuneOptions& options, EngineOptions alone, const GpuCandidates& candidates,
                            const Files& files) {
  ScansMeasured result;
  if (candidates.operations.empty()) return result;
  alone.many_images = true;
  EngineOptions with_gpu = alone;
  for (const Operation operation : candidates.operations) {
    with_gpu.settings.operation_gpu[index_of(operation)] = GpuMode::where_it_pays;
  }
  if (candidates.batch > 0) with_gpu.settings.gpu_batch_size = candidates.batch;
  const Engine cpu(alone), together(with_gpu);
  if (!together.state().device->gpu().is_usable()) return result;
  result.backend = together.state().device->gpu().backend();
  const bool is_quick = options.iterations > 0;
  const int threads = options.engine.settings.threads > 0 ? options.engine.settings.threads : thread_counts().back();
  warm_up(cpu, files, threads, options);
  warm_up(together, files, threads, options);
  std::vector<double> of_cpu, of_both, gains;
  for (int turn = 0; turn < (is_quick ? kQuickTurns : kTurns); ++turn) {
    const Amount amount{kThreadsSeconds, is_quick ? kQuickImages : SIZE_MAX};
    const auto measure = [&](const Engine& engine) {
      return measure_threads(engine, files, threads, amount, options.stop);
    };
    // A machine that grows slower or busier makes whoever comes second look slow.
    const bool is_cpu_first = turn % 2 == 0;
    if (is_cpu_first) of_cpu.push_back(measure(cpu));
    of_both.push_back(measure(together));
    if (!is_cpu_first) of_cpu.push_back(measure(cpu));
    gains.push_back(100 * (1 - of_cpu.back() / of_both.back()));
  }
  result.cpu_images_per_second = spread_of(std::move(of_cpu)).median;
  result.together_images_per_second = spread_of(std::move(of_both)).median;
  result.gain_percent = spread_of(std::move(gains)).median;
  return result;
}

// Where the operations that go to a GPU were measured, when options of this call said so: nobody else would know.
void add_chosen_gpu(const Settings& settings, std::vector<TunedSetting>& tuned) {
  const bool any = std::any_of(std::begin(kOperations), std::end(kOperations), [&](const OperationRow& row) {
    return value_in(tuned, gpu_setting(row.operation)) == "auto";
  });
  if (!any) return;
  for (const SettingValue& value : settings.values) {
    const bool is_place = value.name == "GPU_BACKEND" || value.name == "GPU_DEVICE_ID";
    if (is_place && is_option(value) && value.value != "auto") {
      tuned.push_back({value.name, value.value, fmt::format("measured there, by {}", value.source), {}, {}});
    }
  }
}

// Notes values that were set outside of the file that is written, since they win over it: in the environment, or in the
// user's own file, which would otherwise be overruled in silence. Options do not count: they end with this call.
void note_what_wins(const Settings& settings, std::vector<TunedSetting>& tuned) {
  for (TunedSetting& one : tuned) {
    for (const SettingValue& value : settings.values) {
      const bool elsewhere = value.source != "default" && !value.source.starts_with(".env line ") && !is_option(value);
      if (value.name != one.name || !elsewhere) continue;
      one.kept_by = value.source;
      one.kept_value = value.value;
    }
  }
}

}  // namespace

TuneResult tune(const TuneOptions& options) {
  TuneResult result;
  BenchOptions bench;
  bench.operations = options.operations;
  bench.sizes = options.sizes;
  bench.batches = options.batches;
  bench.iterations = options.iterations;
  bench.seconds_max = options.seconds_max;
  bench.images_dir = options.images_dir;
  bench.engine = options.engine;
  bench.engine.precision = Precision::standard;
  bench.stop = options.stop;
  bench.on_progress = options.on_progress;
  result.bench = bench_matrix(bench);
  const auto say = [&](const char* what) {
    if (options.on_progress) options.on_progress({result.bench.rows.size(), result.bench.rows.size(), what});
  };

  EngineOptions for_photos = with_gpu_mode(bench.engine, GpuMode::off);
  for_photos.load_embedder = false;
  const std::vector<BenchPhoto> photos =
      load_bench_photos(Engine(for_photos).state(), options.images_dir, options.stop);
  say("precision");
  result.precisions = measure_precisions(options, photos);

  say("whole scans");
  const Files files = make_files(photos);
  const auto chosen = [&] {
    return choose_settings(result.bench.rows, result.scans, result.threads, result.precisions);
  };
  result.scans = measure_scans(options, as_chosen(options, chosen()), find_gpu_candidates(result.bench.rows), files);

  say("threads");
  const Engine engine(as_chosen(options, chosen()));
  const Amount amount{kThreadsSeconds, options.iterations > 0 ? kQuickImages : SIZE_MAX};
  warm_up(engine, files, 1, options);
  for (const int threads : thread_counts()) {
    result.threads.push_back({threads, measure_threads(engine, files, threads, amount, options.stop)});
  }
  result.settings = chosen();
  add_chosen_gpu(options.engine.settings, result.settings);
  note_what_wins(options.engine.settings, result.settings);
  return result;
}

EnvUpdate update_env_text(const std::string& text, const std::vector<TunedSetting>& settings,
                          const std::string& shown_path) {
  std::vector<EnvChange> changes;
  EnvUpdate update;
  for (const TunedSetting& one : settings) {
    if (one.kept_by.empty()) {
      changes.push_back({one.name, one.value});
    } else {
      update.kept.emplace_back(one.name, one.kept_by);
    }
  }
  EnvEdit edit = edit_env_text(text, changes, kMark);
  update.text = std::move(edit.text);
  update.changed = std::move(edit.changed);
  for (const auto& [name, line] : edit.kept)
    update.kept.emplace_back(name, fmt::format("{} line {}", shown_path, line));
  return update;
}

EnvUpdate update_env_file(const std::string& path, const std::vector<TunedSetting>& settings) {
  std::string text;
  const Result<std::vector<std::uint8_t>> bytes = read_file(path, kEnvFileBytesMax);
  if (bytes) {
    text.assign(bytes->begin(), bytes->end());
  } else if (bytes.error().code != ErrorCode::not_found) {
    throw Exception(bytes.error());
  }
  EnvUpdate update = update_env_text(text, settings, path);
  if (update.text == text) return update;
  struct stat before {};
  const bool was_there = ::stat(path.c_str(), &before) == 0;
  write_private_file(path, {reinterpret_cast<const std::uint8_t*>(update.text.data()), update.text.size()});
  // Other users, or a container, may have been meant to read it.
  if (was_there && ::chmod(path.c_str(), before.st_mode & 07777U) != 0) {
    throw Exception(ErrorCode::io, fmt::format("{} is written, but its rights cannot be set as they were", path));
  }
  return update;
}

}  // namespace mien
