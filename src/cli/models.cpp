#include <fmt/format.h>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/engine_options.h"
#include "cli/json.h"
#include "cli/table.h"
#include "mien/catalog.h"

namespace mien::cli {
namespace {

std::string threshold_text(const std::optional<float>& threshold) {
  return threshold ? fmt::format("{:.3f}", *threshold) : "-";
}

nlohmann::ordered_json entry_json(const CatalogEntry& entry) {
  const ModelInfo& model = entry.model;
  const auto optional = [](const std::optional<float>& value) {
    return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json(nullptr);
  };
  return {{"name", model.name},
          {"role", model.role},
          {"path", model.path},
          {"sha256", model.sha256},
          {"licence", model.licence},
          {"dimension", model.dimension},
          {"threshold_verify", optional(model.threshold_verify)},
          {"threshold_search", optional(model.threshold_search)},
          {"threshold_source", model.threshold_source},
          {"installed", entry.installed},
          {"is_default", entry.is_default},
          {"added_by_user", entry.added_by_user},
          {"source", entry.source},
          {"note", entry.note}};
}

int list(const Call& call) {
  bool json = false;
  Arguments arguments("mien models list",
                      "Lists the models that are known by name, with their licences and the cosine "
                      "thresholds for verification (false match rate 1e-3) and search (1e-5).");
  arguments.flag({"--json", "", "print JSON, with paths, checksums and sources"}, json);
  if (!parse_or_help(call, arguments)) return 0;
  const std::vector<CatalogEntry> entries = list_models(load(call.terminal));
  if (json) {
    nlohmann::ordered_json rows = nlohmann::ordered_json::array();
    for (const CatalogEntry& entry : entries) rows.push_back(entry_json(entry));
    call.terminal.print(json_text(rows));
    return 0;
  }
  Table table({{"model"},
               {"role"},
               {"state"},
               {"verify", Align::right},
               {"search", Align::right},
               {"licence", Align::left, true}});
  for (const CatalogEntry& entry : entries) {
    std::string state = entry.installed ? "installed" : "not here";
    if (entry.is_default) state += ", default";
    if (entry.added_by_user) state += ", added";
    table.add({entry.model.name, entry.model.role, state, threshold_text(entry.model.threshold_verify),
               threshold_text(entry.model.threshold_search), entry.model.licence});
  }
  call.terminal.print(table.render(call.terminal.table_width()));
  return 0;
}

int verify(const Call& call) {
  Arguments arguments("mien models verify",
                      "Reads every installed model again and compares its checksum. Exit code 1 "
                      "when one is not what it should be.");
  if (!parse_or_help(call, arguments)) return 0;
  const std::vector<ModelCheck> checks = verify_models(load(call.terminal));
  bool all_ok = true;
  Table table({{"model"}, {"result"}, {"detail", Align::left, true}, {"file", Align::left, true, Keep::end}});
  for (const ModelCheck& check : checks) {
    all_ok = all_ok && check.ok;
    table.add({check.name, check.ok ? "ok" : "WRONG", check.detail, check.path});
  }
  call.terminal.print(table.render(call.terminal.table_width()));
  return all_ok ? 0 : 1;
}

int add(const Call& call) {
  std::vector<std::string> name_and_file;
  Arguments arguments("mien models add",
                      "Copies an ONNX file to your own model folder, so that it has a name. Its "
                      "licence stays what it was: look it up before you use it.");
  arguments.positionals({"NAME FILE", 2, 2}, name_and_file);
  arguments.example("mien models add det_10g ~/.insightface/models/buffalo_l/det_10g.onnx",
                    "then: mien scan photos --det det_10g");
  if (!parse_or_help(call, arguments)) return 0;
  const Settings settings = load(call.terminal);
  const CatalogEntry entry = add_model(settings, name_and_file[0], name_and_file[1]);
  call.terminal.print(printable(fmt::format("{}: {}, {}", entry.model.name, entry.model.role, entry.model.path)) +
                      "\n");
  return 0;
}

}  // namespace

int run_models(const Call& call) {
  struct Action {
    std::string name;
    int (*run)(const Call& call);
  };
  const std::vector<Action> actions = {{"list", list}, {"verify", verify}, {"add", add}};
  std::vector<std::string> rest = call.arguments;
  if (!rest.empty()) {
    for (const Action& action : actions) {
      if (action.name != rest[0]) continue;
      rest.erase(rest.begin());
      return action.run({call.terminal, std::move(rest), call.typed});
    }
  }
  std::vector<std::string> positionals;
  Arguments arguments("mien models",
                      "list: which there are. verify: check their files. add: give an ONNX file a "
                      "name.");
  arguments.positionals({"list|verify|add", 1, SIZE_MAX}, positionals);
  arguments.example("mien models list", "names, licences, thresholds");
  arguments.example("mien models verify", "check the files");
  arguments.example("mien models add NAME FILE", "give a file a name");
  if (!parse_or_help(call, arguments)) return 0;
  const std::string meant = nearest(positionals[0], {"list", "verify", "add"});
  arguments.fail(fmt::format("unknown action '{}'", positionals[0]),
                 meant.empty() ? "use list, verify or add" : "did you mean '" + meant + "'?");
}

}  // namespace mien::cli
