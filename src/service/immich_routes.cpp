// Immich's recogniser: GET /ping and POST /predict. A quick refusal loses a photo there, which is never tried again, so
// that requests wait where there is no room.
#include <fmt/format.h>

#include <utility>

#include "service/answer_with.h"
#include "service/image_work.h"
#include "service/immich.h"
#include "service/routes.h"
#include "service/schemas.h"

namespace mien::service {
namespace {

constexpr std::size_t kPartsMost = 8;

int status_of(ErrorCode code) {
  const bool is_of_image = code == ErrorCode::bad_data || code == ErrorCode::unsupported;
  return is_of_image ? error_http_status(ErrorCode::invalid_argument) : error_http_status(code);
}

class PredictHandler final : public RequestHandler {
 public:
  PredictHandler(Service& service, std::shared_ptr<Exchange> exchange)
      : service_(service), exchange_(std::move(exchange)), held_(service_, exchange_) {}

  Flow on_part(Part part) override {
    try {
      return take(std::move(part));
    } catch (const ImmichRefusal& refusal) {
      return refuse(refusal.status, refusal.message);
    }
  }

  void on_end() override {
    if (!ask_) return (void)refuse(422, "entries: the part is missing");
    if (!image_) return (void)refuse(400, "there is no image: send it as the part 'image'");
    QueryOptions options = service_.query_defaults();
    options.analyze.embed = ask_->recognition;
    options.analyze.face_quality = false;
    options.analyze.phash = false;
    options.analyze.det_threshold = ask_->min_score;
    options.time_limit = held_.time_left();
    const auto error = [exchange = exchange_](const Error& one) {
      return immich_error(status_of(one.code), one.message, exchange->request().id);
    };
    const auto view = [ask = *ask_](const Record& record) {
      return json_response(immich_answer(ask, record.analysis));
    };
    held_.submit(make_analysis({service_, exchange_, options, error}, engine_, image_, view));
  }

 private:
  Flow refuse(int status, const std::string& message) {
    exchange_->answer(immich_error(status, message, exchange_->request().id));
    return Flow::stop;
  }

  Flow take(Part part) {
    if (part.name == "image") {
      if (image_) throw ImmichRefusal{422, "image: the form has it twice"};
      image_ = std::make_shared<const Part>(std::move(part));
      return Flow::read_on;
    }
    if (part.name == "text") {  // of a task that is not ours
      if (std::exchange(has_text_, true)) throw ImmichRefusal{422, "text: the form has it twice"};
      return Flow::read_on;
    }
    if (part.name != "entries") {
      throw ImmichRefusal{422, fmt::format("the form has a part '{}': use entries, image and text", part.name)};
    }
    if (ask_) throw ImmichRefusal{422, "entries: the form has it twice"};
    return take_entries({reinterpret_cast<const char*>(part.bytes.data()), part.bytes.size()});
  }

  Flow take_entries(std::string_view text) {
    ask_ = read_entries(text);
    if (!ask_->is_faces() && !ask_->task.empty()) {
      if (!service_.settings().upstream.empty()) return Flow::forward;
      constexpr std::size_t kShownMost = 60;
      return refuse(501, fmt::format("the task '{}' is not done here: start the service with --upstream "
                                     "http://HOST:PORT, the address of Immich's own machine learning, which gets such "
                                     "requests then",
                                     ask_->task.substr(0, kShownMost)));
    }
    engine_ = service_.shared_engine();
    if (ask_->is_faces()) {
      const Result<std::shared_ptr<const Engine>> engine = service_.immich().find(ask_->model);
      if (!engine) return refuse(status_of(engine.error().code), engine.error().message);
      engine_ = *engine;
    }
    return held_.wait_for_room();
  }

  Service& service_;
  std::shared_ptr<Exchange> exchange_;
  HeldRequest held_;
  bool has_text_ = false;
  std::optional<ImmichAsk> ask_;
  std::shared_ptr<const Engine> engine_;
  std::shared_ptr<const Part> image_;
};

}  // namespace

std::vector<Route> immich_routes(Service& service) {
  // What the server finds wrong with a form is 422 to Immich's own service.
  const auto error = [](int status, std::string_view /*code*/, std::string_view message, std::string_view request_id) {
    return immich_error(status == 400 ? 422 : status, message, request_id);
  };
  Route ping{.method = "GET",
             .path = "/ping",
             .summary = "Whether the service answers, for Immich",
             .access = Access::immich,
             .answer_type = "text/plain",
             .answer_schema = kTextSchema,
             .make = answer_with([](const Exchange&) {
               return Response{.body = "pong", .content_type = "text/plain; charset=utf-8"};
             })};
  Route predict{.method = "POST",
                .path = "/predict",
                .summary = "The faces of one image, in the form of Immich's machine learning",
                .body = BodyKind::stream,
                .access = Access::immich,
                .parts = {{"entries", false, false, "JSON: the task and its models; {} asks for the size of the image",
                           true, kEntriesSchema},
                          {"image", true, false, "the image"},
                          {"text", false, false, "for tasks of --upstream"}},
                .answer_schema = kImmichSchema,
                .errors = {400, 404, 413, 422, 501, 502, 503, 504},
                .analyses = true,
                .parts_max = kPartsMost,
                .forward_after = "entries",
                .make = [&service](std::shared_ptr<Exchange> exchange) -> std::unique_ptr<RequestHandler> {
                  return std::make_unique<PredictHandler>(service, std::move(exchange));
                },
                .error = error};
  return {std::move(ping), std::move(predict)};
}

}  // namespace mien::service
