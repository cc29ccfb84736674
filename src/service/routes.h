// The table of routes: what each path does. A row is added in make_routes().
#pragma once

#include <vector>

#include "service/http/http.h"
#include "service/service.h"

namespace mien::service {

// Those that the service's settings ask for. `service` must outlive them. Throws Exception(invalid_argument) for
// settings that do not go together.
std::vector<Route> make_routes(Service& service);

// The rows, by file.
Route page_route(Service& service);                  // page_route.cpp
Route analyze_route(Service& service);               // analyze_routes.cpp
Route quality_route(Service& service);               //
Route batch_route(Service& service);                 // batch_route.cpp
Route compare_route(Service& service);               // compare_route.cpp
std::vector<Route> immich_routes(Service& service);  // immich_routes.cpp
std::vector<Route> status_routes(Service& service);  // status_routes.cpp
// With --nextcloud. Throws Exception(invalid_argument) where nothing says which faces are alike.
std::vector<Route> nextcloud_routes(Service& service);  // nextcloud_routes.cpp
std::vector<Route> crawler_routes(Service& service);    // crawler_routes.cpp; with --crawler

}  // namespace mien::service
