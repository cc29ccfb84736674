// Measuring in this process, with the code that a scan runs: the whole path, each operation on each device, and the
// kernels. Nothing here asserts a speed.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "mien/engine.h"

namespace mien {

struct PipelineBenchOptions {
  std::string images_dir;
  int passes = 3;
  int warm_up = 0;        // passes before them that do not count
  int limit = 0;          // images at most; 0: all
  std::string dump_path;  // {file: [[x1, y1, x2, y2, score, embedding], ...]}; empty: none
  bool floor = true;      // also run the bare sessions on the same inputs
  AnalyzeOptions analyze;
};

struct PipelineBenchImage {
  std::string file;
  int faces = 0;
  double cpu_ms = 0;  // minimum over the passes
  double wall_ms = 0;
  double floor_cpu_ms = 0;   // bare sessions on the same inputs, minimum
  double decode_cpu_ms = 0;  // bare decode, minimum
};

struct PipelineBenchResult {
  std::vector<PipelineBenchImage> images;
  Timings stages_ms;  // mean over images of the fastest pass
  double peak_rss_mb = 0;
  double first_result_ms = 0;  // from the process's start to the first analysis
};

MIEN_API PipelineBenchResult bench_pipeline(const Engine& engine, const PipelineBenchOptions& options);

// ---- The matrix: operations x sizes x devices x batches

// Returns the names of what can be measured: the operations in the order of their table, and thumbnail_creation, which
// is a part of image_processing.
MIEN_API std::vector<std::string> bench_operation_names();

struct BenchSize {
  std::string_view name;  // "small", "medium", "large"
  int width = 0;          // pixels
  int height = 0;
};
MIEN_API std::vector<BenchSize> bench_sizes();

struct BenchProgress {
  std::size_t done = 0;  // rows
  std::size_t total = 0;
  std::string what;  // "face_detection, medium, gpu, batch 10"
};

struct BenchOptions {
  std::vector<std::string> operations;     // of bench_operation_names(); empty: all
  std::vector<std::string> sizes;          // names of bench_sizes(); empty: all
  std::vector<int> batches = {1, 10, 50};  // images at once, 1..4096
  bool cpu = true;                         // with every operation on the CPU
  bool gpu = true;                         // with every operation on the GPU, in an engine of its own
  int iterations = 0;                      // batches that are measured; 0: as many as the time allows, at least one
  double seconds_max = 400;                // for all rows where iterations is 0; passed where one batch is slow
  int device_batch_max = 0;                // a device gets no larger batches (GPU_BATCH_SIZE); 0: as `batches` says
  // Photos with faces (.jpg, .jpeg, .png), which are composed to the sizes; empty: the sample photos of the folder that
  // mien was built in.
  std::string images_dir;
  EngineOptions engine;  // models, precision and settings; the flags of the operations in it are not used
  std::stop_token stop = {};
  std::function<void(const BenchProgress&)> on_progress = {};  // before each row, on the thread of the call
};

// The statistics of a series of measurements.
struct Spread {
  double mean = 0;
  double median = 0;
  double std = 0;  // of the population
  double min = 0;
  double max = 0;
  double p95 = 0;  // nearest rank
};

// One operation on images of one size, on one device, in batches of one size. Times are wall-clock milliseconds an
// image of the operation's own stage: the pixels are decoded before, and a copy to the device counts.
struct BenchRow {
  std::string operation;
  std::string size;
  int width = 0;
  int height = 0;
  bool gpu = false;  // what was asked for
  int batch = 1;
  int iterations = 0;  // batches measured, the warm-up left out
  int images = 0;      // in each of them; fewer than `batch` where one would take too long on the CPU
  Spread ms;
  double warmup_ms = 0;          // an image of the batches before; the first batch of a device, of one image on the CPU
  double images_per_second = 0;  // of the mean
  double memory_mb = 0;          // resident memory of this process, mean over the iterations
  double peak_memory_mb = 0;     // and the most
  double cpu_percent = 0;        // CPU time by wall time; 200: two cores
  double gpu_memory_mb = 0;      // held on the device, mean over the iterations; 0 without one
  double gpu_peak_memory_mb = 0;
  double error_rate = 0;  // images that failed, 0..1
  std::string error;      // the first one's reason
  double faces = 0;       // an image, as found before this operation; 0 where it does not look for them
  double decode_ms = 0;   // an image: what comes before this operation, measured once for each size, on the CPU
  double detect_ms = 0;
  Placement placement;  // where the measured batches ran, and why not on the GPU
  // Whether the GPU was asked for and something was left to the CPU: such a row is no gain.
  bool fell_back() const { return gpu && (placement.ran == "cpu" || placement.ran == "mixed"); }
};

// CPU against GPU, each at its best batch.
struct BenchComparison {
  std::string operation;
  std::string size;
  bool compared = false;                // both were measured
  double time_improvement_percent = 0;  // of the median: 50 is half the time; 0 where the GPU's rows fell back
  double throughput_improvement_percent = 0;
  bool use_gpu = false;     // more than kGainPercentMin less time
  std::string best_device;  // of what was measured: "cpu", or the backend's name
  int best_batch = 1;
  double best_ms = 0;
  std::string reason;  // why there is no gain, where the GPU's rows fell back
};
inline constexpr double kGainPercentMin = 10;

struct BenchResult {
  std::vector<BenchRow> rows;  // by operation, size, device (GPU first), batch
  std::vector<BenchComparison> comparisons;
  std::string timestamp;   // 2026-11-26T21:00:00Z
  double seconds = 0;      // that all of it took
  std::string gpu;         // to_string(Device) of the GPU; empty: none was used
  std::string gpu_reason;  // why not
  std::string cpu;         // the CPU's name
  int cores = 0;
  std::string runtime;
  std::string version;
  std::string detector;
  std::string embedder;
  int photos = 0;  // that the images were composed of
};

// Throws Exception: invalid_argument (an unknown operation or size, a batch out of range); not_found (no photo with a
// face); cancelled; and what Engine's constructor throws.
MIEN_API BenchResult bench_matrix(const BenchOptions& options);

// The comparisons of these rows.
MIEN_API std::vector<BenchComparison> compare_rows(const std::vector<BenchRow>& rows);

// As docs/bench.schema.json describes it; indented, with a newline at the end.
MIEN_API std::string bench_to_json(const BenchResult& result);
// One HTML page that needs nothing else: charts and the table.
MIEN_API std::string bench_to_html(const BenchResult& result, const std::string& command);

// ---- Micro-benchmarks

struct OpsBenchOptions {
  std::vector<std::string> operations;  // names of the operations; empty: all
  double seconds_each = 0.3;            // for a case on a device
  int iterations = 0;                   // 0: as many as the time allows, at least one
  bool gpu = true;                      // also as device graphs, where a device can be used
  EngineOptions engine;
  std::stop_token stop = {};
};

struct OpsBenchRow {
  std::string operation;
  std::string name;    // "letterbox 1920x1080 to 640x384"
  std::string device;  // "cpu", or the backend's name
  int iterations = 0;
  Spread ms;
  double megapixels_per_second = 0;  // of the input, at the median; 0 where that says nothing
  std::string problem;               // why the device did not do it; then there are no times
};

// The code of each operation on a fixed list of cases, on pixels that are made here. Throws Exception like
// bench_matrix.
MIEN_API std::vector<OpsBenchRow> bench_operations(const OpsBenchOptions& options);

}  // namespace mien
