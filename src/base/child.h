// A program that is run to its end, with what it printed.
#pragma once

#include <chrono>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mien {

struct ChildRun {
  std::vector<std::string> command;                                   // the program is looked for on PATH
  std::vector<std::pair<std::string, std::string>> environment = {};  // beside this process's own
  std::chrono::seconds limit{60};
  std::stop_token stop = {};
};

struct ChildResult {
  std::string problem;  // why there is no exit code: not started, killed by a signal, too slow, stopped
  int exit_code = -1;
  std::string output;  // both standard files together, the end of it when there is much
};

ChildResult run_program(const ChildRun& wanted);

// The last line that is not empty.
std::string last_line(std::string_view text);

}  // namespace mien
