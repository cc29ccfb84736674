// Reads files of NAME=value lines, such as `.env`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mien {

struct EnvEntry {
  std::string name;  // as written
  std::string value;
  int line = 0;  // where the entry starts, from 1
};

struct EnvProblem {
  int line = 0;
  std::string reason;  // never the text of the line: such files hold other programs' passwords
};

struct EnvFile {
  std::vector<EnvEntry> entries;  // in the order of the file
  std::vector<EnvProblem> problems;
};

// Understands blank lines, `# comments` (also behind a value, after a space), `export NAME=value`,
// spaces around `=`, 'single' quotes (taken as they are), "double" quotes (with \n \r \t \" \\ \$),
// quoted values over several lines, a byte order mark and CRLF. A line that is none of these is a
// problem, and the rest is still read.
EnvFile parse_env_file(std::string_view text);

}  // namespace mien
