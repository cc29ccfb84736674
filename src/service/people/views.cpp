#include "service/people/views.h"

namespace mien::service {

Response people_answer(const PeopleJson& json) {
  return {.body = json.dump(-1, ' ', false, PeopleJson::error_handler_t::replace) + "\n"};
}

PeopleJson id_json(std::int64_t id) { return id == 0 ? PeopleJson() : PeopleJson(id); }

PeopleJson text_json(const std::string& text) { return text.empty() ? PeopleJson() : PeopleJson(text); }

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

PeopleJson person_json(const People& people, const PersonEntry& entry) {
  return {{"id", id_json(entry.id)},
          {"person", id_json(entry.person)},
          {"name", text_json(entry.name)},
          {"faces", entry.faces},
          {"images", entry.images},
          {"new_faces", entry.new_faces},
          {"is_hidden", entry.is_hidden},
          {"is_stranger", entry.is_stranger},
          {"is_imported", entry.is_imported},
          {"cover", id_json(people.cover(entry))},
          {"groups", entry.groups}};
}

PeopleJson person_face_json(const People& people, const PersonFace& face) {
  PeopleJson result = {
      {"id", face.id},
      {"group", id_json(face.group)},
      {"image", face.image},
      {"number", face.number},
      {"bbox", {face.bbox.x1, face.bbox.y1, face.bbox.x2, face.bbox.y2}},
      {"taken", text_json(face.taken)},
      {"state", face_state_name(face.state)},
      {"similarity", face.similarity ? PeopleJson(*face.similarity) : PeopleJson()},
      {"file", text_json(base_name(face.source))},
      {"poor_reason", face.poor_reason ? PeopleJson(poor_reason_name(*face.poor_reason)) : PeopleJson()},
      {"person", id_json(face.person)}};
  result["name"] = text_json(face.person == 0 ? std::string() : people.name_of(face.person));
  return result;
}

PeopleJson people_statistics_json(const PeopleStatistics& statistics) {
  return {{"faces", statistics.faces},         {"in_people", statistics.in_people},
          {"in_groups", statistics.in_groups}, {"poor", statistics.poor},
          {"not_faces", statistics.not_faces}, {"without_vector", statistics.without_vector}};
}

PeopleJson people_change_json(std::string_view kind, const PeopleChange& change, const std::string& revision) {
  return {{"operation", id_json(change.operation)},
          {"kind", kind},
          {"person", id_json(change.person)},
          {"name", text_json(change.name)},
          {"faces", change.faces},
          {"left_out", change.left_out},
          {"revision", revision}};
}

}  // namespace mien::service
