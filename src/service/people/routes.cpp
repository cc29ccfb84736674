// Routes that show people: who is there, whose faces, and what is asked and was said of them.
#include "service/people/routes.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "service/people/handlers.h"
#include "service/people/schemas.h"

namespace mien::service {
namespace {

constexpr std::int64_t kFacesMinMost = 1'000'000;
constexpr std::int64_t kQuestionsMost = 500;
constexpr std::int64_t kHistoryMost = 1000;
constexpr std::int64_t kNamesMost = 100;
constexpr std::size_t kYearDigits = 4;

bool is_listed(const PersonEntry& entry, bool all, std::int64_t faces_min) {
  if (entry.person == 0 && entry.faces < faces_min) return false;
  return all || (!entry.is_hidden && !entry.is_stranger);
}

PeopleJson list_people(PeopleSession& session, const PeopleQuery& query) {
  static constexpr std::string_view kOrders[] = {"faces", "name"};
  const bool all = query.flag("all");
  const std::int64_t faces_min = query.number("min_faces", 1, kFacesMinMost, all ? 1 : 2);
  const bool by_name = query.choice("order", kOrders) == "name";
  const std::vector<PersonEntry>& entries = session.entries();
  std::vector<std::size_t> shown;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const std::size_t place = by_name ? session.by_name()[i] : i;
    if (is_listed(entries[place], all, faces_min)) shown.push_back(place);
  }
  const PeopleSlice slice = slice_of(query, shown.size());
  PeopleJson people = PeopleJson::array();
  for (std::size_t i = slice.begin; i < slice.end; ++i) {
    people.push_back(person_json(session.people(), entries[shown[i]]));
  }
  return {{"revision", session.revision()},
          {"total", shown.size()},
          {"offset", slice.offset},
          {"people", std::move(people)},
          {"statistics", people_statistics_json(session.statistics())}};
}

std::string year_of(const PersonFace& face) { return face.taken.substr(0, kYearDigits); }

// The faces of a view in its order. `by_similarity` is falling.
std::vector<const PersonFace*> faces_of_view(const std::vector<PersonFace>& by_similarity, const PersonEntry& entry,
                                             const std::string& view, const std::string& year,
                                             std::optional<float> threshold) {
  const auto is_shown = [&](const PersonFace& face) {
    if (view == "new") return entry.person != 0 && face.state == FaceState::found;
    if (view == "unsure") return !face.similarity || (threshold && *face.similarity < *threshold);
    return view != "year" || year_of(face) == year;
  };
  std::vector<const PersonFace*> faces;
  for (const PersonFace& face : by_similarity) {
    if (is_shown(face)) faces.push_back(&face);
  }
  if (view == "odd") {
    const auto without = std::ranges::find_if(faces, [](const PersonFace* face) { return !face->similarity; });
    std::reverse(faces.begin(), without);
  }
  return faces;
}

PeopleJson years_json(const std::vector<PersonFace>& faces) {
  std::map<std::string, std::int64_t> counts;
  for (const PersonFace& face : faces) {
    if (!face.taken.empty()) ++counts[year_of(face)];
  }
  PeopleJson years = PeopleJson::array();
  for (const auto& [year, count] : counts) years.push_back({{"year", year}, {"faces", count}});
  return years;
}

PeopleJson show_person(PeopleSession& session, const PeopleQuery& query) {
  static constexpr std::string_view kViews[] = {"all", "new", "unsure", "odd", "year"};
  const std::string view = query.choice("view", kViews);
  if ((view == "year") != query.has("year")) {
    throw Exception(ErrorCode::invalid_argument, "year= belongs to view=year, and that needs one: view=year&year=2019");
  }
  const std::string year = query.text("year");
  if (view == "year" && (year.size() != kYearDigits || year.find_first_not_of("0123456789") != std::string::npos)) {
    throw Exception(ErrorCode::invalid_argument, "year= is no year: use four digits");
  }
  const People& people = session.people();
  const PersonEntry entry = people.find(query.text("who"));
  const std::vector<PersonFace>& all = session.faces_of(entry);
  const std::vector<const PersonFace*> faces = faces_of_view(all, entry, view, year, people.search_threshold());
  const PeopleSlice slice = slice_of(query, faces.size());
  PeopleJson rows = PeopleJson::array();
  for (std::size_t i = slice.begin; i < slice.end; ++i) rows.push_back(person_face_json(people, *faces[i]));
  return {{"revision", session.revision()},
          {"entry", person_json(people, entry)},
          {"view", view},
          {"total", faces.size()},
          {"offset", slice.offset},
          {"faces", std::move(rows)},
          {"years", years_json(all)}};
}

PeopleJson ask_questions(PeopleSession& session, const PeopleQuery& query) {
  constexpr std::int64_t kUsual = 50;
  const People& people = session.people();
  PeopleJson rows = PeopleJson::array();
  const int count = static_cast<int>(query.number("count", 1, kQuestionsMost, kUsual));
  for (const Suggestion& question : people.suggest(count)) {
    rows.push_back({{"kind", question.kind == Suggestion::Kind::member ? "member" : "merge"},
                    {"person", person_json(people, question.person)},
                    {"other", person_json(people, question.other)},
                    {"similarity", question.similarity},
                    {"face", person_face_json(people, question.face)},
                    {"other_face", person_face_json(people, question.other_face)},
                    {"face_similarity", question.face_similarity}});
  }
  return {{"revision", session.revision()}, {"questions", std::move(rows)}};
}

PeopleJson show_history(PeopleSession& session, const PeopleQuery& query) {
  constexpr std::int64_t kUsual = 50;
  const People& people = session.people();
  const std::vector<PersonOperation>& all = session.history();
  const PeopleSlice slice = slice_of(query, all.size(), {.most = kHistoryMost, .usual = kUsual});
  PeopleJson rows = PeopleJson::array();
  for (std::size_t i = slice.begin; i < slice.end; ++i) {
    const PersonOperation& said = all[i];
    rows.push_back({{"id", said.id},
                    {"kind", operation_name(said.kind)},
                    {"time", said.time},
                    {"text", said.text},
                    {"is_undone", said.is_undone},
                    {"person", id_json(said.person)},
                    {"name", text_json(people.name_of(said.person))}});
  }
  return {{"revision", session.revision()},
          {"total", all.size()},
          {"offset", slice.offset},
          {"operations", std::move(rows)}};
}

// Whether the name, or a later word of it, begins so; both folded.
bool begins_with(std::u32string_view name, std::u32string_view prefix) {
  for (std::size_t word = 0;; ++word) {
    if (name.substr(word).starts_with(prefix)) return true;
    word = name.find(U' ', word);
    if (word == std::u32string_view::npos) return false;
  }
}

// Names of those with the most faces first.
PeopleJson complete_names(PeopleSession& session, const PeopleQuery& query) {
  constexpr std::int64_t kUsual = 10;
  const std::u32string prefix = folded_name(query.text("prefix"));
  const auto limit = static_cast<std::size_t>(query.number("limit", 1, kNamesMost, kUsual));
  PeopleJson names = PeopleJson::array();
  for (const PersonEntry& entry : session.entries()) {
    if (names.size() == limit) break;
    if (!entry.name.empty() && begins_with(folded_name(entry.name), prefix)) names.push_back(entry.name);
  }
  return {{"names", std::move(names)}};
}

Route list_route(PeopleDesk& desk) {
  return people_get_json(
      desk,
      {.method = "GET",
       .path = "/v1/people",
       .summary = "People by falling number of faces, then groups that nobody named",
       .query = {offset_row(),
                 limit_row(),
                 {"all", R"({"type":"boolean"})", "hidden people, strangers and groups of one face too"},
                 {"min_faces", R"({"type":"integer","minimum":1,"maximum":1000000})",
                  "faces of a group without a name at least (2, with all 1)"},
                 {"order", R"({"type":"string","enum":["faces","name"]})", "what they are ordered by"}},
       .answer_schema = kPeopleListSchema},
      list_people);
}

Route person_route(PeopleDesk& desk) {
  return people_get_json(
      desk,
      {.method = "GET",
       .path = "/v1/people/person",
       .summary = "The faces of a person or group",
       .query = {who_row(),
                 {"view", R"({"type":"string","enum":["all","new","unsure","odd","year"]})",
                  "all by falling similarity to the others; new: joined by similarity alone; unsure: below the "
                  "threshold for searching; odd: all, by rising similarity; year: those of year="},
                 {"year", R"({"type":"string","pattern":"^[0-9]{4}$"})", "of view=year"},
                 offset_row(),
                 limit_row()},
       .answer_schema = kPersonViewSchema},
      show_person);
}

Route revision_route(PeopleDesk& desk) {
  return people_get(desk,
                    {.method = "GET",
                     .path = "/v1/people/revision",
                     .summary = "IDENTITY-CHANGES: another text after every change, another IDENTITY for another store",
                     .answer_schema = kRevisionSchema},
                    [&desk](PeopleSession& session, const PeopleQuery&, const std::shared_ptr<Exchange>& exchange) {
                      exchange->answer(people_answer({{"revision", session.revision()}}));
                      // Who sees another revision asks for the people next.
                      if (!session.is_read()) desk.read_ahead();
                    });
}

}  // namespace

std::vector<Route> people_look_routes(PeopleDesk& desk) {
  return {
      list_route(desk),
      person_route(desk),
      revision_route(desk),
      people_get_json(
          desk,
          {.method = "GET",
           .path = "/v1/people/questions",
           .summary = "Questions worth asking, the best first",
           .query = {{"count", R"({"type":"integer","minimum":1,"maximum":500,"default":50})", "questions at most"}},
           .answer_schema = kQuestionsSchema},
          ask_questions),
      people_get_json(
          desk,
          {.method = "GET",
           .path = "/v1/people/history",
           .summary = "What was said, the newest first",
           .query = {offset_row(),
                     {"limit", R"({"type":"integer","minimum":1,"maximum":1000,"default":50})", "rows at most"}},
           .answer_schema = kHistorySchema},
          show_history),
      people_get_json(
          desk,
          {.method = "GET",
           .path = "/v1/people/names",
           .summary = "Names that begin so, or of which a word does",
           .query = {{"prefix", R"({"type":"string"})", "in whatever case; empty: all"},
                     {"limit", R"({"type":"integer","minimum":1,"maximum":100,"default":10})", "names at most"}},
           .answer_schema = kNamesSchema},
          complete_names),
  };
}

}  // namespace mien::service
