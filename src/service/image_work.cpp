#include "service/image_work.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace mien::service {

Response error_response(const Error& error, const Exchange& exchange) {
  return error_response(error_http_status(error.code), error_code_name(error.code), error.message,
                        exchange.request().id);
}

Error late_error(std::chrono::milliseconds time_limit) {
  return {ErrorCode::cancelled,
          fmt::format("the image was not done within {} ms (timeout_ms): come again later, or allow it more time",
                      time_limit.count())};
}

ImageTask make_task(OneAnswer answer) {
  ImageTask task;
  task.time_limit = answer.options.time_limit;
  if (!answer.error) {
    answer.error = [exchange = answer.exchange](const Error& error) { return error_response(error, *exchange); };
  }
  const auto shared = std::make_shared<OneAnswer>(std::move(answer));
  task.work = [shared](const Turn& turn) {
    Exchange& exchange = *shared->exchange;
    RequestFacts facts;
    facts.images = 1;
    facts.queue_ms = turn.queue_ms;
    Response response;
    try {
      shared->options.analyze.stop = turn.stop;
      response = shared->work(shared->options, turn.workspace, facts);
    } catch (const Exception& error) {
      const bool is_late = error.error().code == ErrorCode::cancelled;
      response = shared->error(is_late ? late_error(shared->options.time_limit) : error.error());
    } catch (const std::exception& error) {
      response = shared->error({ErrorCode::internal, error.what()});
    }
    exchange.add(facts);
    exchange.answer(std::move(response));
  };
  task.late = [shared](double queue_ms) {
    Exchange& exchange = *shared->exchange;
    shared->service.metrics().add_late();
    RequestFacts facts;
    facts.images = 1;
    facts.queue_ms = queue_ms;
    exchange.add(facts);
    exchange.answer(shared->error(late_error(shared->options.time_limit)));
  };
  return task;
}

Flow refuse_if_full(Service& service, Exchange& exchange) {
  if (!service.scheduler().is_full()) return Flow::read_on;
  exchange.answer(service.refusal(exchange, kRefusedQueue));
  return Flow::stop;
}

OneImageHandler::OneImageHandler(Service& service, std::shared_ptr<Exchange> exchange, OptionNames names, Work work)
    : service_(service), exchange_(std::move(exchange)), names_(names), work_(std::move(work)) {}

Flow OneImageHandler::on_head() {
  options_ = read_query(exchange_->request(), names_, service_.query_defaults());
  return refuse_if_full(service_, *exchange_);
}

Flow OneImageHandler::on_part(Part part) {
  if (!part.name.empty() && part.name != "image") {
    throw Exception(
        ErrorCode::invalid_argument,
        fmt::format("the form has a part '{}': send the image as the body, or as one part 'image'", part.name));
  }
  if (image_) {
    throw Exception(ErrorCode::invalid_argument, "the form has two images: send one, or several to /v1/batch");
  }
  image_ = std::make_shared<Part>(std::move(part));
  return Flow::read_on;
}

void OneImageHandler::on_end() {
  if (!image_) {
    throw Exception(ErrorCode::invalid_argument, "there is no image: send it as the body, or as one part 'image'");
  }
  OneAnswer answer{
      service_, exchange_, options_,
      [work = work_, image = image_](const QueryOptions& options, Workspace& workspace, RequestFacts& facts) {
        return work(*image, options, workspace, facts);
      }};
  Scheduler& scheduler = service_.scheduler();
  if (scheduler.submit(scheduler.open(exchange_->gone()), make_task(std::move(answer)))) return;
  exchange_->answer(service_.refusal(*exchange_, kRefusedQueue));
}

}  // namespace mien::service
