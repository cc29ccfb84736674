// The description of the service for programs, from its table of routes.
#pragma once

#include <string>
#include <vector>

#include "service/http/http.h"

namespace mien::service {

// OpenAPI 3.1, as JSON.
std::string openapi_json(const std::vector<Route>& routes);
// The row of GET /openapi.json, which describes itself too.
Route openapi_route(const std::vector<Route>& routes);

}  // namespace mien::service
