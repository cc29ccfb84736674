// Persons, faces and changes as the routes of people show them.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "mien/tools/people.h"
#include "service/http/http.h"

namespace mien::service {

using PeopleJson = nlohmann::ordered_json;

// Text that is no UTF-8, as names of files may be, is replaced.
Response people_answer(const PeopleJson& json);
PeopleJson id_json(std::int64_t id);            // 0: null
PeopleJson text_json(const std::string& text);  // empty: null
std::string base_name(const std::string& path);

PeopleJson person_json(const People& people, const PersonEntry& entry);
PeopleJson person_face_json(const People& people, const PersonFace& face);
PeopleJson people_statistics_json(const PeopleStatistics& statistics);
PeopleJson people_change_json(std::string_view kind, const PeopleChange& change, const std::string& revision);

}  // namespace mien::service
