#include "cli/people_view.h"

#include <fmt/format.h>

#include "cli/json.h"
#include "cli/store_options.h"
#include "cli/table.h"

namespace mien::cli {
namespace {

nlohmann::ordered_json id_or_null(std::int64_t id) {
  return id == 0 ? nlohmann::ordered_json() : nlohmann::ordered_json(id);
}

std::string similarity_text(const std::optional<float>& similarity) {
  return similarity ? fmt::format("{:.3f}", *similarity) : "-";
}

std::string remark(const PersonEntry& entry) {
  if (entry.is_stranger) return "stranger";
  if (entry.is_hidden) return "hidden";
  if (entry.is_imported) return "imported";
  return entry.person == 0 ? "not named" : "";
}

std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string result = "\"";
  for (const char c : text) result += c == '"' ? std::string("\"\"") : std::string(1, c);
  return result + "\"";
}

}  // namespace

nlohmann::ordered_json entry_json(const PersonEntry& entry) {
  return {{"id", id_or_null(entry.id)},
          {"name", text_or_null(entry.name)},
          {"faces", entry.faces},
          {"images", entry.images},
          {"new", entry.new_faces},
          {"groups", entry.groups},
          {"person", id_or_null(entry.person)},
          {"hidden", entry.is_hidden},
          {"stranger", entry.is_stranger},
          {"imported", entry.is_imported}};
}

nlohmann::ordered_json face_json(const PersonFace& face) {
  nlohmann::ordered_json result = {{"source", text_or_null(face.source)},
                                   {"face", face.number},
                                   {"id", face.id},
                                   {"group", id_or_null(face.group)},
                                   {"bbox", {face.bbox.x1, face.bbox.y1, face.bbox.x2, face.bbox.y2}},
                                   {"taken", text_or_null(face.taken)},
                                   {"state", face_state_name(face.state)},
                                   {"copies", face.copies}};
  result["similarity"] = face.similarity ? nlohmann::ordered_json(*face.similarity) : nlohmann::ordered_json();
  return result;
}

nlohmann::ordered_json operation_json(const PersonOperation& operation) {
  return {{"number", operation.id},
          {"kind", operation_name(operation.kind)},
          {"time", operation.time},
          {"person", id_or_null(operation.person)},
          {"name", text_or_null(operation.text)},
          {"statements", operation.statements.size()},
          {"undone", operation.is_undone}};
}

nlohmann::ordered_json suggestion_json(const Suggestion& suggestion) {
  const bool is_member = suggestion.kind == Suggestion::Kind::member;
  return {{"question", is_member ? "member" : "merge"},
          {"person", entry_json(suggestion.person)},
          {"other", entry_json(suggestion.other)},
          {"similarity", suggestion.similarity},
          {"faces", {face_json(suggestion.face), face_json(suggestion.other_face)}},
          {"face_similarity", suggestion.face_similarity}};
}

std::string entries_table(const Terminal& terminal, const std::vector<PersonEntry>& entries) {
  Table table({right("id"), shrinking("name"), right("faces"), right("photos"), right("new"), right("groups"), ""});
  for (const PersonEntry& entry : entries) {
    table.add({entry.id == 0 ? "-" : fmt::format("{}", entry.id), entry.name.empty() ? "-" : entry.name,
               fmt::format("{}", entry.faces), fmt::format("{}", entry.images), fmt::format("{}", entry.new_faces),
               fmt::format("{}", entry.groups.size()), remark(entry)});
  }
  return table.render(terminal.table_width());
}

std::string faces_table(const Terminal& terminal, const std::vector<PersonFace>& faces) {
  Table table({shrinking("face", Keep::end), right("group"), "taken", "state", right("similarity")});
  for (const PersonFace& face : faces) {
    table.add({face_text(face), fmt::format("{}", face.group), face.taken.empty() ? "-" : moment_text(face.taken),
               std::string(face_state_name(face.state)), similarity_text(face.similarity)});
  }
  return table.render(terminal.table_width());
}

std::string history_table(const Terminal& terminal, const std::vector<PersonOperation>& history) {
  Table table({right("number"), "time (UTC)", "what", shrinking("name"), right("faces"), ""});
  for (const PersonOperation& operation : history) {
    table.add({fmt::format("{}", operation.id), moment_text(operation.time),
               std::string(operation_name(operation.kind)), operation.text.empty() ? "-" : operation.text,
               fmt::format("{}", operation.statements.size()), operation.is_undone ? "undone" : ""});
  }
  return table.render(terminal.table_width());
}

std::string statistics_line(const PeopleStatistics& statistics) {
  std::string line = fmt::format("{}: {} of people, {} in groups that nobody named", counted(statistics.faces, "face"),
                                 statistics.in_people, statistics.in_groups);
  if (statistics.poor > 0) line += fmt::format(", {} too poor for a group", statistics.poor);
  if (statistics.not_faces > 0) line += fmt::format(", {} that are none", statistics.not_faces);
  if (statistics.without_face > 0) {
    line += fmt::format("; {} that were said of faces that are not here", statistics.without_face);
  }
  return line + "\n";
}

std::string shown_name(const PersonEntry& entry) {
  return entry.name.empty() ? fmt::format("group {}", entry.id) : entry.name;
}

std::string face_text(const PersonFace& face) {
  return face.source.empty() ? "(gone)" : printable(fmt::format("{}#{}", face.source, face.number));
}

std::string question_text(const Suggestion& suggestion) {
  const auto entry_text = [](const PersonEntry& entry) {
    return fmt::format("{} ({})", printable(shown_name(entry)), counted(entry.faces, "face"));
  };
  const std::string question =
      suggestion.kind == Suggestion::Kind::member
          ? fmt::format("Is {} {}?", face_text(suggestion.other_face), printable(shown_name(suggestion.person)))
          : fmt::format("Are {} and {} one person?", entry_text(suggestion.person), entry_text(suggestion.other));
  return fmt::format("{}\n  similarity {:.3f} on average; the two faces most alike, {:.3f}:\n  {}\n  {}\n", question,
                     suggestion.similarity, suggestion.face_similarity, face_text(suggestion.face),
                     face_text(suggestion.other_face));
}

std::string csv(const People& people, const std::vector<PersonEntry>& entries) {
  std::string text = "id,name,source,face,x1,y1,x2,y2,state\n";
  for (const PersonEntry& entry : entries) {
    for (const PersonFace& face : people.faces(entry)) {
      text +=
          fmt::format("{},{},{},{},{},{},{},{},{}\n", entry.id, quoted(entry.name), quoted(face.source), face.number,
                      face.bbox.x1, face.bbox.y1, face.bbox.x2, face.bbox.y2, face_state_name(face.state));
    }
  }
  return text;
}

nlohmann::ordered_json export_json(const People& people, const std::vector<PersonEntry>& entries) {
  nlohmann::ordered_json result = nlohmann::ordered_json::array();
  for (const PersonEntry& entry : entries) {
    nlohmann::ordered_json row = entry_json(entry);
    row["faces"] = nlohmann::ordered_json::array();
    for (const PersonFace& face : people.faces(entry)) row["faces"].push_back(face_json(face));
    result.push_back(std::move(row));
  }
  return result;
}

}  // namespace mien::cli
