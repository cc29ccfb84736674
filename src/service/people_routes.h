// The routes of people, by file. `mien serve` has them with --store alone.
#pragma once

#include <vector>

#include "service/people_desk.h"
#include "service/service.h"

namespace mien::service {

// All of them.
std::vector<Route> people_routes(Service& service, PeopleDesk& desk);  // people_changes.cpp

std::vector<Route> people_look_routes(PeopleDesk& desk);                       // people_routes.cpp
std::vector<Route> people_change_routes(PeopleDesk& desk);                     // people_changes.cpp
std::vector<Route> people_forget_routes(PeopleDesk& desk);                     // people_forget.cpp
std::vector<Route> people_picture_routes(Service& service, PeopleDesk& desk);  // people_pictures.cpp
Route people_page_route(PeopleDesk& desk);                                     // people_list_page.cpp

}  // namespace mien::service
