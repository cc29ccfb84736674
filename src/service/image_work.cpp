#include "service/image_work.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace mien::service {
namespace {

// Immich and most proxies hang up after 300 s.
constexpr std::chrono::seconds kHeldMost{240};
constexpr std::chrono::seconds kDoneMost{290};

}  // namespace

Response error_response(const Error& error, const Exchange& exchange) {
  return error_response(error_http_status(error.code), error_code_name(error.code), error.message,
                        exchange.request().id);
}

Error late_error(std::chrono::milliseconds time_limit) {
  return {ErrorCode::cancelled,
          fmt::format("the image was not done within {} ms (timeout_ms): come again later, or allow it more time",
                      time_limit.count())};
}

namespace {

// The answer to an error, an image's time that was over among them.
Response answer_of(const OneAnswer& answer, const Error& error) {
  return answer.error(error.code == ErrorCode::cancelled ? late_error(answer.options.time_limit) : error);
}

// The parts of a task that do not depend on what is done.
ImageTask begin_task(const std::shared_ptr<OneAnswer>& answer) {
  if (!answer->error) {
    answer->error = [exchange = answer->exchange](const Error& error) { return error_response(error, *exchange); };
  }
  ImageTask task;
  task.time_limit = answer->options.time_limit;
  task.late = [answer](double queue_ms) {
    answer->service.metrics().add_late();
    RequestFacts facts;
    facts.images = 1;
    facts.queue_ms = queue_ms;
    answer->exchange->add(facts);
    answer->exchange->answer(answer->error(late_error(answer->options.time_limit)));
  };
  return task;
}

// Answers with what `make` returns, or why it throws.
template <typename Make>
void give_answer(const OneAnswer& answer, RequestFacts& facts, Make make) {
  Response response;
  try {
    response = make();
  } catch (const Exception& error) {
    response = answer_of(answer, error.error());
  } catch (const std::exception& error) {
    response = answer.error({ErrorCode::internal, error.what()});
  }
  answer.exchange->add(facts);
  answer.exchange->answer(std::move(response));
}

}  // namespace

ImageTask make_task(OneAnswer given, Work work) {
  const auto answer = std::make_shared<OneAnswer>(std::move(given));
  ImageTask task = begin_task(answer);
  task.work = [answer, work = std::move(work)](const Turn& turn) {
    RequestFacts facts;
    facts.images = 1;
    facts.queue_ms = turn.queue_ms;
    answer->options.analyze.stop = turn.stop;
    give_answer(*answer, facts, [&] { return work(answer->options, turn.workspace, facts); });
  };
  return task;
}

ImageTask make_analysis(OneAnswer given, std::shared_ptr<const Engine> engine, std::shared_ptr<const Part> image,
                        View view) {
  const auto answer = std::make_shared<OneAnswer>(std::move(given));
  ImageTask task = begin_task(answer);
  const Bytes bytes = image->bytes;
  const auto done = [answer, image = std::move(image), view = std::move(view)](const Record& record, double queue_ms) {
    answer->service.metrics().add(record);
    RequestFacts facts;
    facts.images = 1;
    facts.queue_ms = queue_ms;
    facts.faces = static_cast<int>(record.analysis.faces.size());
    give_answer(*answer, facts, [&] { return record.error ? answer_of(*answer, *record.error) : view(record); });
  };
  task.analysis = AnalysisTask{std::move(engine), bytes, answer->options.analyze, done};
  return task;
}

void submit_or_refuse(Service& service, const std::shared_ptr<Exchange>& exchange, ImageTask task) {
  Scheduler& scheduler = service.scheduler();
  if (scheduler.submit(scheduler.open(exchange->gone()), std::move(task))) return;
  exchange->answer(service.refusal(*exchange, kRefusedQueue));
}

Flow refuse_if_full(Service& service, Exchange& exchange) {
  if (!service.scheduler().is_full()) return Flow::read_on;
  exchange.answer(service.refusal(exchange, kRefusedQueue));
  return Flow::stop;
}

HeldRequest::HeldRequest(Service& service, std::shared_ptr<Exchange> exchange)
    : service_(service), exchange_(std::move(exchange)), request_(service_.scheduler().open(exchange_->gone())) {}

std::chrono::milliseconds HeldRequest::left_of(std::chrono::milliseconds most) const {
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(begin_ + most - std::chrono::steady_clock::now());
  return std::max(left, std::chrono::milliseconds(1));
}

std::chrono::milliseconds HeldRequest::time_left() const { return left_of(kDoneMost); }

Flow HeldRequest::wait_for_room() {
  const auto go_on = [&service = service_, exchange = exchange_](bool is_room) {
    if (is_room) return exchange->read_on();
    const std::string_view reason = service.is_draining() ? kRefusedDraining : kRefusedHeldLong;
    exchange->answer(service.refusal(*exchange, reason));
  };
  Scheduler::Hold hold = Scheduler::Hold::refused;
  if (!service_.is_draining()) hold = service_.scheduler().hold(request_, left_of(kHeldMost), go_on);
  if (hold == Scheduler::Hold::not_needed) return Flow::read_on;
  if (hold == Scheduler::Hold::held) return Flow::wait;
  exchange_->answer(service_.refusal(*exchange_, service_.is_draining() ? kRefusedDraining : kRefusedQueue));
  return Flow::stop;
}

void HeldRequest::submit(ImageTask task) {
  if (service_.scheduler().submit_held(request_, std::move(task))) return;
  exchange_->answer(service_.refusal(*exchange_, kRefusedQueue));
}

OneImageHandler::OneImageHandler(Service& service, std::shared_ptr<Exchange> exchange, OptionNames names, Make make)
    : service_(service), exchange_(std::move(exchange)), names_(names), make_(std::move(make)) {}

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
  image_ = std::make_shared<const Part>(std::move(part));
  return Flow::read_on;
}

void OneImageHandler::on_end() {
  if (!image_) {
    throw Exception(ErrorCode::invalid_argument, "there is no image: send it as the body, or as one part 'image'");
  }
  submit_or_refuse(service_, exchange_, make_({service_, exchange_, options_}, image_));
}

}  // namespace mien::service
