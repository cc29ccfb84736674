// Many images in one request: a record each, as soon as it is ready. What comes is read part by part while there is
// room, so that a batch is never refused half-way and leaves room for others.
#include <fmt/format.h>

#include <functional>
#include <mutex>
#include <stop_token>
#include <utility>

#include "service/image_work.h"
#include "service/routes.h"
#include "service/schemas.h"

namespace mien::service {
namespace {

constexpr std::size_t kImagesMost = 1000;

// A batch on its way; shared by the server's thread and workers.
class Batch : public std::enable_shared_from_this<Batch> {
 public:
  Batch(Service& service, std::shared_ptr<Exchange> exchange, QueryOptions options)
      : service_(service),
        exchange_(std::move(exchange)),
        options_(std::move(options)),
        on_gone_(exchange_->gone(), [this] { stop_all(); }),
        request_(service_.scheduler().open(left_.get_token())) {}

  // False: the image waits for room; reading goes on by Exchange::read_on then.
  bool take(Part part) {
    const auto image = std::make_shared<Part>(std::move(part));
    std::size_t index = 0;
    {
      const std::lock_guard lock(mutex_);
      index = images_++;
      ++open_;
    }
    return submit(image, index, false);
  }

  void end() {
    const std::lock_guard lock(mutex_);
    if (images_ == 0) throw Exception(ErrorCode::invalid_argument, "there is no image: send parts 'images'");
    is_complete_ = true;
    if (open_ == 0) end_answer();
  }

  // The request was refused before an answer began: what was taken of it is of no use.
  void leave() {
    {
      const std::lock_guard lock(mutex_);
      is_left_ = true;
    }
    stop_all();
  }

  // No more images come, because the form is wrong from here on: the last line says so.
  void fail(const Error& error) {
    const std::lock_guard lock(mutex_);
    const Response response = error_response(error, *exchange_);
    last_line_ = response.body + (response.body.ends_with('\n') ? "" : "\n");
    is_complete_ = true;
    if (open_ == 0) end_answer();
  }

 private:
  // What it stops may be the last to hold this object.
  void stop_all() {
    std::stop_source left = left_;
    left.request_stop();
  }

  bool submit(const std::shared_ptr<Part>& image, std::size_t index, bool reads_on) {
    while (!service_.scheduler().submit(request_, task(image, index))) {
      const auto again = [self = shared_from_this(), image, index] { (void)self->submit(image, index, true); };
      if (service_.scheduler().when_room(request_, again)) return false;
    }
    if (reads_on) exchange_->read_on();
    return true;
  }

  ImageTask task(const std::shared_ptr<Part>& image, std::size_t index) {
    ImageTask task;
    task.time_limit = options_.time_limit;
    const auto done = [self = shared_from_this(), image, index](Record record, double queue_ms) {
      self->service_.metrics().add(record);
      if (record.error && record.error->code == ErrorCode::cancelled) {
        record.error = late_error(self->options_.time_limit);
      }
      record.source = image->file_name.value_or("");
      self->finish(index, record, queue_ms);
    };
    task.analysis = AnalysisTask{service_.shared_engine(), image->bytes, options_.analyze, done};
    task.late = [self = shared_from_this(), image, index](double queue_ms) {
      self->service_.metrics().add_late();
      Record record;
      record.source = image->file_name.value_or("");
      record.error = late_error(self->options_.time_limit);
      self->finish(index, record, queue_ms);
    };
    return task;
  }

  void finish(std::size_t index, const Record& record, double queue_ms) {
    const std::string line = record_to_json(record, options_.embeddings);
    const std::lock_guard lock(mutex_);
    if (is_left_) return;
    facts_.faces += static_cast<int>(record.analysis.faces.size());
    facts_.queue_ms = std::max(facts_.queue_ms, queue_ms);
    if (!has_begun_) exchange_->begin({.body = {}, .content_type = "application/x-ndjson"});
    has_begun_ = true;
    exchange_->write(fmt::format("{{\"index\":{},{}\n", index, line.substr(1)));
    if (--open_ == 0 && is_complete_) end_answer();
  }

  void end_answer() {
    facts_.images = static_cast<int>(images_);
    exchange_->add(facts_);
    if (!last_line_.empty()) exchange_->write(last_line_);
    exchange_->end();
  }

  Service& service_;
  const std::shared_ptr<Exchange> exchange_;
  const QueryOptions options_;
  std::stop_source left_;
  const std::stop_callback<std::function<void()>> on_gone_;
  const std::shared_ptr<Scheduler::Request> request_;
  std::mutex mutex_;        // guards all that follows
  std::size_t images_ = 0;  // so far
  std::size_t open_ = 0;    // without a record
  bool is_left_ = false;
  bool is_complete_ = false;  // no more images come
  bool has_begun_ = false;
  std::string last_line_;  // why no more came
  RequestFacts facts_;
};

class BatchHandler final : public RequestHandler {
 public:
  BatchHandler(Service& service, std::shared_ptr<Exchange> exchange)
      : service_(service), exchange_(std::move(exchange)) {}
  ~BatchHandler() override {
    if (batch_ && !is_ended_) batch_->leave();
  }
  BatchHandler(const BatchHandler&) = delete;
  BatchHandler& operator=(const BatchHandler&) = delete;

  Flow on_head() override {
    QueryOptions options = read_query(exchange_->request(), kAnalyzeOptionNames, service_.query_defaults());
    if (refuse_if_full(service_, *exchange_) == Flow::stop) return Flow::stop;
    batch_ = std::make_shared<Batch>(service_, exchange_, std::move(options));
    return Flow::read_on;
  }

  Flow on_part(Part part) override {
    if (part.name != "images") {
      throw Exception(ErrorCode::invalid_argument,
                      fmt::format("the form has a part '{}': each image is a part 'images'", part.name));
    }
    return batch_->take(std::move(part)) ? Flow::read_on : Flow::wait;
  }

  void on_end() override {
    batch_->end();
    is_ended_ = true;
  }

  bool on_failure(const Error& error) override {
    batch_->fail(error);
    is_ended_ = true;
    return true;
  }

 private:
  Service& service_;
  std::shared_ptr<Exchange> exchange_;
  std::shared_ptr<Batch> batch_;
  bool is_ended_ = false;
};

}  // namespace

Route batch_route(Service& service) {
  return {.method = "POST",
          .path = "/v1/batch",
          .summary = "A record for each of up to 1,000 images, as soon as it is ready",
          .body = BodyKind::stream,
          .query = query_rows(kAnalyzeOptionNames),
          .parts = {{"images", true, true, "an image; its file name becomes the record's source", true}},
          .answer_type = "application/x-ndjson",
          .answer_schema = kRecordSchema,
          .errors = {400, 413, 503},
          .analyses = true,
          .parts_max = kImagesMost,
          .make = [&service](std::shared_ptr<Exchange> exchange) -> std::unique_ptr<RequestHandler> {
            return std::make_unique<BatchHandler>(service, std::move(exchange));
          }};
}

}  // namespace mien::service
