// The table of routes: what each path does. A row is added in make_routes().
#pragma once

#include <vector>

#include "service/http.h"
#include "service/service.h"

namespace mien::service {

// `service` must outlive them.
std::vector<Route> make_routes(Service& service);

// The rows, by file.
Route analyze_route(Service& service);               // analyze_routes.cpp
Route quality_route(Service& service);               //
Route batch_route(Service& service);                 // batch_route.cpp
Route compare_route(Service& service);               // compare_route.cpp
std::vector<Route> immich_routes(Service& service);  // immich_routes.cpp
std::vector<Route> status_routes(Service& service);  // status_routes.cpp

}  // namespace mien::service
