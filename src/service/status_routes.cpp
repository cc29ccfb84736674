// Routes that say how the service is, and what it has.
#include "mien/catalog.h"
#include "mien/device.h"
#include "service/answer_with.h"
#include "service/image_work.h"
#include "service/routes.h"
#include "service/schemas.h"
#include "service/views.h"

namespace mien::service {
namespace {

struct StatusRow {
  std::string_view path;
  std::string_view summary;
  std::string_view schema;
  std::string_view type = "application/json";
  Access access = Access::keyed;
  bool takes_time = false;
  std::vector<int> errors = {};
};

Route status_route(Service& service, const StatusRow& row, const Answer& answer) {
  Chores* const chores = row.takes_time ? &service.chores() : nullptr;
  return {.method = "GET",
          .path = row.path,
          .summary = row.summary,
          .access = row.access,
          .answer_type = row.type,
          .answer_schema = row.schema,
          .errors = row.errors,
          .make = answer_with(answer, chores)};
}

std::string text_of(const nlohmann::ordered_json& json) {
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

Response readiness(const Service& service) {
  if (service.is_ready()) return json_response("{\"status\":\"ready\"}\n");
  Response response =
      json_response(service.is_draining() ? "{\"status\":\"draining\"}\n" : "{\"status\":\"starting\"}\n");
  response.status = 503;
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

}  // namespace

std::vector<Route> status_routes(Service& service) {
  static constexpr std::string_view kPrometheus = "text/plain; version=0.0.4; charset=utf-8";
  return {
      status_route(
          service,
          {"/v1/devices", "What 'mien devices --json' prints", kObjectSchema, "application/json", Access::keyed, true},
          [&service](const Exchange&) {
            return json_response(text_of(devices_view(list_backends(service.settings()), service.settings())));
          }),
      status_route(
          service,
          {"/v1/models", "What 'mien models list --json' prints", kArraySchema, "application/json", Access::keyed,
           true},
          [&service](const Exchange&) { return json_response(text_of(models_view(list_models(service.settings())))); }),
      status_route(service,
                   {"/healthz", "Whether the process answers", kStatusSchema, "application/json", Access::open},
                   [](const Exchange&) { return json_response("{\"status\":\"ok\"}\n"); }),
      status_route(service,
                   {"/readyz",
                    "Whether images are analysed: models are open, and the service is not told to end",
                    kStatusSchema,
                    "application/json",
                    Access::open,
                    false,
                    {503}},
                   [&service](const Exchange&) { return readiness(service); }),
      status_route(service, {"/metrics", "Counters for Prometheus", kTextSchema, kPrometheus, Access::keyed, true},
                   [&service](const Exchange&) {
                     return Response{.body = service.metrics_page(), .content_type = std::string(kPrometheus)};
                   }),
  };
}

}  // namespace mien::service
