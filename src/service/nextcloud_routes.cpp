// The external model of Nextcloud's Face Recognition: GET /open, POST /detect, POST /compute, GET /welcome. A photo
// that is refused once is not sent again until somebody resets it, so that requests wait where there is no room.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "mien/tools/stream.h"
#include "service/answer_with.h"
#include "service/image_work.h"
#include "service/nextcloud.h"
#include "service/routes.h"
#include "service/schemas.h"

namespace mien::service {
namespace {

// By which the app knows the model of a service.
constexpr int kModelOfTheApp = 5;
constexpr std::size_t kFaceBytesMax = std::size_t{64} << 10;

struct NextcloudTerms {
  NextcloudScale scale;
  std::int64_t pixels_max = kNextcloudPixelsMax;
};

// What the app is told of a photo that is too large is one status, whichever limit it was.
Response error_of(const Error& error, const Exchange& exchange) {
  const int status = error.code == ErrorCode::limit_exceeded ? 412 : error_http_status(error.code);
  return error_response(status, error_code_name(error.code), error.message, exchange.request().id);
}

[[noreturn]] void fail(const Box& box, std::string_view problem) {
  throw Exception(ErrorCode::bad_data, fmt::format("face: left {}, top {}, right {}, bottom {}: {}", box.x1, box.y1,
                                                   box.x2, box.y2, problem));
}

// Throws Exception, with what is wrong.
std::string look(const NextcloudTerms& terms, const Part& file, const std::optional<Box>& box,
                 const Analysis& analysis) {
  if (std::int64_t{analysis.width} * analysis.height > terms.pixels_max) {
    throw Exception(ErrorCode::limit_exceeded,
                    fmt::format("the picture has {} x {} pixels, and {} is the most (maximum_area of /open): send a "
                                "smaller one",
                                analysis.width, analysis.height, terms.pixels_max));
  }
  const std::string_view name = file.file_name ? std::string_view(*file.file_name) : std::string_view();
  if (!box) return nextcloud_faces(name, analysis, terms.scale);
  if (box->x2 <= 0 || box->y2 <= 0 || box->x1 >= static_cast<float>(analysis.width) ||
      box->y1 >= static_cast<float>(analysis.height)) {
    fail(*box,
         fmt::format("the box lies outside the picture, which has {} x {} pixels", analysis.width, analysis.height));
  }
  const Face* const face = face_in_box(analysis, *box);
  if (face == nullptr)
    fail(*box, fmt::format("none of the {} faces that were found lies there", analysis.faces.size()));
  return nextcloud_face(name, *box, *face, terms.scale);
}

// /detect, and /compute, which has a box.
class LookHandler final : public RequestHandler {
 public:
  LookHandler(Service& service, std::shared_ptr<Exchange> exchange, const NextcloudTerms& terms, bool needs_box)
      : service_(service),
        exchange_(std::move(exchange)),
        terms_(terms),
        needs_box_(needs_box),
        held_(service_, exchange_) {}

  Flow on_head() override { return held_.wait_for_room(); }
  Flow on_no_room() override { return Flow::wait; }

  Flow on_part(Part part) override {
    if (part.name == "file") {
      if (file_) throw Exception(ErrorCode::invalid_argument, "the form has the part 'file' twice");
      file_ = std::make_shared<const Part>(std::move(part));
      return Flow::read_on;
    }
    if (!needs_box_ || part.name != "face") {
      throw Exception(ErrorCode::invalid_argument, fmt::format("the form has a part '{}': use {}", part.name,
                                                               needs_box_ ? "'file' and 'face'" : "'file'"));
    }
    if (box_) throw Exception(ErrorCode::invalid_argument, "the form has the part 'face' twice");
    if (part.bytes.size() > kFaceBytesMax) {
      throw Exception(ErrorCode::invalid_argument, fmt::format("face: longer than {} bytes", kFaceBytesMax));
    }
    box_ = read_nextcloud_box({reinterpret_cast<const char*>(part.bytes.data()), part.bytes.size()});
    return Flow::read_on;
  }

  void on_end() override {
    if (!file_) throw Exception(ErrorCode::invalid_argument, "there is no image: send it as the part 'file'");
    if (needs_box_ && !box_) {
      throw Exception(ErrorCode::invalid_argument,
                      "the part 'face' is missing: send JSON with left, top, right and bottom");
    }
    QueryOptions options = service_.query_defaults();
    options.analyze.embed = true;
    options.analyze.face_quality = false;
    options.analyze.phash = false;
    options.time_limit = held_.time_left();
    const auto error = [exchange = exchange_](const Error& one) { return error_of(one, *exchange); };
    const auto view = [terms = terms_, file = file_, box = box_](const Record& record) {
      return json_response(look(terms, *file, box, record.analysis));
    };
    held_.submit(make_analysis({service_, exchange_, options, error}, service_.shared_engine(), file_, view));
  }

 private:
  Service& service_;
  std::shared_ptr<Exchange> exchange_;
  const NextcloudTerms terms_;
  const bool needs_box_;
  HeldRequest held_;
  std::shared_ptr<const Part> file_;
  std::optional<Box> box_;
};

// What /detect and /compute answer with. Live as long as the program.
std::string_view answer_schema(bool of_one_face) {
  static const std::string kMany = fmt::format(R"({{"type":"object","required":["filename","faces-count","faces"],
"properties":{{"filename":{{"type":"string"}},"faces-count":{{"type":"integer"}},
"faces":{{"type":"array","items":{}}}}}}})",
                                               kNextcloudFaceSchema);
  static const std::string kOne = fmt::format(R"({{"type":"object","required":["filename","face"],
"properties":{{"filename":{{"type":"string"}},"face":{}}}}})",
                                              kNextcloudFaceSchema);
  return of_one_face ? kOne : kMany;
}

Route look_route(Service& service, const NextcloudTerms& terms, bool needs_box) {
  Route route{
      .method = "POST",
      .path = needs_box ? "/compute" : "/detect",
      .summary = needs_box ? "The face of a picture that lies in a box, for Nextcloud's Face Recognition"
                           : "The faces of a picture, for Nextcloud's Face Recognition",
      .body = BodyKind::multipart,
      .parts = {{"file", true, false, "the picture; its name comes back in the answer", true}},
      .answer_schema = answer_schema(needs_box),
      .errors = {400, 412, 413, 415, 422, 503, 504},
      .analyses = true,
      .parts_max = 4,
      .make = [&service, terms, needs_box](std::shared_ptr<Exchange> exchange) -> std::unique_ptr<RequestHandler> {
        return std::make_unique<LookHandler>(service, std::move(exchange), terms, needs_box);
      }};
  if (needs_box) route.parts.push_back({"face", false, false, "JSON: where the face is", true, kNextcloudBoxSchema});
  return route;
}

Route fact_route(std::string_view path, std::string_view summary, std::string_view schema,
                 const nlohmann::ordered_json& facts) {
  return {.method = "GET",
          .path = path,
          .summary = summary,
          .answer_schema = schema,
          .make = answer_with([text = facts.dump() + "\n"](const Exchange&) { return json_response(text); })};
}

}  // namespace

std::vector<Route> nextcloud_routes(Service& service) {
  const Engine& engine = service.engine();
  const NextcloudTerms terms{{service.settings().nextcloud_threshold, *engine.embedder(), detection_threshold(engine)},
                             std::min(kNextcloudPixelsMax, engine.options().limits.pixels_max)};
  return {fact_route("/open", "What Nextcloud's Face Recognition may send", kNextcloudOpenSchema,
                     {{"preferred_mimetype", "image/jpeg"}, {"maximum_area", terms.pixels_max}}),
          look_route(service, terms, false), look_route(service, terms, true),
          fact_route("/welcome", "Who answers, for Nextcloud's administrator", kNextcloudWelcomeSchema,
                     {{"facerecognition-external-model", "welcome"},
                      {"version", MIEN_VERSION},
                      {"model", kModelOfTheApp},
                      {"detector", engine.detector().name},
                      {"embedder", engine.embedder()->name}})};
}

}  // namespace mien::service
