#include "service/routes.h"

#include <iterator>
#include <utility>

namespace mien::service {

std::vector<Route> make_routes(Service& service) {
  std::vector<Route> routes;
  routes.push_back(analyze_route(service));
  routes.push_back(batch_route(service));
  routes.push_back(compare_route(service));
  routes.push_back(quality_route(service));
  for (std::vector<Route> rows : {immich_routes(service), status_routes(service)}) {
    routes.insert(routes.end(), std::make_move_iterator(rows.begin()), std::make_move_iterator(rows.end()));
  }
  return routes;
}

}  // namespace mien::service
