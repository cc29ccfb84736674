// People as tables and as JSON.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "mien/tools/people.h"

namespace mien::cli {

nlohmann::ordered_json entry_json(const PersonEntry& entry);
nlohmann::ordered_json face_json(const PersonFace& face);
nlohmann::ordered_json operation_json(const PersonOperation& operation);
nlohmann::ordered_json suggestion_json(const Suggestion& suggestion);

std::string entries_table(const Terminal& terminal, const std::vector<PersonEntry>& entries);
std::string faces_table(const Terminal& terminal, const std::vector<PersonFace>& faces);
std::string history_table(const Terminal& terminal, const std::vector<PersonOperation>& history);
std::string statistics_line(const PeopleStatistics& statistics);
// "Anna", or "group 12".
std::string shown_name(const PersonEntry& entry);
// A photo and the number of a face in it; what is gone has no path.
std::string face_text(const PersonFace& face);
std::string question_text(const Suggestion& suggestion);
// "group,name,source,face,x1,y1,x2,y2,state" and a row a face.
std::string csv(const People& people, const std::vector<PersonEntry>& entries);
nlohmann::ordered_json export_json(const People& people, const std::vector<PersonEntry>& entries);

}  // namespace mien::cli
