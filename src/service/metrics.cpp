#include "service/metrics.h"

#include <algorithm>
#include <iterator>

#include "service/metrics_text.h"

namespace mien::service {
namespace {

constexpr Histogram::Bounds kRequestSeconds = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30};
constexpr Histogram::Bounds kQueueSeconds = {0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30};
constexpr Histogram::Bounds kStageSeconds = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5};

struct StageRow {
  std::string_view name;
  double Timings::*time;
};
constexpr StageRow kStages[] = {{"decode", &Timings::decode},
                                {"enhance", &Timings::enhance},
                                {"detect", &Timings::detect},
                                {"embed", &Timings::embed},
                                {"quality", &Timings::quality}};

// What the reason of a placement says, as a word that a rule can ask for. The first row that fits counts.
struct ReasonRow {
  std::string_view part;  // of the sentence
  std::string_view word;
};
constexpr ReasonRow kReasons[] = {
    {"paused after", "paused"},
    {"gave no answer", "no_answer"},
    {"no answer", "no_answer"},
    {"memory", "memory"},
    {"ceiling", "memory"},
    {"compiling", "compiling"},
    {"is behind", "behind"},
    {"the CPU was faster", "behind"},
    {"where the pixels are", "kept_by_cpu"},
    {"planning for the GPU takes longer", "kept_by_cpu"},
    {"the CPU keeps", "kept_by_cpu"},
    {"precision", "precision"},
    {"GPU_BACKEND=cpu", "no_device"},
    {"no device", "no_device"},
    {"device found", "no_device"},
    {"not installed", "no_device"},
};
constexpr std::string_view kOtherReason = "device_error";

// An operation that was to run on a GPU and did not, or in part.
bool fell_back(const Placement& placement) {
  return placement.requested != "cpu" && (placement.ran == "cpu" || placement.ran == "mixed");
}

template <typename Map, typename Label>
void put_counters(MetricsText& text, const Map& counters, Label label) {
  for (const auto& [key, value] : counters) text.sample({{label, key}}, static_cast<double>(value));
}

// Several engines may use one device: what they hold is added up.
std::vector<DeviceStatus> by_device(const std::vector<DeviceStatus>& of_engines) {
  std::vector<DeviceStatus> devices;
  for (const DeviceStatus& status : of_engines) {
    const auto known = std::find_if(devices.begin(), devices.end(), [&](const DeviceStatus& other) {
      return other.device.name == status.device.name && other.device.id == status.device.id;
    });
    if (known == devices.end()) {
      devices.push_back(status);
      continue;
    }
    known->held_bytes += status.held_bytes;
    known->ceiling_bytes += status.ceiling_bytes;
  }
  return devices;
}

void put_devices(MetricsText& text, const std::vector<DeviceStatus>& of_engines) {
  if (of_engines.empty()) return;
  text.family("mien_breaker_open", "gauge", "1: the GPU failed, and the CPU does the operation for a while.");
  for (const OperationRow& row : kOperations) {
    const bool is_open = std::any_of(of_engines.begin(), of_engines.end(), [&](const DeviceStatus& status) {
      return status.breaker_open[index_of(row.operation)];
    });
    text.sample({{"operation", row.name}}, is_open ? 1 : 0);
  }
  text.family("mien_device_memory_bytes", "gauge",
              "Memory of a GPU: total and free by its driver, held by this service, and the ceiling of that.");
  for (const DeviceStatus& status : by_device(of_engines)) {
    constexpr double kMegabyte = 1 << 20;
    const std::pair<std::string_view, double> kinds[] = {
        {"total", static_cast<double>(status.device.memory_total_mb) * kMegabyte},
        {"free", static_cast<double>(status.device.memory_free_mb) * kMegabyte},
        {"held", static_cast<double>(status.held_bytes)},
        {"ceiling", static_cast<double>(status.ceiling_bytes)}};
    const std::string name =
        status.device.id == 0 ? status.device.name : status.device.name + " " + std::to_string(status.device.id);
    for (const auto& [kind, bytes] : kinds) text.sample({{"device", name}, {"kind", kind}}, bytes);
  }
}

void put_infos(MetricsText& text, const MetricsNow& now) {
  text.family("mien_build_info", "gauge", "1; its labels say what this is.");
  text.sample({{"version", now.version}, {"commit", now.commit}}, 1);
  text.family("mien_model_info", "gauge", "1 for each model that is open.");
  for (const ModelInfo& model : now.models) {
    text.sample({{"role", model.role}, {"name", model.name}, {"sha256", model.sha256}}, 1);
  }
}

}  // namespace

std::string_view fallback_reason(std::string_view text) {
  const auto row = std::find_if(std::begin(kReasons), std::end(kReasons),
                                [&](const ReasonRow& one) { return text.find(one.part) != std::string_view::npos; });
  return row == std::end(kReasons) ? kOtherReason : row->word;
}

void Histogram::add(double value, const Bounds& bounds) {
  ++counts[static_cast<std::size_t>(std::lower_bound(bounds.begin(), bounds.end(), value) - bounds.begin())];
  sum += value;
}

void Metrics::add(const Completed& request) {
  const std::lock_guard lock(mutex_);
  ++requests_[{std::string(request.route), request.status}];
  if (request.analyses && request.status == 200) {
    durations_[std::string(request.route)].add(request.seconds, kRequestSeconds);
  }
  if (!request.facts.refused_reason.empty()) ++refused_[request.facts.refused_reason];
}

void Metrics::add(const Record& record) {
  const std::lock_guard lock(mutex_);
  ++images_[record.error ? std::string(error_code_name(record.error->code)) : "ok"];
  if (record.error) return;
  faces_ += record.analysis.faces.size();
  for (const StageRow& stage : kStages) {
    const double ms = record.analysis.timings_ms.*stage.time;
    if (ms > 0) stages_[std::string(stage.name)].add(ms / 1000, kStageSeconds);
  }
  for (const Placement& placement : record.analysis.placement) {
    ++operations_[{placement.operation, placement.requested, placement.ran}];
    if (fell_back(placement)) {
      ++fallbacks_[{placement.operation, std::string(fallback_reason(placement.reason.value_or("")))}];
    }
    if (placement.operation == operation_name(Operation::face_detection) && placement.ran == "cpu") ++cpu_batches_;
  }
}

void Metrics::add_late() {
  const std::lock_guard lock(mutex_);
  ++images_[std::string(error_code_name(ErrorCode::cancelled))];
}

void Metrics::add_queue_time(double seconds) {
  const std::lock_guard lock(mutex_);
  queue_time_.add(seconds, kQueueSeconds);
}

std::string Metrics::page(const MetricsNow& now) const {
  MetricsText text;
  put_infos(text, now);
  const std::lock_guard lock(mutex_);
  text.family("mien_requests_total", "counter", "Requests that were answered; status 0: the client was gone before.");
  for (const auto& [key, count] : requests_) {
    text.sample({{"route", key.first}, {"status", std::to_string(key.second)}}, static_cast<double>(count));
  }
  text.family("mien_request_duration_seconds", "histogram", "From a request's head to its answer, of those with 200.");
  for (const auto& [route, durations] : durations_) text.histogram({"route", route}, durations, kRequestSeconds);
  text.family("mien_images_total", "counter", "Images by what came of them: ok, or the code of the error.");
  put_counters(text, images_, "result");
  text.family("mien_faces_total", "counter", "Faces that were found.");
  text.sample({}, static_cast<double>(faces_));
  text.family("mien_queue_images", "gauge", "Images that wait for a worker.");
  text.sample({}, static_cast<double>(now.queue_images));
  text.family("mien_queue_images_max", "gauge", "Images that may wait.");
  text.sample({}, static_cast<double>(now.queue_images_max));
  text.family("mien_queue_bytes", "gauge", "Bytes of bodies that are held.");
  text.sample({}, static_cast<double>(now.queue_bytes));
  text.family("mien_queue_duration_seconds", "histogram", "Time that an image waited for a worker.");
  text.histogram({}, queue_time_, kQueueSeconds);
  text.family("mien_refused_total", "counter", "Requests that were refused, by reason.");
  put_counters(text, refused_, "reason");
  std::int64_t batches = static_cast<std::int64_t>(cpu_batches_);
  std::int64_t batch_images = batches;
  for (const DeviceStatus& status : now.devices) {
    batches += status.batches;
    batch_images += status.batch_images;
  }
  text.family("mien_batch_images", "summary", "Images of a model's run: batches on a GPU, one by one on the CPU.");
  text.sample({}, static_cast<double>(batch_images), "_sum");
  text.sample({}, static_cast<double>(batches), "_count");
  text.family("mien_stage_duration_seconds", "histogram", "Time of an image in each stage.");
  for (const auto& [stage, durations] : stages_) text.histogram({"stage", stage}, durations, kStageSeconds);
  text.family("mien_operation_images_total", "counter", "Images by where an operation was asked to run, and ran.");
  for (const auto& [key, count] : operations_) {
    const auto& [operation, requested, ran] = key;
    text.sample({{"operation", operation}, {"requested", requested}, {"ran", ran}}, static_cast<double>(count));
  }
  text.family("mien_fallback_images_total", "counter", "Images of which the CPU did what a GPU was asked for.");
  for (const auto& [key, count] : fallbacks_) {
    text.sample({{"operation", key.first}, {"reason", key.second}}, static_cast<double>(count));
  }
  put_devices(text, now.devices);
  add_process(text);
  return text.take();
}

}  // namespace mien::service
