#include "cli/actions.h"

#include <fmt/format.h>

#include "cli/arguments.h"
#include "cli/text.h"

namespace mien::cli {
namespace {

constexpr std::size_t kNamesShownMax = 70;  // letters in the line of usage; the help lists them all

}  // namespace

int run_action(const Call& call, const std::string& command, const std::string& about,
               const std::vector<Action>& actions, const std::vector<ActionExample>& examples) {
  std::vector<std::string> rest = call.arguments;
  std::vector<std::string> names;
  std::string description = about;
  for (const Action& action : actions) {
    if (!rest.empty() && action.name == rest[0]) {
      rest.erase(rest.begin());
      return action.run({call.terminal, std::move(rest), call.typed});
    }
    names.push_back(action.name);
    description += (description.empty() ? "" : " ") + action.name + ": " + action.help + ".";
  }
  std::vector<std::string> positionals;
  Arguments arguments(command, description);
  const std::string all = fmt::format("{}", fmt::join(names, "|"));
  arguments.positionals({all.size() <= kNamesShownMax ? all : "ACTION", 1, SIZE_MAX}, positionals);
  for (const ActionExample& example : examples) arguments.example(example.line, example.what);
  if (!parse_or_help(call, arguments)) return 0;
  const std::string meant = nearest(positionals[0], names);
  arguments.fail(
      fmt::format("unknown action '{}'", positionals[0]),
      meant.empty() ? fmt::format("use one of {}", fmt::join(names, ", ")) : "did you mean '" + meant + "'?");
}

}  // namespace mien::cli
