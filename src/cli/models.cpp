#include <fmt/format.h>

#include <algorithm>

#include "cli/actions.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/engine_options.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/table.h"
#include "mien/catalog.h"
#include "service/views.h"

namespace mien::cli {
namespace {

constexpr double kBytesInMegabyte = 1e6;

std::string threshold_text(const std::optional<float>& threshold) {
  return threshold ? fmt::format("{:.3f}", *threshold) : "-";
}

// "288.6 MB"
std::string size_text(std::int64_t bytes) {
  if (bytes <= 0) return "size not known";
  return fmt::format("{:.1f} MB", static_cast<double>(bytes) / kBytesInMegabyte);
}

std::string joined(const std::vector<std::string>& parts) { return fmt::format("{}", fmt::join(parts, ", ")); }

void print_entry(Terminal& terminal, const CatalogEntry& entry) {
  terminal.print(printable(fmt::format("{}: {}, {}", entry.model.name, entry.model.role, entry.model.path)) + "\n");
}

std::string state_text(const CatalogEntry& entry) {
  std::string state = entry.installed ? "installed" : "not here";
  if (entry.is_default) state += ", default";
  if (entry.added_by_user) state += ", added";
  return state;
}

int list_models(const Call& call) {
  bool json = false;
  Arguments arguments("mien models list",
                      "Lists the models that are known by name, with their licences, where their files lie, and the "
                      "cosine thresholds for verification (false match rate 1e-3) and search (1e-5).");
  arguments.flag({"--json", "", "print JSON, with checksums, sources and notes"}, json);
  if (!parse_or_help(call, arguments)) return 0;
  const std::vector<CatalogEntry> entries = list_models(load(call.terminal));
  if (json) {
    call.terminal.print(json_text(service::models_view(entries)));
    return 0;
  }
  Table table({"model", "role", "state", "pack", right("verify"), right("search"), shrinking("licence"),
               shrinking("file", Keep::end)});
  for (const CatalogEntry& entry : entries) {
    table.add({entry.model.name, entry.model.role, state_text(entry), entry.packs.empty() ? "-" : joined(entry.packs),
               threshold_text(entry.model.threshold_verify), threshold_text(entry.model.threshold_search),
               entry.model.licence, entry.installed ? entry.model.path : "-"});
  }
  call.terminal.print(table.render(call.terminal.table_width()) +
                      legend(call.terminal,
                             "verify: the cosine similarity from which on 'mien compare' says the same person; search: "
                             "likewise for 'mien scan --like'"));
  return 0;
}

int verify(const Call& call) {
  Arguments arguments("mien models verify",
                      "Reads every installed model again and compares its checksum. Exit code 1 "
                      "when one is not what it should be.");
  if (!parse_or_help(call, arguments)) return 0;
  const std::vector<ModelCheck> checks = verify_models(load(call.terminal));
  bool all_ok = true;
  Table table({"model", "result", shrinking("detail"), shrinking("file", Keep::end)});
  for (const ModelCheck& check : checks) {
    all_ok = all_ok && check.ok;
    table.add({check.name, check.ok ? "ok" : "WRONG", check.detail, check.path});
  }
  call.terminal.print(table.render(call.terminal.table_width()));
  return all_ok ? 0 : 1;
}

int add_model(const Call& call) {
  std::vector<std::string> name_and_file;
  AddModelOptions options;
  Arguments arguments("mien models add",
                      "Copies an ONNX file to your own model folder, so that it has a name. Its "
                      "licence stays what it was: look it up before you use it.");
  arguments.positionals({"NAME FILE", 2, 2}, name_and_file);
  arguments.choice<std::string>({"--role", "ROLE", "detector or embedder; otherwise what the file is"},
                                {{"detector", "detector"}, {"embedder", "embedder"}}, options.role);
  arguments.text({"--licence", "TEXT", "its licence, shown with every result"}, options.licence);
  arguments.choice<std::string>(
      {"--feed", "NAME", "how an embedder wants its pixels: insightface (the default), sface or fr_feature"},
      {{"insightface", "insightface"}, {"sface", "sface"}, {"fr_feature", "fr_feature"}}, options.feed);
  arguments.number({"--threshold-verify", "T", "cosine at a false match rate of 1e-3"}, {-1, 1},
                   [&](double value) { options.threshold_verify = static_cast<float>(value); });
  arguments.number({"--threshold-search", "T", "cosine at a false match rate of 1e-5"}, {-1, 1},
                   [&](double value) { options.threshold_search = static_cast<float>(value); });
  arguments.text({"--threshold-source", "TEXT", "what the thresholds were measured on"}, options.threshold_source);
  arguments.example("mien models add my_det det_10g.onnx --licence 'non-commercial research only'",
                    "then: mien scan photos --det my_det");
  if (!parse_or_help(call, arguments)) return 0;
  const Settings settings = load(call.terminal);
  print_entry(call.terminal, add_model(settings, name_and_file[0], name_and_file[1], options));
  return 0;
}

int remove_model(const Call& call) {
  std::vector<std::string> names;
  Arguments arguments("mien models remove",
                      "Deletes a model, or the models of a pack, from your own model folder. Files elsewhere, for "
                      "example those of InsightFace, are never deleted.");
  arguments.positionals({"NAME", 1, 1}, names);
  arguments.example("mien models remove buffalo_l", "frees what 'mien models pull buffalo_l' took");
  if (!parse_or_help(call, arguments)) return 0;
  const std::vector<RemovedModel> removed = remove_model(load(call.terminal), names[0]);
  for (const RemovedModel& file : removed) {
    call.terminal.print(printable(fmt::format("removed {}, {:.1f} MB freed", file.path,
                                              static_cast<double>(file.bytes_freed) / kBytesInMegabyte)) +
                        "\n");
  }
  if (removed.empty()) call.terminal.print(printable(names[0]) + " is no longer in the catalogue\n");
  return 0;
}

std::string plan_text(const PullPlan& plan, int width) {
  std::string text = printable(fmt::format("{}: {}", plan.name, joined(plan.models))) + "\n";
  const auto add = [&](const std::string& line) { text += wrap("  " + printable(line), width, 4) + "\n"; };
  add("from " + plan.url);
  add(fmt::format("{} to {}", size_text(plan.size_bytes), plan.folder));
  add("licence: " + plan.licence + (plan.licence_url.empty() ? "" : ", " + plan.licence_url));
  if (!plan.licence_terms.empty()) add(plan.licence_terms);
  return text;
}

std::string pull_line(const PullProgress& progress) {
  std::string line = size_text(std::max<std::int64_t>(progress.done_bytes, 1));
  if (progress.total_bytes > 0) {
    const double part = static_cast<double>(progress.done_bytes) / static_cast<double>(progress.total_bytes);
    line = fmt::format("{:3.0f} %  {} of {}", 100 * part, line, size_text(progress.total_bytes));
  }
  return line + fmt::format("  {:.1f} MB/s", progress.bytes_per_second / kBytesInMegabyte);
}

int pull(const Call& call) {
  std::vector<std::string> names;
  PullOptions options;
  Arguments arguments(
      "mien models pull",
      "Fetches a model or a pack of models into your own model folder and checks it. What is cut off is "
      "gone on with next time. Proxies are taken from HTTPS_PROXY and the like. Exit code: 2 when a "
      "licence has to be accepted first, 130 when interrupted.");
  arguments.positionals({"NAME", 1, 1}, names);
  arguments.flag({"--accept-license", "", "you have read the licence that is shown, and accept it"},
                 options.accept_licence);
  arguments.flag({"--force", "", "fetch it again although it is here"}, options.force);
  arguments.integer({"--stall-seconds", "N", "give up after N seconds with less than 1 KB/s (30)"}, {1, 3600},
                    options.stall_seconds);
  arguments.example("mien models pull yunet", "a fast detector (MIT)");
  arguments.example("mien models pull buffalo_l --accept-license",
                    "then: mien scan photos --det buffalo_l --rec buffalo_l");
  if (!parse_or_help(call, arguments)) return 0;
  const Settings settings = load(call.terminal);
  Interrupt interrupt(call.terminal);
  options.stop = interrupt.token();
  options.on_plan = [&](const PullPlan& plan) { call.terminal.note(plan_text(plan, call.terminal.help_width())); };
  options.on_note = [&](const std::string& note) { call.terminal.note(printable(note) + "\n"); };
  if (call.terminal.shows_progress()) {
    options.on_progress = [&](const PullProgress& progress) { call.terminal.show_progress(pull_line(progress)); };
  }
  const std::vector<CatalogEntry> entries = pull_model(settings, names[0], options);
  call.terminal.show_progress("");
  for (const CatalogEntry& entry : entries) print_entry(call.terminal, entry);
  return 0;
}

}  // namespace

int run_models(const Call& call) {
  if (!call.arguments.empty() && call.arguments[0] == "optimize") {
    throw Exception(ErrorCode::invalid_argument,
                    "'mien models optimize' is gone, because every int8 detector that was measured changed the "
                    "embeddings too much to be kept: docs/models.md has the figures");
  }
  return run_action(call, "mien models", "",
                    {{"list", list_models, "which there are"},
                     {"pull", pull, "fetch one"},
                     {"add", add_model, "give an ONNX file a name"},
                     {"remove", remove_model, "delete one"},
                     {"verify", verify, "check their files"}},
                    {{"mien models list", "names, licences, thresholds, files"},
                     {"mien models pull yunet", "fetch a detector"},
                     {"mien models add NAME FILE", "give a file a name"}});
}

}  // namespace mien::cli
