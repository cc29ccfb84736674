// The worker of the face crawlers: GET /health and POST /detect_faces_batch_multipart. Images are read while there is
// room, as in a batch of /v1/batch; the answer comes once for all of them, for it is one object.
#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <random>
#include <utility>

#include "base/stopwatch.h"
#include "service/answer_with.h"
#include "service/crawler.h"
#include "service/image_batch.h"
#include "service/routes.h"
#include "service/schemas.h"

namespace mien::service {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kCrawlerImagesMost = 1000;
constexpr std::size_t kFields = 5;

// What is the same for all requests.
struct Worker {
  std::string id;
  Clock::time_point started = Clock::now();
  std::vector<std::string> emulated_gpus;
};

Worker make_worker(const Service& service) {
  Worker worker;
  std::random_device random;
  worker.id = fmt::format("mien-{:08x}", random());
  worker.emulated_gpus = emulated_gpus(service.engine().device_status());
  return worker;
}

class CrawlerBatch final : public ImageBatch {
 public:
  CrawlerBatch(Service& service, std::shared_ptr<Exchange> exchange, QueryOptions options,
               std::shared_ptr<const Worker> worker)
      : ImageBatch(service, std::move(exchange), std::move(options)), worker_(std::move(worker)) {}

  void end(CrawlerFields fields, std::vector<std::string> hashes) {
    complete([&] {
      fields_ = std::move(fields);
      hashes_ = std::move(hashes);
    });
  }

 private:
  WithLock on_record(std::size_t index, const Part& /*part*/, const Record& record) override {
    CrawlerImage image{record.analysis.faces, {}};
    if (record.error) image.problem = record.error->message;
    const bool is_on_gpu = ran_on_gpu(record.analysis, worker_->emulated_gpus);
    return [this, index, is_on_gpu, image = std::move(image)]() mutable {
      if (found_.size() <= index) found_.resize(index + 1);
      found_[index] = std::move(image);
      is_on_gpu_ = is_on_gpu_ || is_on_gpu;
    };
  }

  void on_all_done() override {
    const CrawlerFacts facts{ms_since(begin_), is_on_gpu_, worker_->id};
    exchange().answer(json_response(crawler_answer(fields_, hashes_, found_, facts)));
  }

  const std::shared_ptr<const Worker> worker_;
  const Clock::time_point begin_ = Clock::now();
  // All that follows is touched with the lock held.
  CrawlerFields fields_;
  std::vector<std::string> hashes_;
  std::vector<CrawlerImage> found_;
  bool is_on_gpu_ = false;
};

class CrawlerHandler final : public RequestHandler {
 public:
  CrawlerHandler(Service& service, std::shared_ptr<Exchange> exchange, std::shared_ptr<const Worker> worker)
      : service_(service), exchange_(std::move(exchange)), worker_(std::move(worker)) {}
  ~CrawlerHandler() override {
    if (batch_ && !is_ended_) batch_->leave();
  }
  CrawlerHandler(const CrawlerHandler&) = delete;
  CrawlerHandler& operator=(const CrawlerHandler&) = delete;

  Flow on_head() override {
    if (refuse_if_full(service_, *exchange_) == Flow::stop) return Flow::stop;
    QueryOptions options = service_.query_defaults();
    options.analyze.embed = service_.settings().crawler_embeddings;
    options.analyze.face_quality = false;
    options.analyze.phash = false;
    batch_ = std::make_shared<CrawlerBatch>(service_, exchange_, std::move(options), worker_);
    return Flow::read_on;
  }

  Flow on_part(Part part) override {
    if (fields_.take(part)) return Flow::read_on;
    if (part.name == "images" || part.name == "images[]") {
      file_names_.push_back(part.file_name.value_or(""));
      return batch_->take(std::move(part)) ? Flow::read_on : Flow::wait;
    }
    throw Exception(ErrorCode::invalid_argument,
                    fmt::format("the form has a part '{}': each image is a part 'images', beside image_hashes, "
                                "min_face_quality, require_face, crop_faces and face_margin",
                                part.name));
  }

  void on_end() override {
    fields_.check();
    if (file_names_.empty()) throw Exception(ErrorCode::invalid_argument, "there is no image: send parts 'images'");
    batch_->end(fields_, crawler_hashes(fields_, file_names_));
    is_ended_ = true;
  }

 private:
  Service& service_;
  std::shared_ptr<Exchange> exchange_;
  std::shared_ptr<const Worker> worker_;
  std::shared_ptr<CrawlerBatch> batch_;
  CrawlerFields fields_;
  std::vector<std::string> file_names_;  // of the images
  bool is_ended_ = false;
};

Response health(const Service& service, const Worker& worker) {
  const nlohmann::ordered_json body = {{"status", service.is_ready() ? "healthy" : "unhealthy"},
                                       {"gpu_available", has_gpu(service.engine().device_status())},
                                       {"directml_available", false},  // a backend that is not built in
                                       {"model_loaded", service.is_ready()},
                                       {"uptime_seconds", ms_since(worker.started) / 1000}};
  return json_response(body.dump() + "\n");
}

}  // namespace

std::vector<Route> crawler_routes(Service& service) {
  const auto worker = std::make_shared<const Worker>(make_worker(service));
  // Open as /healthz is: whatever watches over workers has no key, and it says nothing of any image.
  Route ask{
      .method = "GET",
      .path = "/health",
      .summary = "Whether the worker is ready, and whether it has a GPU, for the face crawlers",
      .access = Access::open,
      .answer_schema = kCrawlerHealthSchema,
      .make = answer_with([&service, worker](const Exchange&) { return health(service, *worker); }, &service.chores())};
  Route detect{.method = "POST",
               .path = "/detect_faces_batch_multipart",
               .summary = "The faces of up to 1,000 images by their hashes, for the face crawlers",
               .body = BodyKind::stream,
               .parts = {{"images", true, true, "an image; its file name is its hash, with an extension"},
                         {"images[]", true, true, "likewise"},
                         {"image_hashes", false, false, "JSON: the hash of each image", false, kCrawlerHashesSchema},
                         {"min_face_quality", false, false, "the least score of the detector that a face may have",
                          true, R"({"type":"number","minimum":0,"maximum":1})"},
                         {"require_face", false, false, "an image without a face is named in errors", false,
                          R"({"type":"boolean","default":false})"},
                         {"crop_faces", false, false, "read, and changes nothing: no answer has pictures", false,
                          R"({"type":"boolean","default":true})"},
                         {"face_margin", false, false, "likewise", false,
                          R"({"type":"number","minimum":0,"maximum":10,"default":0.2})"}},
               .answer_schema = kCrawlerSchema,
               .errors = {400, 413, 503},
               .analyses = true,
               .parts_max = kCrawlerImagesMost + kFields,
               .make = [&service, worker](std::shared_ptr<Exchange> exchange) -> std::unique_ptr<RequestHandler> {
                 return std::make_unique<CrawlerHandler>(service, std::move(exchange), worker);
               }};
  return {std::move(ask), std::move(detect)};
}

}  // namespace mien::service
