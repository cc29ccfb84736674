// Measures what this machine does fastest, and writes it down as settings.
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "mien/export.h"
#include "mien/tools/bench.h"

namespace mien {

// Whole analyses of the same photos as a scan makes them, in turns: by the CPU alone, and with the GPU where it pays
// (GpuMode::where_it_pays), when everything is planned.
struct ScansMeasured {
  double cpu_images_per_second = 0;       // the medians of the turns; 0: not measured
  double together_images_per_second = 0;  // by GPU and CPU
  double gain_percent = 0;                // less time together, the median of the turns
  std::string backend;
};

// Images a second of the whole analysis with so many threads, on the devices that were chosen.
struct ThreadsMeasured {
  int threads = 1;
  double images_per_second = 0;
};

// A precision that could be had, and its time.
struct PrecisionMeasured {
  std::string name;         // "default", "fast"
  double detection_ms = 0;  // an image, the mean of the sizes' medians
  std::string problem;      // why it cannot be had; then there is no time
  // Against default, on the photos that were measured: faces that both found, sure ones (det_score over 0.6) that were
  // missed, and the cosine of the two embeddings of a face: the mean, and the 5th percentile.
  int faces = 0;
  int missed = 0;
  double cosine_mean = 1;
  double cosine_low = 1;
};

// A precision that drifts further is not chosen, however fast it is.
inline constexpr double kDriftMeanMin = 0.998;
inline constexpr double kDriftLowMin = 0.99;

// One setting as it was chosen.
struct TunedSetting {
  std::string name;
  std::string value;
  std::string why;      // a sentence, with the figures
  std::string kept_by;  // where a user has set it otherwise, or to the same: that wins; empty: nowhere
  std::string kept_value;
};

struct TuneOptions {
  std::vector<std::string> operations;  // as in BenchOptions; flags of the others are not chosen
  std::vector<std::string> sizes;       // as in BenchOptions
  std::vector<int> batches = {1, 8, 32};
  int iterations = 0;       // of each row; 0: as the time allows
  double seconds_max = 90;  // for the operations; a target
  std::string images_dir;   // as in BenchOptions
  EngineOptions engine;
  std::stop_token stop = {};
  std::function<void(const BenchProgress&)> on_progress = {};
};

struct TuneResult {
  BenchResult bench;
  ScansMeasured scans;
  std::vector<ThreadsMeasured> threads;
  std::vector<PrecisionMeasured> precisions;
  std::vector<TunedSetting> settings;
};

// Throws Exception like bench_matrix.
MIEN_API TuneResult tune(const TuneOptions& options);

// The choice by itself: what these measurements say. Detection and embedding go to the GPU where that pays ("auto")
// when whole scans take more than kGainPercentMin less time with it, in batches that make the two fastest; rows that
// fell back or failed keep an operation on the CPU, and operations on pixels stay where the pixels are. Threads: the
// fewest within 5 % of the best. Precision: fast where it takes more than kGainPercentMin less time than default,
// misses no face and drifts by no more than kDriftMeanMin and kDriftLowMin say.
MIEN_API std::vector<TunedSetting> choose_settings(const std::vector<BenchRow>& rows, const ScansMeasured& scans,
                                                   const std::vector<ThreadsMeasured>& threads,
                                                   const std::vector<PrecisionMeasured>& precisions);

// The effect of writing on a file of settings.
struct EnvUpdate {
  std::string text;                                       // of the file afterwards
  std::vector<std::string> changed;                       // names that got another value, or a line of their own
  std::vector<std::pair<std::string, std::string>> kept;  // names with a value by hand, and where that stands
};
// Lines, comments and their order stay. A line that an earlier call wrote and nobody has changed since gets the new
// value; a name that has another line is its user's; the others are added at the end. `shown_path` is what messages
// call the file.
MIEN_API EnvUpdate update_env_text(const std::string& text, const std::vector<TunedSetting>& settings,
                                   const std::string& shown_path);

// The same with the file at this path, which need not be there; a link is followed, and the file's rights stay.
// Settings with `kept_by` are left out. Throws Exception(io, limit_exceeded).
MIEN_API EnvUpdate update_env_file(const std::string& path, const std::vector<TunedSetting>& settings);

}  // namespace mien
