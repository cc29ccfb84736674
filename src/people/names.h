// Names of people, as they are typed.
#pragma once

#include <string>
#include <string_view>

namespace mien {

// The name without blanks around it. Throws Exception(invalid_argument): empty, longer than 200 characters, not UTF-8,
// with control characters or marks that turn the direction of writing, of digits alone (which is a group's id).
std::string check_name(std::string_view typed);
// Whether two names are one: case and Unicode form aside.
bool is_same_name(std::string_view a, std::string_view b);

}  // namespace mien
