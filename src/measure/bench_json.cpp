// The benchmark's result as JSON; docs/bench.schema.json describes it.
#include <cmath>
#include <nlohmann/json.hpp>

#include "mien/tools/bench.h"

namespace mien {
namespace {

using Json = nlohmann::ordered_json;

// Four digits behind the point are a tenth of a microsecond.
double rounded(double value) { return std::round(value * 1e4) / 1e4; }

Json placement_json(const Placement& placement) {
  Json json = {{"requested", placement.requested},
               {"ran", placement.ran},
               {"runtime", placement.runtime},
               {"device", placement.device},
               {"reason", nullptr}};
  if (placement.reason) json["reason"] = *placement.reason;
  return json;
}

Json row_json(const BenchRow& row) {
  Json json = {
      {"mean_time_ms", rounded(row.ms.mean)},
      {"median_time_ms", rounded(row.ms.median)},
      {"std_time_ms", rounded(row.ms.std)},
      {"min_time_ms", rounded(row.ms.min)},
      {"max_time_ms", rounded(row.ms.max)},
      {"p95_time_ms", rounded(row.ms.p95)},
      {"mean_throughput", rounded(row.images_per_second)},
      {"mean_memory_mb", rounded(row.memory_mb)},
      {"peak_memory_mb", rounded(row.peak_memory_mb)},
      {"mean_cpu_percent", rounded(row.cpu_percent)},
      {"mean_gpu_memory_mb", rounded(row.gpu_memory_mb)},
      {"peak_gpu_memory_mb", rounded(row.gpu_peak_memory_mb)},
      {"error_rate", rounded(row.error_rate)},
      {"success_rate", rounded(1 - row.error_rate)},
      {"error", row.error.empty() ? Json() : Json(row.error)},
      {"batch_size", row.batch},
      {"iterations", row.iterations},
      {"images_per_iteration", row.images},
      {"warmup_time_ms", rounded(row.warmup_ms)},
      {"faces_per_image", rounded(row.faces)},
      {"stages_ms",
       {{"decode", rounded(row.decode_ms)}, {"detect", rounded(row.detect_ms)}, {"operation", rounded(row.ms.mean)}}},
      {"fell_back", row.fell_back()},
      {"placement", placement_json(row.placement)},
  };
  return json;
}

// With several batch sizes, each has a level of its own.
Json results_json(const std::vector<BenchRow>& rows) {
  bool one_batch = true;
  for (const BenchRow& row : rows) one_batch = one_batch && row.batch == rows.front().batch;
  Json json = Json::object();
  for (const BenchRow& row : rows) {
    Json& place = json[row.operation][row.size][row.gpu ? "gpu_true" : "gpu_false"];
    (one_batch ? place : place["batch_" + std::to_string(row.batch)]) = row_json(row);
  }
  return json;
}

Json analysis_json(const std::vector<BenchComparison>& comparisons) {
  Json gains = Json::object(), recommendations = Json::object(), optimal = Json::object();
  for (const BenchComparison& one : comparisons) {
    if (one.compared) {
      Json gain = {{"time_improvement_percent", rounded(one.time_improvement_percent)},
                   {"throughput_improvement_percent", rounded(one.throughput_improvement_percent)}};
      if (!one.reason.empty()) gain["no_gain_because"] = one.reason;
      gains[one.operation][one.size] = std::move(gain);
      recommendations[one.operation][one.size] = one.use_gpu ? "enable_gpu" : "use_cpu";
    }
    if (one.best_device.empty()) continue;
    optimal[one.operation][one.size] = {
        {"device", one.best_device}, {"batch_size", one.best_batch}, {"median_time_ms", rounded(one.best_ms)}};
  }
  return {{"performance_gains", gains}, {"recommendations", recommendations}, {"optimal_configurations", optimal}};
}

Json text_or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

}  // namespace

std::string bench_to_json(const BenchResult& result) {
  const Json json = {{"timestamp", result.timestamp},
                     {"system_info",
                      {{"cpu", result.cpu},
                       {"cpu_cores", result.cores},
                       {"gpu", text_or_null(result.gpu)},
                       {"gpu_unavailable_because", text_or_null(result.gpu_reason)},
                       {"runtime", result.runtime},
                       {"mien", result.version},
                       {"detector", result.detector},
                       {"embedder", text_or_null(result.embedder)},
                       {"photos", result.photos},
                       {"benchmark_seconds", rounded(result.seconds)}}},
                     {"benchmark_results", results_json(result.rows)},
                     {"analysis", analysis_json(result.comparisons)}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace mien
