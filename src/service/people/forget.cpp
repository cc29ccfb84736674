// Forgetting a person: first what would go, then, with the token of that, for good.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/sha256.h"
#include "service/people/handlers.h"
#include "service/people/routes.h"
#include "service/people/schemas.h"

namespace mien::service {
namespace {

constexpr std::string_view kForgetMembers[] = {"who", "token"};
const std::string kForgetSchema =
    people_body_schema(R"("who","token")", R"("who":{"type":"string","minLength":1},"token":{"type":"string"})");

struct Forgettable {
  PersonEntry entry;
  ForgottenPerson would;
  std::string token;  // another one when something else would go
};

Forgettable look_at_forgettable(PeopleSession& session, const std::string& who) {
  const People& people = session.people();
  Forgettable result{people.find(who), people.would_forget(who), {}};
  const PersonEntry& entry = result.entry;
  const std::string what =
      fmt::format("{} {} {} {} {} {}", entry.person, fmt::join(entry.members, ","), result.would.verdicts,
                  result.would.vectors, result.would.places.size(), entry.name);
  result.token = sha256_hex(sha256({reinterpret_cast<const std::uint8_t*>(what.data()), what.size()}));
  return result;
}

PeopleJson show_forgettable(PeopleSession& session, const PeopleQuery& query) {
  const Forgettable all = look_at_forgettable(session, query.text("who"));
  return {{"revision", session.revision()},
          {"name", text_json(all.entry.name)},
          {"faces", all.would.faces},
          {"images", all.entry.images},
          {"statements", all.would.verdicts},
          {"embeddings", all.would.vectors},
          {"token", all.token}};
}

PeopleJson forget(PeopleSession& session, const PeopleBody& body) {
  const std::string who = body.text("who");
  if (look_at_forgettable(session, who).token != body.text("token")) {
    throw Conflict{"something else would go by now than was shown: look again at what is forgotten"};
  }
  const ForgottenPerson forgotten = session.change([&](People& people) { return people.forget(who); });
  return {{"statements", forgotten.verdicts},
          {"faces", forgotten.faces},
          {"embeddings", forgotten.vectors},
          {"places", forgotten.places.size()},
          {"revision", session.revision()}};
}

}  // namespace

std::vector<Route> people_forget_routes(PeopleDesk& desk) {
  return {people_get_json(desk,
                          {.method = "GET",
                           .path = "/v1/people/forget",
                           .summary = "What forgetting a person or group would remove",
                           .query = {who_row()},
                           .answer_schema = kToForgetSchema},
                          show_forgettable),
          people_post(desk,
                      {.method = "POST",
                       .path = "/v1/people/forget",
                       .summary = "Removes a person or group for good, by the token of the GET",
                       .body_schema = kForgetSchema,
                       .answer_schema = kForgottenSchema},
                      kForgetMembers, forget)};
}

}  // namespace mien::service
