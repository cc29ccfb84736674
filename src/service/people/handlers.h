// How the routes of people are answered: what is asked is read first, then the thread of the store works on it.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "service/people/asked.h"
#include "service/people/desk.h"
#include "service/people/views.h"

namespace mien::service {

// Answers, or hands the exchange on to who does.
using PeopleLook =
    std::function<void(PeopleSession& session, const PeopleQuery& query, const std::shared_ptr<Exchange>& exchange)>;
// `route` without its handler, body and access.
Route people_get(PeopleDesk& desk, Route route, PeopleLook look);
// The same of a look that is answered by JSON at once.
using PeopleView = std::function<PeopleJson(PeopleSession& session, const PeopleQuery& query)>;
Route people_get_json(PeopleDesk& desk, Route route, PeopleView view);

// Says something; the answer is JSON.
using PeopleChangeWork = std::function<PeopleJson(PeopleSession& session, const PeopleBody& body)>;
Route people_post(PeopleDesk& desk, Route route, std::span<const std::string_view> members, PeopleChangeWork work);

// The rows of queries that several routes have.
QueryRow who_row();
QueryRow offset_row();
QueryRow limit_row();

// Which part of so many rows a query asks for.
struct PeopleSlice {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::size_t offset = 0;
};
// Of the option `limit`, as limit_row has it.
struct PeopleLimit {
  std::int64_t most = 200;
  std::int64_t usual = 60;
};
PeopleSlice slice_of(const PeopleQuery& query, std::size_t total, PeopleLimit limits = {});

}  // namespace mien::service
