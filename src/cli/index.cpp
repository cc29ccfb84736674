// `mien index`: the index of one's own photos is made and brought up to date.
#include "mien/tools/index.h"

#include <fmt/format.h>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/engine_options.h"
#include "cli/interrupt.h"
#include "cli/scan_options.h"
#include "cli/scan_view.h"
#include "cli/store_options.h"
#include "cli/text.h"
#include "mien/tools/store.h"

namespace mien::cli {
namespace {

struct IndexCommand {
  SettingsSources sources;
  EngineOptions engine;
  IndexOptions index;
  bool moved = false;
  std::string summary_path;
  bool failures_count = true;  // --fail-on any
  bool quiet = false;
};

void declare(Arguments& arguments, IndexCommand& command) {
  IndexOptions& index = command.index;
  arguments.positionals({"SOURCE...", 1, SIZE_MAX}, index.sources);
  add_store_option(arguments, index.store);
  add_exclude_option(arguments, index.excludes);
  add_no_skip_option(arguments, index.no_skip);
  add_prune_option(arguments,
                   "drop photos that are gone, and their faces; what you said of people stays. Refused where all of a "
                   "source is gone at once, as when a disk is not mounted, which --prune=all drops too",
                   index.prune);
  arguments.flag({"--moved", "", "SOURCE... is OLD NEW: what lay below OLD lies below NEW now; no photo is read"},
                 command.moved);
  add_model_options(arguments, command.engine, command.sources);
  add_detail_option(arguments, command.sources);
  add_look_options(arguments, index.analyze);
  add_min_face_option(arguments, index.analyze);
  add_threads_option(arguments, command.sources);
  add_gpu_options(arguments, command.sources);
  arguments.text({"--summary", "FILE", "write the numbers of the summary as JSON"}, command.summary_path);
  arguments.choice<bool>({"--fail-on", "WHEN", "exit code when some images fail: any (1, the default) or none (0)"},
                         {{"any", true}, {"none", false}}, command.failures_count);
  arguments.flag({"--quiet", "", "no progress, no summary", "-q"}, command.quiet);
  arguments.example("mien index ~/Pictures", "again and again: only what is new or has changed is read");
  arguments.example("mien index ~/Pictures --prune", "and forget the photos that were deleted");
  arguments.example("mien index --moved /media/old /media/new", "the photos lie on another disk now");
}

void check(const Arguments& arguments, const IndexCommand& command) {
  if (command.moved && command.index.sources.size() != 2) {
    arguments.fail("--moved needs two folders", "use --moved OLD NEW");
  }
  if (command.moved && command.index.prune != Prune::none) {
    arguments.fail("--moved and --prune contradict each other", "use --moved first, then index with --prune");
  }
  if (!command.summary_path.empty()) check_output(arguments, "--summary", command.summary_path, '{');
}

// "12 new photos, 30 faces, 1 changed, 500 known, 3 gone, 0 failed, in 4.2 s (2.9 images/s)"
std::string totals_line(const ScanSummary& summary) {
  const std::int64_t read = summary.images - summary.resumed;
  std::string line = fmt::format("{} with {} read", counted(read, "photo"), counted(summary.faces, "face"));
  if (summary.changed > 0) line += fmt::format(" ({} changed since)", summary.changed);
  if (summary.duplicates > 0) line += fmt::format(", {} with the same content as another", summary.duplicates);
  line += fmt::format(", {} known from before", summary.resumed - summary.gone);
  if (summary.gone > 0) line += fmt::format(", {} gone (kept; --prune drops them)", summary.gone);
  if (summary.pruned > 0) line += fmt::format(", {} dropped that are gone", summary.pruned);
  line += fmt::format(", {} failed", summary.failed);
  const double rate = summary.seconds > 0 ? static_cast<double>(summary.analyzed) / summary.seconds : 0;
  return line + fmt::format(", in {:.1f} s ({:.1f} images/s)", summary.seconds, rate);
}

std::string summary_text(const ScanSummary& summary, const Engine& engine, const Store& store,
                         const std::vector<Failure>& failures, int width) {
  std::string result;
  const auto add = [&](const std::string& line) { result += wrap(printable(line), width, 2) + "\n"; };
  add(totals_line(summary));
  if (!summary.left_out.empty()) add(left_out_line(summary));
  for (const Failure& failure : failures) add("failed: " + complaint(failure.source, failure.error));
  for (const std::string& line : summary.placement_counts) add("ran: " + line);
  if (!summary.gpu_choice.empty()) add(summary.gpu_choice);
  for (const std::string& note : summary.notes) add("note: " + note);
  const StoreStatistics all = store.statistics();
  add(fmt::format("store: {} ({}, {})", store.path(), counted(all.images, "photo"), counted(all.faces, "face")));
  add(models_line(engine));
  if (!summary.idle_gpu.empty()) add(summary.idle_gpu + " idle: use --gpu");
  return result;
}

int run_moved(const Call& call, const IndexCommand& command) {
  const std::string& to = command.index.sources[1];
  const std::int64_t moved = move_index(command.index.store, command.index.sources[0], to);
  if (!command.quiet) {
    show_summary(call.terminal, printable(fmt::format("{} now below {}", counted(moved, "photo"), to)) + "\n");
  }
  return 0;
}

ScanSummary run_and_show(const Call& call, const Engine& engine, const IndexCommand& command,
                         const Interrupt& interrupt, std::vector<Failure>& failures) {
  Terminal& terminal = call.terminal;
  const ScanCallbacks callbacks = watch_scan(terminal, command.quiet, failures);
  ScanSummary summary = index_photos(engine, command.index, callbacks, interrupt.token());
  terminal.show_progress("");
  return summary;
}

}  // namespace

int run_index(const Call& call) {
  IndexCommand command;
  Arguments arguments("mien index",
                      "Reads photos in files and folders (recursively; hidden files are skipped) into the store that "
                      "'mien people' and 'mien find' work on. Run again, it opens only what is new or has changed. The "
                      "store holds biometric data and is yours alone. Exit code: 0 done, 1 some images failed, 2 wrong "
                      "call, 3 a required GPU is not there, 130 interrupted.");
  declare(arguments, command);
  if (!parse_or_help(call, arguments)) return 0;
  check(arguments, command);
  if (command.moved) return run_moved(call, command);

  load_engine_settings(call.terminal, command.sources, command.engine);
  command.index.threads = command.engine.settings.threads;
  command.index.analyze.detail = command.engine.settings.detail;
  command.engine.load_embedder = true;
  command.engine.many_images = has_many_images(command.index.sources);
  // From here on Ctrl-C no longer ends the process by itself.
  const Interrupt interrupt(call.terminal);
  const Engine engine(command.engine);
  std::vector<Failure> failures;
  const ScanSummary summary = run_and_show(call, engine, command, interrupt, failures);
  write_summary(command.summary_path, summary);
  if (!command.quiet) {
    const Store store({command.index.store, StoreOptions::Access::read});
    const int width = call.terminal.out_is_terminal() ? call.terminal.width() : call.terminal.help_width();
    show_summary(call.terminal, summary_text(summary, engine, store, failures, width));
  }
  if (summary.interrupted) {
    call.terminal.note("interrupted; what is done is kept. To go on, run the same again\n");
    return error_exit_code(ErrorCode::cancelled);
  }
  return exit_code_of(summary, command.failures_count);
}

}  // namespace mien::cli
