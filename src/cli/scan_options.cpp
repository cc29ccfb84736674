#include "cli/scan_options.h"

#include <fmt/format.h>

#include <filesystem>
#include <system_error>

#include "mien/file.h"

namespace mien::cli {
namespace {

namespace fs = std::filesystem;

// With the default models the compiling runtime lost at 37 images (4.8 against 4.0 s of CPU time): it takes a second or
// two, and then saves tens of milliseconds an image.
constexpr int kManyImages = 256;

}  // namespace

void add_exclude_option(Arguments& arguments, std::vector<std::string>& excludes) {
  arguments.list({"--exclude", "GLOB",
                  "leave out files and folders whose name or path below the "
                  "source matches; may be repeated"},
                 excludes);
}

void add_no_skip_option(Arguments& arguments, bool& no_skip) {
  arguments.flag({"--no-skip", "",
                  "read the folders too in which photo libraries (Apple Photos, immich, ...) keep what "
                  "they made of photos"},
                 no_skip);
}

void add_prune_option(Arguments& arguments, const std::string& help, Prune& prune) {
  arguments.custom({.name = "--prune", .placeholder = "all", .help = help, .value_may_miss = true},
                   [&arguments, &prune](const std::string& value) {
                     if (!value.empty() && value != "all") {
                       arguments.fail(fmt::format("--prune={} is not valid", value), "use --prune or --prune=all");
                     }
                     prune = value.empty() ? Prune::gone : Prune::all;
                   });
}

void add_look_options(Arguments& arguments, AnalyzeOptions& analyze) {
  arguments.flag({"--rotations", "",
                  "also look at images turned by 90, 180, 270 (scans without "
                  "EXIF, album pages); each face says how it is turned"},
                 analyze.rotations);
  arguments.flag({"--enhance", "", "enlarge and sharpen small images first"}, analyze.enhance);
}

bool has_many_images(const std::vector<std::string>& sources) {
  int files = 0;
  for (const std::string& source : sources) {
    std::error_code failure;
    if (!fs::is_directory(source, failure)) ++files;
    constexpr fs::directory_options kOptions = fs::directory_options::skip_permission_denied;
    for (fs::recursive_directory_iterator entry(source, kOptions, failure), end; !failure && entry != end;
         entry.increment(failure)) {
      std::error_code ignored;
      if (entry->is_regular_file(ignored) && ++files >= kManyImages) return true;
    }
  }
  return files >= kManyImages;
}

ScanCallbacks watch_scan(Terminal& terminal, bool quiet, std::vector<Failure>& failures) {
  ScanCallbacks callbacks;
  callbacks.on_record = [&failures](const Record& record, const std::string&) {
    if (record.error && failures.size() < kFailuresShownMax) failures.push_back({record.source, *record.error});
  };
  if (terminal.shows_progress() && !quiet) {
    callbacks.on_progress = [&terminal](const ScanProgress& progress) {
      terminal.show_progress(progress_line(progress, terminal.width()));
    };
  }
  return callbacks;
}

void write_summary(const std::string& path, const ScanSummary& summary) {
  if (path.empty()) return;
  const std::string json = summary_to_json(summary) + "\n";
  write_private_file(path, {reinterpret_cast<const std::uint8_t*>(json.data()), json.size()});
}

int exit_code_of(const ScanSummary& summary, bool failures_count) {
  if (summary.unavailable > 0) return error_exit_code(ErrorCode::unavailable);
  return summary.failed > 0 && failures_count ? 1 : 0;
}

void show_summary(Terminal& terminal, const std::string& text) {
  if (terminal.out_is_terminal()) {
    terminal.print(text);
  } else {
    terminal.note(text);
  }
}

}  // namespace mien::cli
