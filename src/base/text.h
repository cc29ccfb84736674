// Letters of ASCII and the spaces around a text.
#pragma once

#include <string>
#include <string_view>

namespace mien {

// Without blanks, tabs and line ends at both ends.
std::string_view trim(std::string_view text);
// Letters of ASCII alone; all other bytes stay.
std::string lower(std::string_view text);
std::string upper(std::string_view text);

}  // namespace mien
