#include "mien/tools/store.h"

#include <fmt/format.h>

#include "cli/actions.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/json.h"
#include "cli/store_options.h"
#include "cli/text.h"

namespace mien::cli {
namespace {

constexpr int kExitDamaged = 1;

int backup(const Call& call) {
  std::string store;
  std::vector<std::string> targets;
  Arguments arguments("mien store backup",
                      "Writes a complete copy of the store while other programs go on with it. The copy is a store "
                      "too; it holds faces, and only you may read it.");
  arguments.positionals({"FILE", 1, 1}, targets);
  add_store_option(arguments, store);
  arguments.example("mien store backup /media/disk/people.mien", "to another disk");
  if (!parse_or_help(call, arguments)) return 0;
  back_up_store(store, targets[0]);
  const StoreStatistics copied = Store({targets[0], StoreOptions::Access::read}).statistics();
  call.terminal.print(printable(fmt::format("{}: {} images, {} faces, {:.1f} MB", targets[0], copied.images,
                                            copied.faces, static_cast<double>(copied.bytes) / 1e6)) +
                      "\n");
  return 0;
}

int restore(const Call& call) {
  std::string store;
  std::vector<std::string> backups;
  Arguments arguments("mien store restore",
                      "Puts a copy that 'mien store backup' wrote in the place of the store, after it was checked. "
                      "People who were forgotten since are forgotten again. A store that is there and damaged is kept "
                      "under another name.");
  arguments.positionals({"FILE", 1, 1}, backups);
  add_store_option(arguments, store);
  arguments.example("mien store restore /media/disk/people.mien", "goes back to that copy");
  if (!parse_or_help(call, arguments)) return 0;
  const std::vector<std::string> lacks = restore_store(backups[0], store);
  call.terminal.print(printable(fmt::format("restored {}", backups[0])) + "\n");
  for (const std::string& sentence : lacks) call.terminal.print(printable(sentence) + "\n");
  return 0;
}

// What cannot even be opened is a finding too.
std::vector<std::string> findings_of(std::string& path, StoreStatistics& held) {
  try {
    const Store store({path, StoreOptions::Access::read});
    path = store.path();
    std::vector<std::string> findings = store.check();
    if (findings.empty()) held = store.statistics();
    return findings;
  } catch (const Exception& failure) {
    if (failure.error().code != ErrorCode::bad_data) throw;
    return {failure.error().message};
  }
}

int check(const Call& call) {
  std::string path;
  bool json = false;
  Arguments arguments("mien store check",
                      "Reads all of the store and says which tables and rows are damaged. Exit code 1 where some are.");
  add_store_option(arguments, path);
  arguments.flag({"--json", "", "print JSON"}, json);
  arguments.example("mien store check", "is everything there?");
  if (!parse_or_help(call, arguments)) return 0;
  std::string name = path.empty() ? default_store_path() : path;
  StoreStatistics held;
  const std::vector<std::string> findings = findings_of(name, held);
  if (json) {
    nlohmann::ordered_json result = {{"store", name}, {"findings", findings}};
    if (findings.empty()) {
      result.update({{"images", held.images},
                     {"paths", held.paths},
                     {"gone", held.gone},
                     {"failed", held.failed},
                     {"faces", held.faces},
                     {"vectors", held.vectors},
                     {"bytes", held.bytes}});
    }
    call.terminal.print(json_text(result));
    return findings.empty() ? 0 : kExitDamaged;
  }
  for (const std::string& finding : findings) call.terminal.print(printable(finding) + "\n");
  if (findings.empty()) {
    call.terminal.print(printable(fmt::format("{}: sound; {} images, {} faces, {:.1f} MB", name, held.images,
                                              held.faces, static_cast<double>(held.bytes) / 1e6)) +
                        "\n");
    return 0;
  }
  call.terminal.note("'mien store restore FILE' goes back to a backup; the store stays under another name\n");
  return kExitDamaged;
}

}  // namespace

int run_store(const Call& call) {
  return run_action(
      call, "mien store", "The store of 'mien index' is one file.",
      {{"backup", backup, "copy it"}, {"restore", restore, "go back to a copy"}, {"check", check, "is it sound"}},
      {{"mien store backup /media/disk/people.mien", "a copy on another disk"},
       {"mien store check", "is everything there?"}});
}

}  // namespace mien::cli
