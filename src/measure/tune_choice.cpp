// Chooses settings from measurements; nothing is measured here.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "measure/bench_case.h"
#include "mien/tools/tune.h"

namespace mien {
namespace {

constexpr double kThreadsSlack = 0.05;
constexpr double kBatchSlack = 0.05;

// The rows of one operation: times are sums over its cases and sizes of an image's median.
struct Measured {
  double cpu_ms = 0;             // each at its best batch
  std::map<int, double> gpu_ms;  // by batch; only batches at which every case and size was measured
  std::set<int> gpu_broken;      // batches at which something was left to the CPU or failed
  std::string reason;            // why
  std::string backend;
  bool has_cpu = false;
  bool has_gpu = false;

  bool is_faster(int batch) const {
    const auto found = gpu_ms.find(batch);
    return has_cpu && found != gpu_ms.end() && !gpu_broken.contains(batch) &&
           found->second < cpu_ms * (1 - kGainPercentMin / 100);
  }
  std::vector<int> faster_batches() const {
    std::vector<int> batches;
    for (const auto& [batch, ms] : gpu_ms) {
      if (is_faster(batch)) batches.push_back(batch);
    }
    return batches;
  }
};

Measured measured_of(const std::vector<BenchRow>& rows, Operation operation) {
  Measured result;
  std::map<std::pair<std::string, std::string>, double> cpu;
  for (const BenchCase& bench_case : bench_cases()) {
    if (bench_case.operation != operation) continue;
    for (const BenchRow& row : rows) {
      if (row.operation != bench_case.name) continue;
      if (!row.gpu) {
        if (row.error_rate > 0) continue;
        const auto [place, is_new] = cpu.emplace(std::pair(row.operation, row.size), row.ms.median);
        place->second = std::min(place->second, row.ms.median);
        continue;
      }
      result.has_gpu = true;
      result.gpu_ms[row.batch] += row.ms.median;
      if (!row.fell_back() && row.error_rate == 0) {
        result.backend = row.placement.ran;
        continue;
      }
      result.gpu_broken.insert(row.batch);
      if (result.reason.empty()) result.reason = row.error.empty() ? row.placement.reason.value_or("") : row.error;
    }
  }
  result.has_cpu = !cpu.empty();
  for (const auto& [key, ms] : cpu) result.cpu_ms += ms;
  return result;
}

// The batch that makes the operations that go to the GPU fastest together; of nearly equal ones the smallest, which
// takes least memory. 0 when none goes.
int choose_batch(const std::vector<Measured>& operations) {
  std::map<int, double> totals;
  std::set<int> candidates;
  for (const Measured& one : operations) {
    for (const int batch : one.faster_batches()) candidates.insert(batch);
  }
  for (const int batch : candidates) {
    for (const Measured& one : operations) totals[batch] += one.is_faster(batch) ? one.gpu_ms.at(batch) : one.cpu_ms;
  }
  double least = 0;
  for (const auto& [batch, ms] : totals) least = least == 0 ? ms : std::min(least, ms);
  for (const auto& [batch, ms] : totals) {
    if (ms <= least * (1 + kBatchSlack)) return batch;
  }
  return 0;
}

std::string flag_reason(const Measured& one, int batch) {
  if (!one.has_cpu) return "not measured on the CPU";
  if (!one.has_gpu) return "not measured on a GPU";
  if (one.is_faster(batch)) {
    const double ms = one.gpu_ms.at(batch);
    return fmt::format("{} takes {:.0f} % less time: {:.2f} ms against {:.2f} on the CPU", one.backend,
                       100 * (1 - ms / one.cpu_ms), ms, one.cpu_ms);
  }
  double best = 0;
  int best_batch = 0;
  for (const auto& [size, ms] : one.gpu_ms) {
    if (one.gpu_broken.contains(size) || (best_batch != 0 && ms >= best)) continue;
    best = ms;
    best_batch = size;
  }
  if (best_batch == 0) return fmt::format("the GPU did not do it: {}", one.reason);
  const int at = batch != 0 && one.gpu_ms.contains(batch) ? batch : best_batch;
  return fmt::format("{} takes {:.2f} ms against {:.2f} on the CPU (batch {}): no gain of {:.0f} %", one.backend,
                     one.gpu_ms.at(at), one.cpu_ms, at, kGainPercentMin);
}

TunedSetting choose_threads(const std::vector<ThreadsMeasured>& threads) {
  double best = 0;
  for (const ThreadsMeasured& one : threads) best = std::max(best, one.images_per_second);
  for (const ThreadsMeasured& one : threads) {
    if (one.images_per_second < best * (1 - kThreadsSlack)) continue;
    std::string figures;
    for (const ThreadsMeasured& each : threads) {
      figures += fmt::format("{}{:.1f} with {}", figures.empty() ? "" : ", ", each.images_per_second, each.threads);
    }
    return {"MIEN_THREADS", std::to_string(one.threads), fmt::format("images a second: {}", figures), {}, {}};
  }
  return {"MIEN_THREADS", "0", "not measured: one a core", {}, {}};
}

TunedSetting choose_precision(const std::vector<PrecisionMeasured>& precisions) {
  const PrecisionMeasured* standard = nullptr;
  const PrecisionMeasured* fast = nullptr;
  for (const PrecisionMeasured& one : precisions) {
    if (one.name == "default") standard = &one;
    if (one.name == "fast") fast = &one;
  }
  TunedSetting result = {"MIEN_PRECISION", "default", "fast was not measured", {}, {}};
  if (standard == nullptr || fast == nullptr) return result;
  if (!fast->problem.empty()) {
    result.why = fmt::format("fast cannot be had: {}", fast->problem);
    return result;
  }
  if (fast->faces == 0) {
    result.why = "how far fast drifts cannot be told: no face was found in the photos";
    return result;
  }
  const bool gains = fast->detection_ms < standard->detection_ms * (1 - kGainPercentMin / 100);
  const bool drifts = fast->missed > 0 || fast->cosine_mean < kDriftMeanMin || fast->cosine_low < kDriftLowMin;
  if (gains && !drifts) result.value = "fast";
  result.why = fmt::format("detection takes {:.2f} ms with fast, {:.2f} with default", fast->detection_ms,
                           standard->detection_ms);
  if (gains) {
    result.why += fmt::format("; of {} faces {} missed, embeddings' cosine {:.4f} in the mean, 5th percentile {:.4f}{}",
                              fast->faces, fast->missed, fast->cosine_mean, fast->cosine_low,
                              drifts ? fmt::format(": more than {} and {} allow", kDriftMeanMin, kDriftLowMin) : "");
  }
  return result;
}

}  // namespace

std::vector<TunedSetting> choose_settings(const std::vector<BenchRow>& rows,
                                          const std::vector<ThreadsMeasured>& threads,
                                          const std::vector<PrecisionMeasured>& precisions) {
  std::vector<Measured> operations;
  for (const OperationRow& row : kOperations) operations.push_back(measured_of(rows, row.operation));
  const int batch = choose_batch(operations);
  std::vector<TunedSetting> settings;
  for (const OperationRow& row : kOperations) {
    const Measured& one = operations[index_of(row.operation)];
    if (!one.has_cpu && !one.has_gpu) continue;  // nothing to run for it
    settings.push_back(
        {gpu_setting(row.operation), one.is_faster(batch) ? "true" : "false", flag_reason(one, batch), {}, {}});
  }
  if (batch > 0) {
    std::set<int> sizes;
    for (const Measured& one : operations) {
      for (const auto& [size, ms] : one.gpu_ms) sizes.insert(size);
    }
    std::string figures;
    for (const int size : sizes) {
      double ms = 0;
      for (const Measured& one : operations) {
        const auto found = one.gpu_ms.find(size);
        if (one.is_faster(batch) && found != one.gpu_ms.end()) ms += found->second;
      }
      figures += fmt::format("{}{:.2f} ms in batches of {}", figures.empty() ? "" : ", ", ms, size);
    }
    settings.push_back({"GPU_BATCH_SIZE", std::to_string(batch), "what goes to the GPU takes " + figures, {}, {}});
  }
  settings.push_back(choose_threads(threads));
  settings.push_back(choose_precision(precisions));
  return settings;
}

}  // namespace mien
