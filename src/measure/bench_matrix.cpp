// Each operation at each size, on the CPU and on the GPU, in batches of several sizes. Two engines with settings of
// their own, so that nothing that one decided is left in the other.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "backends/backend.h"
#include "base/cancel.h"
#include "base/processor.h"
#include "base/settings_table.h"
#include "base/utc_now.h"
#include "image/encode.h"
#include "measure/bench_case.h"
#include "measure/measure.h"
#include "mien/device.h"
#include "mien/tools/bench.h"

namespace mien {
namespace {

constexpr BenchSize kSizes[] = {{"small", 300, 300}, {"medium", 800, 600}, {"large", 1920, 1080}};
constexpr int kJpegQuality = 90;        // of the pictures, for the time of decoding
constexpr double kRowSecondsMax = 2.5;  // more would only make the numbers look better
constexpr double kRowSecondsMin = 0.05;
constexpr double kBatchSecondsMax = 8;  // of one batch on the CPU; fewer images are measured then
constexpr int kIterationsMax = 300;
// A GPU that cannot be used is the CPU once more: enough to show that the work is done.
constexpr double kFallbackShare = 0.1;
constexpr int kFallbackImagesMax = 4;

// One row to come.
struct Plan {
  BenchCase bench_case;
  BenchSize size;
  bool gpu = false;
  int batch = 1;
};

// The engines and photos that the rows are measured with, opened once.
struct Bench {
  const BenchOptions& options;
  std::unique_ptr<Engine> cpu;
  std::unique_ptr<Engine> gpu;  // null: not asked for
  std::vector<BenchPhoto> photos;
  double deadline_ms = 0;

  bool gpu_is_usable() const { return gpu && gpu->state().device && gpu->state().device->gpu().is_usable(); }
  double share(const Plan& plan) const { return plan.gpu && !gpu_is_usable() ? kFallbackShare : 1; }
};

// The pictures of one size.
struct SizePictures {
  std::vector<Image> pictures;
  double decode_ms = 0;
};

std::vector<std::string_view> names_of(const auto& rows) {
  std::vector<std::string_view> names;
  for (const auto& row : rows) names.push_back(row.name);
  return names;
}

void check(const BenchOptions& options) {
  check_names(options.operations, names_of(bench_cases()), "operation");
  check_names(options.sizes, names_of(kSizes), "image size");
  for (const int batch : options.batches) {
    if (batch < 1 || batch > kBatchSizeMax) {
      throw Exception(ErrorCode::invalid_argument,
                      fmt::format("a batch of {} images: use 1 to {}", batch, kBatchSizeMax));
    }
  }
  if (options.batches.empty() || (!options.cpu && !options.gpu)) {
    throw Exception(ErrorCode::invalid_argument, "nothing to measure: name a batch size, and a device");
  }
}

std::vector<Plan> plan_rows(const BenchOptions& options) {
  std::vector<Plan> plans;
  for (const BenchCase& bench_case : bench_cases()) {
    if (!is_asked(options.operations, bench_case.name)) continue;
    for (const BenchSize& size : kSizes) {
      if (!is_asked(options.sizes, size.name)) continue;
      for (const bool gpu : {true, false}) {
        if (gpu ? !options.gpu : !options.cpu) continue;
        for (const int batch : options.batches) plans.push_back({bench_case, size, gpu, batch});
      }
    }
  }
  return plans;
}

EngineOptions engine_options(const BenchOptions& options, const std::vector<Plan>& plans, GpuMode mode) {
  EngineOptions result = with_gpu_mode(options.engine, mode);
  result.load_embedder = std::any_of(plans.begin(), plans.end(), [](const Plan& plan) {
    return plan.bench_case.operation == Operation::face_embedding;
  });
  result.settings.gpu_batch_size = *std::max_element(options.batches.begin(), options.batches.end());
  if (options.device_batch_max > 0) {
    result.settings.gpu_batch_size = std::min(result.settings.gpu_batch_size, options.device_batch_max);
  }
  return result;
}

// The time of decoding is that of the pictures as JPEG files.
SizePictures make_pictures(const Bench& bench, const BenchSize& size) {
  SizePictures result;
  DecodedImage decoded;
  for (const BenchPhoto& photo : bench.photos) {
    throw_if_stopped(bench.options.stop);
    const Image picture = compose_picture(photo, {size.width, size.height});
    const std::vector<std::uint8_t> file = encode_jpeg(picture, kJpegQuality);
    const double start = wall_ms();
    if (!decode_image(file, decode_options(bench.cpu->state().input), decoded)) continue;
    result.decode_ms += wall_ms() - start;
    result.pictures.push_back(copy_picture(decoded.pixels));
  }
  result.decode_ms /= static_cast<double>(std::max<std::size_t>(1, result.pictures.size()));
  return result;
}

void measure_row(CaseRun& run, double seconds, const BenchOptions& options, BenchRow& row) {
  std::vector<double> times;
  std::vector<double> memory;
  std::vector<double> gpu_memory;
  double wall = 0, cpu = 0;
  int images = 0, failed = 0;
  reset_peak_memory();
  const int iterations_max = options.iterations > 0 ? options.iterations : kIterationsMax;
  while (row.iterations < iterations_max && (row.iterations == 0 || options.iterations > 0 || wall < seconds * 1e3)) {
    const BatchSample sample = run.run(row.images, options.stop);
    ++row.iterations;
    wall += sample.wall_ms;
    cpu += sample.cpu_ms;
    images += row.images;
    failed += sample.failed;
    if (row.error.empty()) row.error = sample.error;
    if (sample.failed == 0) times.push_back(sample.wall_ms / row.images);
    memory.push_back(resident_mb());
    gpu_memory.push_back(sample.gpu_memory_mb);
  }
  row.ms = spread_of(times);
  row.images_per_second = row.ms.mean > 0 ? 1e3 / row.ms.mean : 0;
  row.memory_mb = spread_of(memory).mean;
  row.peak_memory_mb = std::max(peak_memory_mb(), spread_of(memory).max);
  row.gpu_memory_mb = spread_of(gpu_memory).mean;
  row.cpu_percent = wall > 0 ? 100 * cpu / wall : 0;
  row.error_rate = images > 0 ? static_cast<double>(failed) / images : 0;
}

BenchRow run_row(const Bench& bench, const Plan& plan, const PreparedPictures& prepared, double decode_ms,
                 double seconds) {
  BenchRow row;
  row.operation = plan.bench_case.name;
  row.size = plan.size.name;
  row.width = plan.size.width;
  row.height = plan.size.height;
  row.gpu = plan.gpu;
  row.batch = plan.batch;
  row.faces = prepared.faces;
  row.decode_ms = decode_ms;
  row.detect_ms = prepared.detect_ms;
  const Engine::State& engine = plan.gpu ? bench.gpu->state() : bench.cpu->state();
  CaseRun run(engine, plan.bench_case, prepared);
  const int warm_images = run.uses_device() ? plan.batch : 1;
  row.warmup_ms = run.warm_up(warm_images, bench.options.stop).wall_ms / warm_images;
  (void)run.take_placement();
  row.images = plan.batch;
  if (plan.gpu && !run.uses_device()) row.images = std::min(row.images, kFallbackImagesMax);
  if (!run.uses_device() && bench.options.iterations == 0) {
    const double fitting = kBatchSecondsMax * 1e3 / std::max(0.001, row.warmup_ms);
    row.images = std::min(row.images, static_cast<int>(std::max(1.0, std::min(fitting, 1e6))));
  }
  measure_row(run, seconds, bench.options, row);
  row.placement = run.take_placement();
  if (run.uses_device())
    row.gpu_peak_memory_mb = static_cast<double>(engine.device->gpu().counters()->peak) / (1 << 20);
  return row;
}

void describe_system(const Bench& bench, BenchResult& result) {
  const Engine::State& engine = bench.cpu->state();
  const Device processor = read_cpu();
  result.cpu = processor.name;
  result.cores = processor.cores;
  result.runtime = bench.cpu->runtime();
  const VersionInfo version = version_info(engine.options.settings);
  result.version = version.version + (version.commit.empty() ? "" : " (" + version.commit + ")");
  result.detector = engine.detector_file.info.name;
  if (engine.embedder) result.embedder = engine.embedder_file.info.name;
  result.photos = static_cast<int>(bench.photos.size());
  if (!bench.gpu) return;
  if (bench.gpu_is_usable()) {
    result.gpu = to_string(*bench.gpu->state().device->gpu().device());
  } else if (bench.gpu->state().device) {
    result.gpu_reason = bench.gpu->state().device->gpu().reason();
  }
}

double seconds_for(const Bench& bench, const std::vector<Plan>& plans, std::size_t next) {
  double shares = 0;
  for (std::size_t i = next; i < plans.size(); ++i) shares += bench.share(plans[i]);
  const double left = (bench.deadline_ms - wall_ms()) / 1e3 * bench.share(plans[next]) / shares;
  return std::clamp(left, kRowSecondsMin, kRowSecondsMax * bench.share(plans[next]));
}

}  // namespace

std::vector<std::string> bench_operation_names() {
  const std::vector<std::string_view> names = names_of(bench_cases());
  return {names.begin(), names.end()};
}

std::vector<BenchSize> bench_sizes() { return {std::begin(kSizes), std::end(kSizes)}; }

BenchResult bench_matrix(const BenchOptions& options) {
  check(options);
  const double start = wall_ms();
  const std::vector<Plan> plans = plan_rows(options);
  Bench bench{.options = options, .cpu = {}, .gpu = {}, .photos = {}, .deadline_ms = start + options.seconds_max * 1e3};
  bench.cpu = std::make_unique<Engine>(engine_options(options, plans, GpuMode::off));
  bench.photos = load_bench_photos(bench.cpu->state(), options.images_dir, options.stop);
  if (options.gpu) bench.gpu = std::make_unique<Engine>(engine_options(options, plans, GpuMode::on));

  BenchResult result;
  std::vector<SizePictures> by_size(std::size(kSizes));
  PreparedPictures prepared;
  for (std::size_t i = 0; i < plans.size(); ++i) {
    throw_if_stopped(options.stop);
    const Plan& plan = plans[i];
    if (options.on_progress) {
      options.on_progress({i, plans.size(),
                           fmt::format("{}, {}, {}, batch {}", plan.bench_case.name, plan.size.name,
                                       plan.gpu ? "GPU" : "CPU", plan.batch)});
    }
    const std::size_t at =
        static_cast<std::size_t>(std::find_if(std::begin(kSizes), std::end(kSizes),
                                              [&](const BenchSize& size) { return size.name == plan.size.name; }) -
                                 std::begin(kSizes));
    SizePictures& pictures = by_size[at];
    if (pictures.pictures.empty()) pictures = make_pictures(bench, plan.size);
    const bool is_new =
        i == 0 || plans[i - 1].bench_case.name != plan.bench_case.name || plans[i - 1].size.name != plan.size.name;
    if (is_new) prepared = prepare_pictures(bench.cpu->state(), plan.bench_case, pictures.pictures, options.stop);
    result.rows.push_back(run_row(bench, plan, prepared, pictures.decode_ms, seconds_for(bench, plans, i)));
  }
  result.comparisons = compare_rows(result.rows);
  result.timestamp = utc_now();
  result.seconds = (wall_ms() - start) / 1e3;
  describe_system(bench, result);
  return result;
}

// ---- The findings of the rows

namespace {

// The row with the least median; null when there is none.
const BenchRow* best_of(const std::vector<const BenchRow*>& rows) {
  const BenchRow* best = nullptr;
  for (const BenchRow* const row : rows) {
    if (row->error_rate == 0 && (best == nullptr || row->ms.median < best->ms.median)) best = row;
  }
  return best;
}

BenchComparison compare(const std::vector<const BenchRow*>& rows) {
  std::vector<const BenchRow*> on_cpu, on_gpu;
  BenchComparison result;
  result.operation = rows.front()->operation;
  result.size = rows.front()->size;
  bool has_gpu = false;
  for (const BenchRow* const row : rows) {
    if (!row->gpu) {
      on_cpu.push_back(row);
      continue;
    }
    has_gpu = true;
    if (row->fell_back() || row->placement.ran == "none") {
      result.reason = row->placement.reason.value_or(row->error);
    } else {
      on_gpu.push_back(row);
    }
  }
  const BenchRow* const cpu = best_of(on_cpu);
  const BenchRow* const gpu = best_of(on_gpu);
  if (gpu != nullptr) result.reason.clear();
  result.compared = cpu != nullptr && has_gpu;
  if (cpu != nullptr && gpu != nullptr && cpu->ms.median > 0 && gpu->ms.median > 0) {
    result.time_improvement_percent = 100 * (cpu->ms.median - gpu->ms.median) / cpu->ms.median;
    result.throughput_improvement_percent =
        100 * (gpu->images_per_second - cpu->images_per_second) / cpu->images_per_second;
    result.use_gpu = result.time_improvement_percent > kGainPercentMin;
  }
  const BenchRow* const best = cpu != nullptr && !result.use_gpu ? cpu : gpu;
  if (best != nullptr) {
    result.best_device = best->placement.ran;
    result.best_batch = best->batch;
    result.best_ms = best->ms.median;
  }
  return result;
}

}  // namespace

std::vector<BenchComparison> compare_rows(const std::vector<BenchRow>& rows) {
  std::vector<BenchComparison> result;
  for (std::size_t first = 0; first < rows.size();) {
    std::vector<const BenchRow*> same;
    std::size_t next = first;
    for (; next < rows.size() && rows[next].operation == rows[first].operation && rows[next].size == rows[first].size;
         ++next) {
      same.push_back(&rows[next]);
    }
    result.push_back(compare(same));
    first = next;
  }
  return result;
}

}  // namespace mien
