// Many images in one request: a record each, as soon as it is ready. What comes is read part by part while there is
// room, so that a batch is never refused half-way and leaves room for others.
#include <fmt/format.h>

#include <utility>

#include "service/image_batch.h"
#include "service/routes.h"
#include "service/schemas.h"

namespace mien::service {
namespace {

constexpr std::size_t kImagesMost = 1000;

// Each record is a line of the answer.
class Batch final : public ImageBatch {
 public:
  using ImageBatch::ImageBatch;

  void end() {
    complete([this] {
      if (images() == 0) throw Exception(ErrorCode::invalid_argument, "there is no image: send parts 'images'");
    });
  }

  // No more images come, because the form is wrong from here on: the last line says so.
  void fail(const Error& error) {
    const Response response = error_response(error, exchange());
    complete([&] { last_line_ = response.body + (response.body.ends_with('\n') ? "" : "\n"); });
  }

 private:
  WithLock on_record(std::size_t index, const Part& /*image*/, const Record& record) override {
    std::string line =
        fmt::format("{{\"index\":{},{}\n", index, record_to_json(record, options().embeddings).substr(1));
    return [this, line = std::move(line)]() mutable {
      if (!has_begun_) exchange().begin({.body = {}, .content_type = "application/x-ndjson"});
      has_begun_ = true;
      exchange().write(std::move(line));
    };
  }

  void on_all_done() override {
    if (!last_line_.empty()) exchange().write(last_line_);
    exchange().end();
  }

  // Both are touched with the lock held.
  bool has_begun_ = false;
  std::string last_line_;  // why no more came
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
