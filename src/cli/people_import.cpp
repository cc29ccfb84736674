// `mien people import`: names that other programs wrote beside photos.
#include "mien/tools/people_import.h"

#include <fmt/format.h>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/engine_options.h"
#include "cli/interrupt.h"
#include "cli/scan_options.h"
#include "cli/store_options.h"
#include "cli/text.h"
#include "mien/tools/people.h"

namespace mien::cli {
namespace {

std::string summary_text(const ImportSummary& summary, int width) {
  std::string result;
  const auto add = [&](const std::string& line) { result += wrap(printable(line), width, 2) + "\n"; };
  std::string line = fmt::format("{} in {} of {}", counted(summary.regions, "name"),
                                 counted(summary.with_names, "photo"), summary.photos);
  line +=
      fmt::format(": {} stated, of {}", counted(summary.stated, "face"), counted(summary.persons, "person", "people"));
  if (summary.known > 0) line += fmt::format("; {} known from before", summary.known);
  if (summary.no_face > 0) line += fmt::format("; {} where no face was found", summary.no_face);
  if (summary.unusable > 0) line += fmt::format("; {} without a place, or no names", summary.unusable);
  add(line);
  if (summary.sidecars > 0) add(fmt::format("read beside photos: {}", counted(summary.sidecars, "sidecar")));
  for (const std::string& note : summary.notes) add("failed: " + note);
  const auto shown = static_cast<std::int64_t>(summary.notes.size());
  if (summary.failed > shown) add(fmt::format("failed: {} more", summary.failed - shown));
  return result;
}

}  // namespace

int run_people_import(const Call& call) {
  ImportOptions options;
  SettingsSources sources;
  std::string store_path;
  bool quiet = false;
  Arguments arguments(
      "mien people import",
      "Takes names from regions in XMP (those of digiKam, Lightroom, Picasa and Windows), in photos and "
      "in sidecars beside them, for faces of photos that were indexed. What you said yourself counts more. "
      "Exit code: 0 done, 1 some files could not be read, 2 wrong call, 130 interrupted.");
  arguments.positionals({"SOURCE...", 1, SIZE_MAX}, options.sources);
  add_store_option(arguments, store_path);
  add_threads_option(arguments, sources);
  arguments.flag({"--quiet", "", "no progress, no summary", "-q"}, quiet);
  arguments.example("mien people import ~/Pictures", "names that digiKam or Lightroom wrote");
  if (!parse_or_help(call, arguments)) return 0;

  const Settings settings = load(call.terminal, sources);
  options.threads = settings.threads;
  const Interrupt interrupt(call.terminal);
  Store store({store_path, StoreOptions::Access::write});
  const People people(store, settings, options.threads);
  std::function<void(std::int64_t, std::int64_t)> on_progress;
  if (call.terminal.shows_progress() && !quiet) {
    on_progress = [&](std::int64_t done, std::int64_t all) {
      call.terminal.show_progress(fmt::format("{}/{} photos", done, all));
    };
  }
  const ImportSummary summary = import_names(store, people, options, on_progress, interrupt.token());
  call.terminal.show_progress("");
  if (summary.stated > 0) refresh_people(store, settings, options.threads);
  if (!quiet) {
    const int width = call.terminal.out_is_terminal() ? call.terminal.width() : call.terminal.help_width();
    show_summary(call.terminal, summary_text(summary, width));
  }
  if (summary.interrupted) {
    call.terminal.note("interrupted; no name was taken over\n");
    return error_exit_code(ErrorCode::cancelled);
  }
  return summary.failed > 0 ? 1 : 0;
}

}  // namespace mien::cli
