// Whether two photos show the same person.
#include <fmt/format.h>

#include <utility>

#include "service/image_work.h"
#include "service/routes.h"
#include "service/schemas.h"
#include "service/views.h"

namespace mien::service {
namespace {

struct Photo {
  Analysis analysis;
  std::size_t largest = 0;  // of its faces
  const Face& face() const { return analysis.faces[largest]; }
};

struct Photos {
  std::optional<Part> a;
  std::optional<Part> b;
};

// Throws Exception, which names the part.
Photo look_at(Service& service, const Part& part, const QueryOptions& options, Workspace& workspace) {
  const Record record = analyze_to_record(service.engine(), part.bytes, options.analyze, workspace);
  service.metrics().add(record);
  if (record.error) {
    throw Exception(record.error->code, fmt::format("{}: {}", part.name, record.error->message));
  }
  const std::optional<std::size_t> largest = largest_face(record.analysis);
  if (!largest) throw Exception(ErrorCode::bad_data, fmt::format("{}: no face was found in this picture", part.name));
  return {record.analysis, *largest};
}

nlohmann::ordered_json photo_json(const Photo& photo) {
  nlohmann::ordered_json json = compared_view(photo.analysis, photo.largest);
  json["width"] = photo.analysis.width;
  json["height"] = photo.analysis.height;
  json["embedder_id"] = photo.analysis.models.embedder_id;
  return json;
}

Response compare(Service& service, const Photos& photos, QueryOptions options, Workspace& workspace,
                 RequestFacts& facts) {
  facts.images = 2;
  options.analyze.embed = true;
  options.analyze.phash = false;
  options.analyze.face_quality = false;
  const Photo a = look_at(service, *photos.a, options, workspace);
  const Photo b = look_at(service, *photos.b, options, workspace);
  facts.faces = static_cast<int>(a.analysis.faces.size() + b.analysis.faces.size());
  const ModelInfo& model = *service.engine().embedder();
  const std::optional<float> threshold = options.threshold ? options.threshold : model.threshold_verify;
  if (!threshold) {
    throw Exception(ErrorCode::invalid_argument,
                    fmt::format("no threshold is known for the model {}: send threshold=", model.name));
  }
  const float similarity = compare_faces(a.analysis, a.largest, b.analysis, b.largest).take();
  const Verdict verdict = judge_pair(a.face(), b.face(), similarity, *threshold, options.compare_anyway);
  nlohmann::ordered_json result = verdict_view(verdict, similarity);
  result["compare_anyway"] = options.compare_anyway;
  result["threshold"] = *threshold;
  const bool is_measured = !options.threshold && model.rate_verify;
  result["false_match_rate"] = is_measured ? nlohmann::ordered_json(*model.rate_verify) : nlohmann::ordered_json();
  result["model"] = model.name;
  result["a"] = photo_json(a);
  result["b"] = photo_json(b);
  return json_response(result.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
}

class CompareHandler final : public RequestHandler {
 public:
  CompareHandler(Service& service, std::shared_ptr<Exchange> exchange)
      : service_(service), exchange_(std::move(exchange)) {}

  Flow on_head() override {
    options_ = read_query(exchange_->request(), kCompareOptionNames, service_.query_defaults());
    return refuse_if_full(service_, *exchange_);
  }

  Flow on_part(Part part) override {
    if (part.name != "a" && part.name != "b") {
      throw Exception(ErrorCode::invalid_argument,
                      fmt::format("the form has a part '{}': send two images as the parts 'a' and 'b'", part.name));
    }
    std::optional<Part>& place = part.name == "a" ? photos_->a : photos_->b;
    if (place) {
      throw Exception(ErrorCode::invalid_argument, fmt::format("the form has the part '{}' twice", part.name));
    }
    place = std::move(part);
    return Flow::read_on;
  }

  void on_end() override {
    if (!photos_->a || !photos_->b) {
      throw Exception(ErrorCode::invalid_argument, fmt::format("the part '{}' is missing: send two images as the parts "
                                                               "'a' and 'b'",
                                                               photos_->a ? 'b' : 'a'));
    }
    const auto work = [&service = service_, photos = photos_](const QueryOptions& options, Workspace& workspace,
                                                              RequestFacts& facts) {
      return compare(service, *photos, options, workspace, facts);
    };
    submit_or_refuse(service_, exchange_, make_task({service_, exchange_, options_}, work));
  }

 private:
  Service& service_;
  std::shared_ptr<Exchange> exchange_;
  QueryOptions options_;
  std::shared_ptr<Photos> photos_ = std::make_shared<Photos>();
};

}  // namespace

Route compare_route(Service& service) {
  return {.method = "POST",
          .path = "/v1/compare",
          .summary = "Whether the largest faces of two images are the same person's",
          .body = BodyKind::multipart,
          .query = query_rows(kCompareOptionNames),
          .parts = {{"a", true, false, "one image", true}, {"b", true, false, "the other one", true}},
          .answer_schema = kCompareSchema,
          .errors = {400, 413, 415, 422, 503, 504},
          .analyses = true,
          .parts_max = 2,
          .make = [&service](std::shared_ptr<Exchange> exchange) -> std::unique_ptr<RequestHandler> {
            return std::make_unique<CompareHandler>(service, std::move(exchange));
          }};
}

}  // namespace mien::service
