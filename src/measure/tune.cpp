// Measures operations, threads and precisions, and has the choice made of it.
#include "mien/tools/tune.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>

#include "base/cancel.h"
#include "base/env_edit.h"
#include "base/file.h"
#include "image/encode.h"
#include "measure/bench_case.h"
#include "measure/measure.h"
#include "measure/tune_drift.h"
#include "pipeline/analyze.h"
#include "pipeline/passes.h"

namespace mien {
namespace {

constexpr const char* kMark = "mien tune";
constexpr double kThreadsSeconds = 1.5;  // for each number of threads
constexpr int kPrecisionRuns = 3;        // at each picture
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

// Whole analyses of these files for a while, by so many threads.
double measure_threads(const Engine& engine, const Files& files, int threads, double seconds,
                       const std::stop_token& stop) {
  std::atomic<std::int64_t> done{0};
  std::mutex mutex;
  std::exception_ptr failure;
  AnalyzeOptions analyze;
  analyze.stop = stop;
  const double start = wall_ms();
  const auto work = [&](std::size_t first) {
    Workspace workspace;
    const std::size_t batch = static_cast<std::size_t>(engine.batch_max());
    for (std::size_t next = first; wall_ms() - start < seconds * 1e3 && !stop.stop_requested(); next += batch) {
      std::vector<Bytes> images;
      for (std::size_t i = 0; i < batch; ++i) images.emplace_back(files[(next + i) % files.size()]);
      done += static_cast<std::int64_t>(engine.analyze_batch(images, analyze, workspace).size());
    }
  };
  const auto guarded = [&](std::size_t first) {
    try {
      work(first);
    } catch (...) {
      const std::lock_guard lock(mutex);
      failure = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> workers;
    for (int i = 0; i < threads; ++i) workers.emplace_back(guarded, static_cast<std::size_t>(i));
  }
  throw_if_stopped(stop);
  if (failure) std::rethrow_exception(failure);
  return static_cast<double>(done) / ((wall_ms() - start) / 1e3);
}

// 1, 2, 4 ... and one a core.
std::vector<int> thread_counts() {
  const int cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
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
        (void)detect_faces(*engine.state().detector, engine.state().options.precision, picture, scratch);
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

// Returns the options of an engine as these settings would have them.
EngineOptions as_chosen(const TuneOptions& options, const std::vector<TunedSetting>& settings) {
  EngineOptions engine = with_gpu_mode(options.engine, GpuMode::off);
  for (const OperationRow& row : kOperations) {
    if (value_in(settings, gpu_setting(row.operation)) != "true") continue;
    engine.settings.operation_gpu[index_of(row.operation)] = GpuMode::on;
  }
  const std::string& batch = value_in(settings, "GPU_BATCH_SIZE");
  if (!batch.empty()) engine.settings.gpu_batch_size = std::stoi(batch);
  if (value_in(settings, "MIEN_PRECISION") == "fast") engine.precision = Precision::fast;
  return engine;
}

// Where the operations that go to a GPU were measured, when options of this call said so: nobody else would know.
void add_chosen_gpu(const Settings& settings, std::vector<TunedSetting>& tuned) {
  const bool any = std::any_of(std::begin(kOperations), std::end(kOperations), [&](const OperationRow& row) {
    return value_in(tuned, gpu_setting(row.operation)) == "true";
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

  say("threads");
  const std::vector<TunedSetting> first = choose_settings(result.bench.rows, {}, result.precisions);
  const Engine engine(as_chosen(options, first));
  const Files files = make_files(photos);
  const double seconds = options.iterations > 0 ? 0.2 : kThreadsSeconds;
  (void)measure_threads(engine, files, 1, seconds / 3, options.stop);
  for (const int threads : thread_counts()) {
    result.threads.push_back({threads, measure_threads(engine, files, threads, seconds, options.stop)});
  }
  result.settings = choose_settings(result.bench.rows, result.threads, result.precisions);
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
