// Changes a file of NAME=value lines without touching what somebody else wrote there.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mien {

struct EnvChange {
  std::string name;   // upper case, without MIEN_ in front unless it is a part of the name
  std::string value;  // letters, digits, points and the like: it is written without quotes
};

struct EnvEdit {
  std::string text;
  std::vector<std::string> changed;               // names
  std::vector<std::pair<std::string, int>> kept;  // names that are set by hand, and the line where
};

// Lines that are added end with `# MARK: value`. Such a line is ours to change, unless its value is another one than
// its mark says: then somebody changed it, and it is his. An entry without a value is none.
EnvEdit edit_env_text(std::string_view text, const std::vector<EnvChange>& changes, std::string_view mark);

}  // namespace mien
