// Commands that consist of several: `mien models list`.
#pragma once

#include <string>
#include <vector>

#include "cli/command.h"

namespace mien::cli {

struct Action {
  std::string name;
  int (*run)(const Call& call);
  std::string help;  // "which there are"
};

struct ActionExample {
  std::string line;
  std::string what;
};

// Runs the action that the call's first argument names; `about` begins the help of the whole command ("mien models").
int run_action(const Call& call, const std::string& command, const std::string& about,
               const std::vector<Action>& actions, const std::vector<ActionExample>& examples);

}  // namespace mien::cli
