#include "service/openapi.h"

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "service/http/fixed_answer.h"

namespace mien::service {
namespace {

using Json = nlohmann::ordered_json;

Json reference(std::string_view schema) { return {{"$ref", "#/components/schemas/" + std::string(schema)}}; }

std::string_view meaning_of(int status) {
  switch (status) {
    case 400: return "The request is wrong: the message names the place and what is allowed";
    case 401: return "A key is needed, or the key is wrong";
    case 403: return "A page of another site asked, or Host is not a name of this service";
    case 404: return "There is no such path, or nothing of what was asked for";
    case 405: return "The path does not take this method: Allow has those that it takes";
    case 408: return "The head of the request took too long";
    case 409: return "Somebody else has changed it since: look again";
    case 412: return "The picture is too large: maximum_area of /open says how many pixels it may have";
    case 413: return "Too large";
    case 415: return "A type that is not known here";
    case 422: return "What was sent is broken, or holds no face where one is needed";
    case 431: return "The head of the request is too long";
    case 500: return "A part of the service failed";
    case 501: return "Nobody is there for this task";
    case 502: return "The service behind this one does not answer";
    case 503: return "No room now, or not ready: Retry-After has seconds";
    case 504: return "It took longer than timeout_ms, or the service behind this one did";
    default: return "Error";
  }
}

// What every route may answer, by what comes before the route itself.
std::set<int> statuses_of(const Route& route) {
  std::set<int> statuses(route.errors.begin(), route.errors.end());
  statuses.insert({400, 401, 403, 408, 413, 431, 503});
  if (route.body != BodyKind::none && route.body != BodyKind::image) statuses.insert(415);
  if (route.body != BodyKind::none) statuses.insert(500);
  return statuses;
}

Json parameters_of(const Route& route) {
  Json rows = Json::array();
  for (const QueryRow& row : route.query) {
    rows.push_back({{"name", std::string(row.name)},
                    {"in", "query"},
                    {"required", row.required},
                    {"description", std::string(row.help)},
                    {"schema", Json::parse(row.schema)}});
  }
  return rows;
}

// A form: which parts there are, which must be there, and what each holds.
Json form_of(const Route& route) {
  Json properties = Json::object();
  Json required = Json::array();
  Json encoding = Json::object();
  for (const PartRow& part : route.parts) {
    const std::string name(part.name);
    Json schema = part.schema.empty() ? Json{{"type", "string"}} : Json::parse(part.schema);
    if (part.repeated) schema = {{"type", "array"}, {"items", schema}, {"minItems", 1}, {"maxItems", route.parts_max}};
    schema["description"] = std::string(part.help);
    if (part.required) required.push_back(name);
    if (part.is_file) encoding[name] = {{"contentType", "application/octet-stream"}};
    properties[name] = std::move(schema);
  }
  Json form = {
      {"schema",
       {{"type", "object"}, {"properties", properties}, {"required", required}, {"additionalProperties", false}}}};
  if (!encoding.empty()) form["encoding"] = std::move(encoding);
  return form;
}

Json body_of(const Route& route) {
  Json content = Json::object();
  if (!route.parts.empty()) content["multipart/form-data"] = form_of(route);
  if (route.body == BodyKind::json) content["application/json"] = {{"schema", Json::parse(route.body_schema)}};
  if (route.body == BodyKind::image) content["application/octet-stream"] = {{"schema", {{"type", "string"}}}};
  return {{"required", true}, {"content", content}};
}

Json operation_of(const Route& route) {
  Json operation = {{"summary", std::string(route.summary)}};
  if (!route.query.empty()) operation["parameters"] = parameters_of(route);
  if (route.body != BodyKind::none) operation["requestBody"] = body_of(route);
  Json answers = {{"200",
                   {{"description", std::string(route.summary)},
                    {"content", {{std::string(route.answer_type), {{"schema", Json::parse(route.answer_schema)}}}}}}}};
  for (const int status : statuses_of(route)) {
    Json answer = {{"description", std::string(meaning_of(status))}};
    // A route with a form of its own says so in its answer_schema's place; the rest have one form.
    if (route.error) {
      answer["content"] = {{"application/json", {{"schema", Json::object()}}}};
    } else {
      answer["content"] = {{"application/json", {{"schema", reference("Error")}}}};
    }
    answers[std::to_string(status)] = std::move(answer);
  }
  operation["responses"] = std::move(answers);
  if (route.access == Access::open) {
    operation["security"] = Json::array();
  } else {
    operation["security"] = {{{"bearer", Json::array()}}, {{"key", Json::array()}}, Json::object()};
  }
  return operation;
}

Json components() {
  return {{"schemas",
           {{"Error",
             {{"type", "object"},
              {"required", {"error", "request_id"}},
              {"properties",
               {{"error",
                 {{"type", "object"},
                  {"required", {"code", "message"}},
                  {"properties", {{"code", {{"type", "string"}}}, {"message", {{"type", "string"}}}}}}},
                {"request_id", {{"type", "string"}}}}}}}}},
          {"securitySchemes",
           {{"bearer", {{"type", "http"}, {"scheme", "bearer"}}},
            {"key", {{"type", "apiKey"}, {"in", "header"}, {"name", "x-api-key"}}}}}};
}

}  // namespace

std::string openapi_json(const std::vector<Route>& routes) {
  Json paths = Json::object();
  for (const Route& route : routes) {
    std::string method(route.method);
    std::transform(method.begin(), method.end(), method.begin(), [](char c) { return static_cast<char>(c | 0x20); });
    Json operation = operation_of(route);
    Json& path = paths[std::string(route.path)];
    // HEAD is GET without the body of its answer.
    if (route.method == "GET") {
      Json head = operation;
      for (auto& [status, answer] : head["responses"].items()) answer.erase("content");
      path["head"] = std::move(head);
    }
    path[method] = std::move(operation);
  }
  const Json document = {{"openapi", "3.1.0"},
                         {"info",
                          {{"title", "mien"},
                           {"version", MIEN_VERSION},
                           {"description", "Finds, measures and recognises faces in images."}}},
                         {"paths", std::move(paths)},
                         {"components", components()}};
  return document.dump(1) + "\n";
}

Route openapi_route(const std::vector<Route>& routes) {
  Route route{.method = "GET",
              .path = "/openapi.json",
              .summary = "This description of the service",
              .access = Access::open,
              .answer_schema = R"({"type": "object"})"};
  std::vector<Route> all = routes;
  all.push_back(route);
  const auto answer = std::make_shared<const Response>(Response{.body = openapi_json(all)});
  route.make = [answer](std::shared_ptr<Exchange> exchange) {
    return std::make_unique<FixedAnswer>(std::move(exchange), answer);
  };
  return route;
}

}  // namespace mien::service
