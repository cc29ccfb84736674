// The routes of people, by file. `mien serve` has them with --store alone.
#pragma once

#include <vector>

#include "service/people/desk.h"
#include "service/service.h"

namespace mien::service {

// All of them.
std::vector<Route> people_routes(Service& service, PeopleDesk& desk);  // changes.cpp

std::vector<Route> people_look_routes(PeopleDesk& desk);                       // routes.cpp
std::vector<Route> people_change_routes(PeopleDesk& desk);                     // changes.cpp
std::vector<Route> people_forget_routes(PeopleDesk& desk);                     // forget.cpp
std::vector<Route> people_picture_routes(Service& service, PeopleDesk& desk);  // pictures.cpp
Route people_page_route(PeopleDesk& desk);                                     // list_page.cpp

}  // namespace mien::service
