// Routes that say something of people: each is one operation of the store, which /v1/people/undo takes back.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "service/people/handlers.h"
#include "service/people/routes.h"
#include "service/people/schemas.h"

namespace mien::service {
namespace {

using Body = PeopleBody;
using Say = PeopleChange (*)(People& people, const Body& body);

constexpr std::string_view kWhoName[] = {"who", "name", "seen"};
constexpr std::string_view kFaceName[] = {"face", "name"};
constexpr std::string_view kWhoOther[] = {"who", "other"};
constexpr std::string_view kWhoFaces[] = {"who", "faces"};
constexpr std::string_view kWho[] = {"who"};
constexpr std::string_view kFaces[] = {"faces"};
constexpr std::string_view kImage[] = {"image"};
constexpr std::string_view kOperation[] = {"operation"};
constexpr std::string_view kAnswer[] = {"kind", "face", "other_face", "person", "other", "yes"};

const std::string kNameProperty = R"({"type":"string","minLength":1})";
const std::string kFacesProperty = R"({"type":"array","minItems":1,"maxItems":10000,"items":)" + kIdSchema + "}";

const std::string kWhoNameSchema =
    people_body_schema(R"("who","name")", R"("who":)" + kNameProperty + R"(,"name":)" + kNameProperty +
                                              R"(,"seen":{"type":["string","null"]})");
const std::string kFaceNameSchema =
    people_body_schema(R"("face","name")", R"("face":)" + kIdSchema + R"(,"name":)" + kNameProperty);
const std::string kWhoOtherSchema =
    people_body_schema(R"("who","other")", R"("who":)" + kNameProperty + R"(,"other":)" + kNameProperty);
const std::string kWhoFacesSchema =
    people_body_schema(R"("who","faces")", R"("who":)" + kNameProperty + R"(,"faces":)" + kFacesProperty);
const std::string kWhoSchema = people_body_schema(R"("who")", R"("who":)" + kNameProperty);
const std::string kFacesSchema = people_body_schema(R"("faces")", R"("faces":)" + kFacesProperty);
const std::string kImageSchema = people_body_schema(R"("image")", R"("image":)" + kIdSchema);
const std::string kOperationSchema =
    people_body_schema("", R"("operation":{"type":["integer","null"],"minimum":1,"maximum":9007199254740991})");
const std::string kAnswerSchema = people_body_schema(
    R"("kind","face","other_face","person","other","yes")",
    R"("kind":{"type":"string","enum":["merge","member"]},"face":)" + kIdSchema + R"(,"other_face":)" + kIdSchema +
        R"(,"person":)" + kIdSchema + R"(,"other":)" + kIdSchema + R"(,"yes":{"type":"boolean"})");

// A route that says one thing.
struct SayRow {
  std::string_view path;
  std::string_view kind;  // as the answer tells it
  std::string_view summary;
  std::span<const std::string_view> members;
  const std::string& schema;
  Say say;
};

std::string called(const std::string& name) { return name.empty() ? "nobody" : name; }

// Throws Conflict when the person is called otherwise by now than the asker saw.
PeopleChange say_name(People& people, const Body& body) {
  const std::string who = body.text("who");
  const std::string name = body.text("name");
  if (const std::optional<std::string> seen = body.text_or_null("seen")) {
    const PersonEntry entry = people.find(who);
    if (entry.name != *seen) {
      throw Conflict{fmt::format("this person is called {} by now, and was called {} when it was shown: look again",
                                 called(entry.name), called(*seen))};
    }
  }
  return people.name(who, name);
}

// The question as it was asked, if it is still one. Throws Conflict.
Suggestion asked_question(const People& people, const Body& body) {
  const std::string kind = body.text("kind");
  if (kind != "merge" && kind != "member") {
    throw Exception(ErrorCode::invalid_argument, "the member 'kind' is neither merge nor member");
  }
  const bool is_merge = kind == "merge";
  std::optional<Suggestion> question = people.question(is_merge ? Suggestion::Kind::merge : Suggestion::Kind::member,
                                                       body.id("face"), body.id("other_face"));
  // An entry's id is that of one of its faces, and who it was joined with since may have given it another.
  const auto is_of = [](const PersonEntry& entry, FaceId face) {
    return std::ranges::binary_search(entry.members, face);
  };
  const FaceId person = body.id("person");
  const FaceId other = body.id("other");
  const bool is_same = question && ((is_of(question->person, person) && is_of(question->other, other)) ||
                                    (is_merge && is_of(question->person, other) && is_of(question->other, person)));
  if (!is_same) throw Conflict{"this is no question any more: it was answered, or other things were said since"};
  return std::move(*question);
}

PeopleChange say_answer(People& people, const Body& body) {
  const bool yes = body.flag("yes");
  return people.answer(asked_question(people, body), yes);
}

const SayRow kSayRows[] = {
    {"/v1/people/name", "name", "Says who a group is, or gives a person another name", kWhoName, kWhoNameSchema,
     say_name},
    {"/v1/people/is", "is", "Says that a face is a person", kFaceName, kFaceNameSchema,
     [](People& people, const Body& body) { return people.is(body.id("face"), body.text("name")); }},
    {"/v1/people/not", "not", "Says that a face is not a person", kFaceName, kFaceNameSchema,
     [](People& people, const Body& body) { return people.is_not(body.id("face"), body.text("name")); }},
    {"/v1/people/merge", "merge", "Says that two people or groups are one", kWhoOther, kWhoOtherSchema,
     [](People& people, const Body& body) { return people.merge(body.text("who"), body.text("other")); }},
    {"/v1/people/split", "split", "Takes faces out of a group", kWhoFaces, kWhoFacesSchema,
     [](People& people, const Body& body) { return people.split(body.text("who"), body.faces()); }},
    {"/v1/people/hide", "hide", "Leaves a person or group out of the list", kWho, kWhoSchema,
     [](People& people, const Body& body) { return people.hide(body.text("who")); }},
    {"/v1/people/stranger", "stranger", "Says that a group is somebody whom nobody wants to see", kWho, kWhoSchema,
     [](People& people, const Body& body) { return people.stranger(body.text("who")); }},
    {"/v1/people/not_a_face", "not_a_face", "Says that faces are none", kFaces, kFacesSchema,
     [](People& people, const Body& body) { return people.not_a_face(body.faces()); }},
    {"/v1/people/page", "page", "Says that a photo is a page, on which a person may be twice", kImage, kImageSchema,
     [](People& people, const Body& body) { return people.page(ImageId{body.id("image")}); }},
    {"/v1/people/answer", "answer", "Answers a question of /v1/people/questions", kAnswer, kAnswerSchema, say_answer},
};

Route say_route(PeopleDesk& desk, const SayRow& row) {
  return people_post(desk,
                     {.method = "POST",
                      .path = row.path,
                      .summary = row.summary,
                      .body_schema = row.schema,
                      .answer_schema = kPeopleChangeSchema},
                     row.members, [&row](PeopleSession& session, const Body& body) {
                       const PeopleChange change =
                           session.change([&](People& people) { return row.say(people, body); });
                       return people_change_json(row.kind, change, session.revision());
                     });
}

PeopleJson undo(PeopleSession& session, const Body& body) {
  const std::optional<OperationId> operation = body.id_or_null("operation");
  const PersonOperation undone = session.change([&](People& people) { return people.undo(operation); });
  return {{"operation", undone.id},
          {"kind", operation_name(undone.kind)},
          {"text", undone.text},
          {"revision", session.revision()}};
}

}  // namespace

std::vector<Route> people_change_routes(PeopleDesk& desk) {
  std::vector<Route> routes;
  for (const SayRow& row : kSayRows) routes.push_back(say_route(desk, row));
  routes.push_back(people_post(desk,
                               {.method = "POST",
                                .path = "/v1/people/undo",
                                .summary = "Takes back what was said last, or the operation of this number",
                                .body_schema = kOperationSchema,
                                .answer_schema = kUndoneSchema},
                               kOperation, undo));
  return routes;
}

std::vector<Route> people_routes(Service& service, PeopleDesk& desk) {
  std::vector<Route> routes = people_look_routes(desk);
  for (std::vector<Route> rows :
       {people_picture_routes(service, desk), people_change_routes(desk), people_forget_routes(desk)}) {
    routes.insert(routes.end(), std::make_move_iterator(rows.begin()), std::make_move_iterator(rows.end()));
  }
  routes.push_back(people_page_route(desk));
  return routes;
}

}  // namespace mien::service
