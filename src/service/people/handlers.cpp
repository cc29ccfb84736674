#include "service/people/handlers.h"

#include <algorithm>
#include <utility>

namespace mien::service {
namespace {

constexpr std::int64_t kOffsetMax = 1'000'000'000;

class PeopleGetHandler final : public RequestHandler {
 public:
  PeopleGetHandler(PeopleDesk& desk, std::shared_ptr<Exchange> exchange,
                   std::shared_ptr<const std::vector<QueryRow>> rows, std::shared_ptr<const PeopleLook> look)
      : desk_(desk), exchange_(std::move(exchange)), rows_(std::move(rows)), look_(std::move(look)) {}

  Flow on_head() override {
    query_ = std::make_shared<const PeopleQuery>(exchange_->request(), *rows_);
    return Flow::read_on;
  }
  Flow on_part(Part /*part*/) override { return Flow::read_on; }
  void on_end() override {
    desk_.post(exchange_, PeopleSession::Purpose::look,
               [exchange = exchange_, query = query_, look = look_](PeopleSession& session) {
                 (*look)(session, *query, exchange);
               });
  }

 private:
  PeopleDesk& desk_;
  std::shared_ptr<Exchange> exchange_;
  std::shared_ptr<const std::vector<QueryRow>> rows_;
  std::shared_ptr<const PeopleLook> look_;
  std::shared_ptr<const PeopleQuery> query_;
};

class PeoplePostHandler final : public RequestHandler {
 public:
  PeoplePostHandler(PeopleDesk& desk, std::shared_ptr<Exchange> exchange, std::span<const std::string_view> members,
                    std::shared_ptr<const PeopleChangeWork> work)
      : desk_(desk), exchange_(std::move(exchange)), members_(members), work_(std::move(work)) {}

  Flow on_head() override {
    const PeopleQuery no_query(exchange_->request(), {});
    return Flow::read_on;
  }
  Flow on_part(Part part) override {
    body_ = std::make_shared<const PeopleBody>(part.bytes, members_);
    return Flow::read_on;
  }
  void on_end() override {
    desk_.post(exchange_, PeopleSession::Purpose::change,
               [exchange = exchange_, body = body_, work = work_](PeopleSession& session) {
                 if (const std::optional<std::string> store = body->store()) session.require_store(*store);
                 exchange->answer(people_answer((*work)(session, *body)));
               });
  }

 private:
  PeopleDesk& desk_;
  std::shared_ptr<Exchange> exchange_;
  std::span<const std::string_view> members_;
  std::shared_ptr<const PeopleChangeWork> work_;
  std::shared_ptr<const PeopleBody> body_;
};

}  // namespace

Route people_get(PeopleDesk& desk, Route route, PeopleLook look) {
  route.access = Access::people;
  route.errors.insert(route.errors.end(), {404, 422, 500});
  route.make = [&desk, rows = std::make_shared<const std::vector<QueryRow>>(route.query),
                look = std::make_shared<const PeopleLook>(std::move(look))](
                   std::shared_ptr<Exchange> exchange) -> std::unique_ptr<RequestHandler> {
    return std::make_unique<PeopleGetHandler>(desk, std::move(exchange), rows, look);
  };
  return route;
}

Route people_get_json(PeopleDesk& desk, Route route, PeopleView view) {
  return people_get(desk, std::move(route),
                    [view = std::move(view)](PeopleSession& session, const PeopleQuery& query,
                                             const std::shared_ptr<Exchange>& exchange) {
                      exchange->answer(people_answer(view(session, query)));
                    });
}

Route people_post(PeopleDesk& desk, Route route, std::span<const std::string_view> members, PeopleChangeWork work) {
  route.access = Access::people;
  route.body = BodyKind::json;
  route.errors.insert(route.errors.end(), {404, 409, 422});
  route.make = [&desk, members, work = std::make_shared<const PeopleChangeWork>(std::move(work))](
                   std::shared_ptr<Exchange> exchange) -> std::unique_ptr<RequestHandler> {
    return std::make_unique<PeoplePostHandler>(desk, std::move(exchange), members, work);
  };
  return route;
}

QueryRow who_row() {
  return {"who", R"({"type":"string","minLength":1,"maxLength":800})",
          "a person's name, or the id of any face of a person or group", true};
}

QueryRow offset_row() {
  return {"offset", R"({"type":"integer","minimum":0,"maximum":1000000000,"default":0})", "rows that are left out"};
}

QueryRow limit_row() {
  return {"limit", R"({"type":"integer","minimum":1,"maximum":200,"default":60})", "rows at most"};
}

PeopleSlice slice_of(const PeopleQuery& query, std::size_t total, PeopleLimit limits) {
  PeopleSlice slice;
  slice.offset = static_cast<std::size_t>(query.number("offset", 0, kOffsetMax, 0));
  const auto limit = static_cast<std::size_t>(query.number("limit", 1, limits.most, limits.usual));
  slice.begin = std::min(slice.offset, total);
  slice.end = std::min(slice.begin + limit, total);
  return slice;
}

}  // namespace mien::service
