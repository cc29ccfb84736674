// `mien scan`: from the command line to mien::scan() and back to people and pipes.
#include "mien/scan.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/engine_options.h"
#include "cli/interrupt.h"
#include "cli/scan_options.h"
#include "cli/scan_view.h"
#include "cli/text.h"

namespace mien::cli {
namespace {

struct ScanCommand {
  SettingsSources sources;
  EngineOptions engine;
  ScanOptions scan;
  std::string summary_path;
  bool failures_count = true;  // --fail-on any
  bool quiet = false;
};

void declare_sources(Arguments& arguments, ScanCommand& command) {
  arguments.positionals({"SOURCE...", 0, SIZE_MAX}, command.scan.sources);
  add_exclude_option(arguments, command.scan.excludes);
  arguments.text({"--list", "FILE", "take paths from FILE too, one a line; - is standard input"},
                 command.scan.list_path);
  arguments.flag({"--null", "", "paths in the list end with a zero byte (find -print0)", "-0"},
                 command.scan.list_is_nul_separated);
  add_no_skip_option(arguments, command.scan.no_skip);
}

void declare_results(Arguments& arguments, ScanCommand& command) {
  arguments.text({"--out", "FILE", "write a line of JSON an image to FILE", "-o"}, command.scan.out_path);
  arguments.flag({"--resume", "", "go on with the FILE of --out; unchanged images are not read"}, command.scan.resume);
  add_prune_option(arguments,
                   "with --resume: drop the records of photos that are gone; refused where all of a source is gone at "
                   "once, as when a disk is not mounted, which --prune=all drops too",
                   command.scan.prune);
  arguments.flag({"--look-again", "",
                  "with --resume: look again at unchanged photos that were looked at less closely than --detail says"},
                 command.scan.look_again);
  arguments.flag({"--force", "", "replace the FILE of --out"}, command.scan.force);
  arguments.text({"--report", "FILE", "write a web page for people, in one file"}, command.scan.report_path);
  arguments.text({"--summary", "FILE", "write the numbers of the summary as JSON"}, command.summary_path);
  arguments.text({"--crops", "DIR", "write a JPEG of each face to DIR"}, command.scan.crops_dir);
  arguments.choice<EmbeddingFormat>(
      {"--embeddings", "FORMAT",
       "write embeddings as json or base64 (biometric data!); none "
       "is the default"},
      {{"none", EmbeddingFormat::none}, {"json", EmbeddingFormat::json}, {"base64", EmbeddingFormat::base64}},
      command.scan.embeddings);
  arguments.choice<bool>({"--fail-on", "WHEN", "exit code when some images fail: any (1, the default) or none (0)"},
                         {{"any", true}, {"none", false}}, command.failures_count);
  arguments.flag({"--quiet", "", "no progress, no summary", "-q"}, command.quiet);
}

void declare_analysis(Arguments& arguments, ScanCommand& command) {
  ScanOptions& scan = command.scan;
  arguments.text({"--like", "PHOTO", "mark images that show the person of this photo"}, scan.like_path);
  arguments.number({"--threshold", "T",
                    "cosine similarity from which on a face matches; otherwise "
                    "the model's own for searching"},
                   {-1, 1}, [&](double value) { scan.threshold = static_cast<float>(value); });
  arguments.flag({"--compare-anyway", "",
                  "let poor faces match poor ones by the threshold alone; the results "
                  "say so"},
                 scan.compare_anyway);
  add_model_options(arguments, command.engine, command.sources);
  add_detail_option(arguments, command.sources);
  add_look_options(arguments, scan.analyze);
  arguments.number({"--min-quality", "Q", "drop faces with a lower overall_score, 0 to 1"}, {0, 1},
                   [&](double value) { scan.analyze.min_quality = value; });
  add_min_face_option(arguments, scan.analyze);
  arguments.flag({"--image-quality", "", "measure whole images too, not only faces"}, scan.analyze.image_quality);
  add_threads_option(arguments, command.sources);
}

void add_examples(Arguments& arguments) {
  arguments.example("mien scan photos", "a line an image");
  arguments.example("mien scan photos --out faces.jsonl --report faces.html",
                    "keep everything, and look at it in a browser");
  arguments.example("mien scan photos --like me.jpg --threshold 0.5", "find one person");
  arguments.example("mien scan photos | jq -c '[.source, (.faces | length)]'", "JSON lines for another program");
  arguments.example("find . -name '*.jpg' -print0 | mien scan --list - -0", "images of a list");
  arguments.example("mien scan photos --out faces.jsonl --resume", "go on where it was stopped");
}

void check(const Arguments& arguments, const ScanCommand& command) {
  const ScanOptions& scan = command.scan;
  if (scan.sources.empty() && scan.list_path.empty()) {
    arguments.fail("SOURCE is missing", "name files or folders, or a list with --list");
  }
  if (scan.resume && scan.force) {
    arguments.fail("--resume and --force contradict each other", "use one of them");
  }
  if (scan.out_path.empty() && (scan.resume || scan.force)) {
    arguments.fail(scan.resume ? "--resume needs --out" : "--force needs --out", "add --out FILE");
  }
  if (scan.prune != Prune::none && !scan.resume) {
    arguments.fail("--prune needs --resume", "add --resume: it drops records of an earlier run");
  }
  if (!command.summary_path.empty()) check_output(arguments, "--summary", command.summary_path, '{');
  if (scan.look_again && !scan.resume) {
    arguments.fail("--look-again needs --resume", "add --resume");
  }
  if (scan.list_is_nul_separated && scan.list_path.empty()) {
    arguments.fail("--null (-0) needs --list", "add --list FILE");
  }
  if (scan.threshold && scan.like_path.empty()) {
    arguments.fail("--threshold needs --like", "add --like PHOTO");
  }
  if (scan.compare_anyway && scan.like_path.empty()) {
    arguments.fail("--compare-anyway needs --like", "add --like PHOTO");
  }
}

// The command line as typed, with --resume in the place of --force.
std::string resume_command(const std::vector<std::string>& typed) {
  std::string result = shell_quoted(typed[0]) + " " + shell_quoted(typed[1]) + " --resume";
  bool options_ended = false;
  for (std::size_t i = 2; i < typed.size(); ++i) {
    options_ended = options_ended || typed[i] == "--";
    const bool replaced = !options_ended && (typed[i] == "--resume" || typed[i] == "--force");
    if (!replaced) result += " " + shell_quoted(typed[i]);
  }
  return result;
}

void explain_interruption(const Call& call, const ScanOptions& scan) {
  if (scan.out_path.empty()) {
    call.terminal.note("interrupted; with --out FILE it could be resumed\n");
    return;
  }
  call.terminal.note(fmt::format("interrupted; what is done is in {}. To go on:\n  {}\n", printable(scan.out_path),
                                 resume_command(call.typed)));
  if (scan.list_path == "-") call.terminal.note("  (with the same list on standard input)\n");
}

// Runs the scan and shows it as it goes; returns what went wrong first, for the summary.
ScanSummary run_and_show(const Call& call, const Engine& engine, const ScanCommand& command, Interrupt& interrupt,
                         std::vector<Failure>& failures) {
  Terminal& terminal = call.terminal;
  const bool writes_records = command.scan.out_path.empty();
  const bool for_people = terminal.out_is_terminal();
  ScanCallbacks callbacks = watch_scan(terminal, command.quiet, failures);
  if (writes_records) {
    callbacks.on_record = [&, keep = callbacks.on_record](const Record& record, const std::string& json_line) {
      terminal.print((for_people ? record_line(terminal, record) : json_line) + "\n");
      // Nobody reads any more: then there is nothing to work for.
      if (terminal.out_failed()) interrupt.request_stop();
      keep(record, json_line);
    };
  }
  ScanSummary summary = scan(engine, command.scan, callbacks, interrupt.token());
  terminal.show_progress("");
  return summary;
}

}  // namespace

int run_scan(const Call& call) {
  ScanCommand command;
  Arguments arguments("mien scan",
                      "Finds, measures and matches the faces in files and folders (recursively; "
                      "hidden files are skipped). On a terminal it prints a readable line an "
                      "image, in a pipe a line of JSON. Exit code: 0 done, 1 some images failed, 2 "
                      "wrong call, 3 a required GPU is not there, 130 interrupted.");
  declare_sources(arguments, command);
  declare_results(arguments, command);
  declare_analysis(arguments, command);
  add_gpu_options(arguments, command.sources);
  add_examples(arguments);
  if (!parse_or_help(call, arguments)) return 0;
  check(arguments, command);

  load_engine_settings(call.terminal, command.sources, command.engine);
  command.scan.threads = command.engine.settings.threads;
  command.scan.analyze.detail = command.engine.settings.detail;
  // Embeddings of strangers are neither needed nor made unless somebody is looked for.
  command.engine.load_embedder = !command.scan.like_path.empty() || command.scan.embeddings != EmbeddingFormat::none;
  command.scan.analyze.phash = true;
  command.scan.report.command = command_line(call.typed);
  // What a list holds is not known before it is read, and lists are long.
  command.engine.many_images = !command.scan.list_path.empty() || has_many_images(command.scan.sources);

  if (command.scan.out_path.empty()) call.terminal.make_out_private();
  // From here on Ctrl-C no longer ends the process by itself.
  Interrupt interrupt(call.terminal);
  const Engine engine(command.engine);
  std::vector<Failure> failures;
  const ScanSummary summary = run_and_show(call, engine, command, interrupt, failures);
  if (call.terminal.out_failed()) return 1;
  write_summary(command.summary_path, summary);
  if (!command.quiet) {
    const int width = call.terminal.out_is_terminal() ? call.terminal.width() : call.terminal.help_width();
    show_summary(call.terminal, summary_text(summary, {engine, command.scan, std::move(failures)}, width));
  }
  if (summary.interrupted) {
    explain_interruption(call, command.scan);
    return error_exit_code(ErrorCode::cancelled);
  }
  return exit_code_of(summary, command.failures_count);
}

}  // namespace mien::cli
