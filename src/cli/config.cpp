#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/engine_options.h"
#include "cli/json.h"
#include "cli/table.h"

namespace mien::cli {
namespace {

void print_settings_json(Terminal& terminal, const Settings& settings) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const SettingValue& row : settings.values) {
    rows.push_back({{"name", row.name},
                    {"value", row.value},
                    {"source", row.source},
                    {"help", row.help},
                    {"allowed", row.allowed}});
  }
  terminal.print(json_text({{"settings", rows}, {"warnings", settings.warnings}}));
}

void print_settings_table(Terminal& terminal, const Settings& settings) {
  Table table({"setting", shrinking("value", Keep::end), shrinking("from")});
  for (const SettingValue& row : settings.values) table.add({row.name, row.value, row.source});
  terminal.print(table.render(terminal.table_width()));
}

}  // namespace

int run_config(const Call& call) {
  SettingsSources sources;
  bool json = false;
  Arguments arguments("mien config",
                      "Prints every setting, its value and where it was set. They are looked for in flags, the "
                      "environment, .env in this folder and ~/.config/mien/env, in this order; each name may also "
                      "start with MIEN_.");
  add_gpu_options(arguments, sources);
  arguments.flag({"--json", "", "print JSON"}, json);
  arguments.example("GPU_BATCH_SIZE=16 mien config", "see that the setting is taken over");
  arguments.example("mien config --gpu=require", "what a flag changes");
  if (!parse_or_help(call, arguments)) return 0;
  const Settings settings = load(call.terminal, sources);
  (json ? print_settings_json : print_settings_table)(call.terminal, settings);
  return 0;
}

}  // namespace mien::cli
