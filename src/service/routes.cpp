#include "service/routes.h"

#include <iterator>
#include <utility>

#include "service/people/routes.h"

namespace mien::service {

std::vector<Route> make_routes(Service& service) {
  std::vector<Route> routes;
  routes.push_back(page_route(service));
  routes.push_back(analyze_route(service));
  routes.push_back(batch_route(service));
  routes.push_back(compare_route(service));
  routes.push_back(quality_route(service));
  const auto add = [&routes](std::vector<Route> rows) {
    routes.insert(routes.end(), std::make_move_iterator(rows.begin()), std::make_move_iterator(rows.end()));
  };
  add(immich_routes(service));
  add(status_routes(service));
  if (PeopleDesk* const desk = service.people()) add(people_routes(service, *desk));
  if (service.settings().nextcloud) add(nextcloud_routes(service));
  if (service.settings().crawler) add(crawler_routes(service));
  return routes;
}

}  // namespace mien::service
