#include "measure/tune_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "device/where_it_pays.h"
#include "measure/bench_case.h"

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

  // The batch that is fastest of those at which nothing was left to the CPU; 0: none.
  int best_batch() const {
    int best = 0;
    for (const auto& [batch, ms] : gpu_ms) {
      if (!gpu_broken.contains(batch) && (best == 0 || ms < gpu_ms.at(best))) best = batch;
    }
    return best;
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

std::vector<Measured> measure_all(const std::vector<BenchRow>& rows) {
  std::vector<Measured> operations;
  for (const OperationRow& row : kOperations) operations.push_back(measured_of(rows, row.operation));
  return operations;
}

bool is_candidate(const Measured& one, Operation operation) {
  return has_model(operation) && one.has_cpu && one.best_batch() > 0;
}

// The time of all candidates together by batch, where each was measured at it.
std::map<int, double> times_by_batch(const std::vector<Measured>& operations) {
  std::map<int, double> totals;
  std::set<int> broken;
  std::size_t candidates = 0;
  std::map<int, std::size_t> measured;
  for (const OperationRow& row : kOperations) {
    const Measured& one = operations[index_of(row.operation)];
    if (!is_candidate(one, row.operation)) continue;
    ++candidates;
    broken.insert(one.gpu_broken.begin(), one.gpu_broken.end());
    for (const auto& [batch, ms] : one.gpu_ms) {
      totals[batch] += ms;
      ++measured[batch];
    }
  }
  std::erase_if(totals,
                [&](const auto& total) { return broken.contains(total.first) || measured[total.first] < candidates; });
  return totals;
}

// Of nearly equal ones the smallest, which takes least memory. 0 when there is none.
int choose_batch(const std::map<int, double>& totals) {
  double least = 0;
  for (const auto& [batch, ms] : totals) least = least == 0 ? ms : std::min(least, ms);
  for (const auto& [batch, ms] : totals) {
    if (ms <= least * (1 + kBatchSlack)) return batch;
  }
  return 0;
}

bool gains(const ScansMeasured& scans) { return scans.gain_percent > kGainPercentMin; }

std::string flag_reason(const Measured& one, Operation operation, const ScansMeasured& scans) {
  if (!one.has_cpu) return "not measured on the CPU";
  if (!one.has_gpu) return "not measured on a GPU";
  const int batch = one.best_batch();
  if (batch == 0) return fmt::format("the GPU did not do it: {}", one.reason);
  if (!has_model(operation)) {
    return fmt::format(
        "scans leave it where the pixels are; by itself {} takes {:.2f} ms against {:.2f} on the CPU "
        "(batch {})",
        one.backend, one.gpu_ms.at(batch), one.cpu_ms, batch);
  }
  if (scans.cpu_images_per_second <= 0) return "whole scans were not measured";
  const std::string figures = fmt::format("{:.1f} images a second against {:.1f} by the CPU alone",
                                          scans.together_images_per_second, scans.cpu_images_per_second);
  if (gains(scans)) {
    return fmt::format("whole scans with {} take {:.0f} % less time: {}", scans.backend, scans.gain_percent, figures);
  }
  return fmt::format("whole scans with {} make {}: no gain of {:.0f} %", scans.backend, figures, kGainPercentMin);
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

GpuCandidates find_gpu_candidates(const std::vector<BenchRow>& rows) {
  const std::vector<Measured> measured = measure_all(rows);
  GpuCandidates candidates;
  for (const OperationRow& row : kOperations) {
    if (is_candidate(measured[index_of(row.operation)], row.operation)) candidates.operations.push_back(row.operation);
  }
  candidates.batch = choose_batch(times_by_batch(measured));
  return candidates;
}

std::vector<TunedSetting> choose_settings(const std::vector<BenchRow>& rows, const ScansMeasured& scans,
                                          const std::vector<ThreadsMeasured>& threads,
                                          const std::vector<PrecisionMeasured>& precisions) {
  const std::vector<Measured> operations = measure_all(rows);
  std::vector<TunedSetting> settings;
  bool any_goes = false;
  for (const OperationRow& row : kOperations) {
    const Measured& one = operations[index_of(row.operation)];
    if (!one.has_cpu && !one.has_gpu) continue;  // nothing to run for it
    const bool goes = gains(scans) && is_candidate(one, row.operation);
    any_goes = any_goes || goes;
    settings.push_back(
        {gpu_setting(row.operation), goes ? "auto" : "false", flag_reason(one, row.operation, scans), {}, {}});
  }
  const std::map<int, double> totals = times_by_batch(operations);
  if (const int batch = choose_batch(totals); any_goes && batch > 0) {
    std::string figures;
    for (const auto& [size, ms] : totals) {
      figures += fmt::format("{}{:.2f} ms in batches of {}", figures.empty() ? "" : ", ", ms, size);
    }
    settings.push_back({"GPU_BATCH_SIZE", std::to_string(batch), "what goes to the GPU takes " + figures, {}, {}});
  }
  settings.push_back(choose_threads(threads));
  settings.push_back(choose_precision(precisions));
  return settings;
}

}  // namespace mien
