// Routes that say something of one image: what mien scan writes of it, and its quality.
#include "service/image_work.h"
#include "service/routes.h"
#include "service/schemas.h"
#include "service/views.h"

namespace mien::service {

Route analyze_route(Service& service) {
  const auto make = [&service](OneAnswer answer, std::shared_ptr<const Part> image) {
    const auto view = [embeddings = answer.options.embeddings](const Record& record) {
      return json_response(record_to_json(record, embeddings) + "\n");
    };
    return make_analysis(std::move(answer), service.shared_engine(), std::move(image), view);
  };
  return {.method = "POST",
          .path = "/v1/analyze",
          .summary = "The faces of one image, as a record of docs/formats.md",
          .body = BodyKind::image,
          .query = query_rows(kAnalyzeOptionNames),
          .parts = {{"image", true, false, "the image, where the body is a form", true}},
          .answer_schema = kRecordSchema,
          .errors = {400, 413, 415, 422, 503, 504},
          .analyses = true,
          .make = [&service, make](std::shared_ptr<Exchange> exchange) -> std::unique_ptr<RequestHandler> {
            return std::make_unique<OneImageHandler>(service, std::move(exchange), kAnalyzeOptionNames, make);
          }};
}

namespace {

Response measure(Service& service, const Part& image) {
  Record record;
  InputOptions input = service.engine().input();
  input.on_warning = [&record](const std::string& warning) { record.analysis.warnings.push_back(warning); };
  const Result<ImageQuality> measured = assess_quality(Bytes(image.bytes), input);
  if (measured) {
    record.analysis.width = measured->width;
    record.analysis.height = measured->height;
    record.analysis.quality = measured->quality;
  } else {
    record.error = measured.error();
  }
  service.metrics().add(record);
  if (record.error) throw Exception(*record.error);
  return json_response(quality_view(record).dump() + "\n");
}

}  // namespace

Route quality_route(Service& service) {
  const auto make = [&service](OneAnswer answer, const std::shared_ptr<const Part>& image) {
    return make_task(std::move(answer), [&service, image](const QueryOptions&, Workspace&, RequestFacts&) {
      return measure(service, *image);
    });
  };
  return {.method = "POST",
          .path = "/v1/quality",
          .summary = "Blur, brightness, contrast and sharpness of one image",
          .body = BodyKind::image,
          .query = query_rows(kQualityOptionNames),
          .parts = {{"image", true, false, "the image, where the body is a form", true}},
          .answer_schema = kQualitySchema,
          .errors = {400, 413, 415, 422, 503, 504},
          .analyses = true,
          .make = [&service, make](std::shared_ptr<Exchange> exchange) -> std::unique_ptr<RequestHandler> {
            return std::make_unique<OneImageHandler>(service, std::move(exchange), kQualityOptionNames, make);
          }};
}

}  // namespace mien::service
