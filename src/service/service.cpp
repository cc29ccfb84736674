#include "service/service.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/processor.h"
#include "mien/device.h"
#include "mien/tools/stream.h"

namespace mien::service {
namespace {

constexpr std::size_t kMegabyte = std::size_t{1} << 20;

EngineOptions for_many(EngineOptions options) {
  options.many_images = true;
  options.load_embedder = true;
  return options;
}

int worker_count(const Settings& settings) { return settings.threads > 0 ? settings.threads : usable_processors(); }

// A gray picture as an uncompressed BMP: what is analysed before the first request.
std::vector<std::uint8_t> make_picture() {
  constexpr std::uint32_t kHeader = 54, kWidth = 320, kHeight = 240;
  constexpr std::uint32_t kPixels = kWidth * kHeight * 3;
  std::vector<std::uint8_t> file(kHeader + kPixels, 128);
  std::fill_n(file.begin(), kHeader, std::uint8_t{0});
  const auto put = [&](std::size_t at, std::uint32_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) file[at++] = static_cast<std::uint8_t>(value >> (8 * i));
  };
  put(0, 'B' | 'M' << 8, 2);
  put(2, kHeader + kPixels, 4);
  put(10, kHeader, 4);
  put(14, 40, 4);  // bytes of the rest of the header
  put(18, kWidth, 4);
  put(22, kHeight, 4);
  put(26, 1, 2);   // planes
  put(28, 24, 2);  // bits a pixel
  put(34, kPixels, 4);
  return file;
}

}  // namespace

Service::Service(EngineOptions options)
    : engine_(std::make_shared<const Engine>(for_many(std::move(options)))),
      immich_(engine_),
      budget_(std::make_shared<Budget>(static_cast<std::size_t>(settings().queue_mb) * kMegabyte)) {
  SchedulerOptions of_scheduler;
  of_scheduler.workers = worker_count(settings());
  of_scheduler.engine = engine_.get();
  of_scheduler.images_max = static_cast<std::size_t>(settings().queue);
  // One request keeps workers and device busy, and leaves the rest of the queue to others.
  of_scheduler.ahead_max = 2 * static_cast<std::size_t>(std::max(of_scheduler.workers, engine_->batch_max()));
  of_scheduler.on_taken = [this](double seconds) { metrics_.add_queue_time(seconds); };
  scheduler_ = std::make_unique<Scheduler>(std::move(of_scheduler));
  if (!settings().serve_store.empty()) {
    people_ = std::make_unique<PeopleDesk>(settings().serve_store, settings());
    people_->read_ahead();
  }
  for (const std::shared_ptr<const Engine>& engine : immich_.others()) {
    set_batch_delay(*engine, std::chrono::milliseconds(settings().batch_delay_ms));
  }
  set_batch_delay(*engine_, std::chrono::milliseconds(settings().batch_delay_ms));
  warm_up();
}

Service::~Service() = default;

QueryOptions Service::query_defaults() const {
  QueryOptions options;
  options.analyze.phash = true;  // as in a scan's records
  options.analyze.detail = settings().detail;
  return options;
}

// Throws what the first image of a client would meet.
void Service::warm_up() {
  const std::vector<std::uint8_t> picture = make_picture();
  AnalyzeOptions options = query_defaults().analyze;
  Workspace workspace;
  std::vector<std::shared_ptr<const Engine>> engines = immich_.others();
  engines.push_back(engine_);
  for (const std::shared_ptr<const Engine>& engine : engines) {
    (void)engine->analyze(picture, options, workspace).take();
  }
  is_warm_ = true;
}

void Service::drain() {
  is_draining_ = true;
  scheduler_->drop_held();
}

std::string Service::metrics_page() {
  if (!version_) version_ = version_info(settings());
  MetricsNow now;
  now.version = version_->version;
  now.commit = version_->commit;
  now.queue_images = scheduler_->waiting();
  now.queue_images_max = scheduler_->images_max();
  now.queue_bytes = budget_->held();
  std::vector<std::shared_ptr<const Engine>> engines = immich_.others();
  if (std::find(engines.begin(), engines.end(), engine_) == engines.end()) engines.push_back(engine_);
  const auto add_model = [&](const ModelInfo& model) {
    const bool is_known = std::any_of(now.models.begin(), now.models.end(), [&](const ModelInfo& other) {
      return other.role == model.role && other.name == model.name && other.sha256 == model.sha256;
    });
    if (!is_known) now.models.push_back(model);
  };
  for (const std::shared_ptr<const Engine>& engine : engines) {
    add_model(engine->detector());
    add_model(*engine->embedder());
    for (DeviceStatus& status : engine->device_status()) now.devices.push_back(std::move(status));
  }
  return metrics_.page(now);
}

Response Service::refusal(Exchange& exchange, std::string_view reason) {
  const int seconds = scheduler_->retry_after_seconds();
  RequestFacts facts;
  facts.refused_reason = reason;
  exchange.add(facts);
  Response response = error_response(503, error_code_name(ErrorCode::unavailable),
                                     fmt::format("{} images wait already, which is all that may: come again in {} s",
                                                 scheduler_->images_max(), seconds),
                                     exchange.request().id);
  response.headers.emplace_back("Retry-After", std::to_string(seconds));
  return response;
}

}  // namespace mien::service
