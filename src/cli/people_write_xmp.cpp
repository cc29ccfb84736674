// `mien people write-xmp`: names of people go into sidecars beside photos.
#include <fmt/format.h>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/engine_options.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/scan_options.h"
#include "cli/store_options.h"
#include "cli/text.h"
#include "mien/tools/people.h"
#include "mien/tools/people_write.h"

namespace mien::cli {
namespace {

constexpr std::size_t kLeftShown = 10;

nlohmann::ordered_json names_json(const std::vector<WrittenName>& names) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const WrittenName& one : names) {
    rows.push_back({{"name", one.name}, {"bbox", {one.bbox.x1, one.bbox.y1, one.bbox.x2, one.bbox.y2}}});
  }
  return rows;
}

nlohmann::ordered_json summary_json(const WriteNamesSummary& summary, bool dry_run) {
  nlohmann::ordered_json files = nlohmann::ordered_json::array();
  for (const SidecarChange& file : summary.files) {
    files.push_back({{"path", file.path},
                     {"photo", file.photo},
                     {"new", file.is_new},
                     {"added", names_json(file.added)},
                     {"removed", names_json(file.removed)}});
  }
  nlohmann::ordered_json left = nlohmann::ordered_json::array();
  for (const LeftAlone& one : summary.left) {
    left.push_back({{"path", one.path}, {"code", error_code_name(one.error.code)}, {"message", one.error.message}});
  }
  return {{"dry_run", dry_run},
          {"interrupted", summary.interrupted},
          {"photos", summary.photos},
          {"names", summary.names},
          {"added", summary.added},
          {"in_place", summary.in_place},
          {"elsewhere", summary.elsewhere},
          {"beside_others", summary.beside_others},
          {"removed", summary.removed},
          {"gone", summary.gone},
          {"files", std::move(files)},
          {"left", std::move(left)}};
}

// A line a sidecar: "lake.jpg.xmp (new): +Anna, -Ben".
std::string files_text(const WriteNamesSummary& summary) {
  std::string text;
  for (const SidecarChange& file : summary.files) {
    std::string line = fmt::format("{}{}:", file.path, file.is_new ? " (new)" : "");
    const char* separator = " ";
    for (const auto& [sign, names] : {std::pair('+', &file.added), std::pair('-', &file.removed)}) {
      for (const WrittenName& one : *names) {
        line += fmt::format("{}{}{}", separator, sign, one.name);
        separator = ", ";
      }
    }
    text += printable(line) + "\n";
  }
  return text;
}

std::string summary_text(const WriteNamesSummary& summary, bool dry_run, int width) {
  std::string result;
  const auto add = [&](const std::string& line) { result += wrap(printable(line), width, 2) + "\n"; };
  std::string line = fmt::format("{} in {}: {} {}", counted(summary.names, "name"), counted(summary.photos, "photo"),
                                 summary.added, dry_run ? "would be written" : "written");
  if (summary.removed > 0) line += fmt::format(" and {} taken out", summary.removed);
  line += fmt::format(", in {}", counted(static_cast<long long>(summary.files.size()), "sidecar"));
  if (summary.in_place > 0) line += fmt::format("; {} written before", summary.in_place);
  add(line);
  if (summary.elsewhere > 0) add(fmt::format("written by other programs already: {}", summary.elsewhere));
  if (summary.beside_others > 0) {
    add(fmt::format("beside another name of another program, which stays: {}", summary.beside_others));
  }
  if (summary.gone > 0) add(fmt::format("not there any more: {} with names", counted(summary.gone, "photo")));
  for (std::size_t i = 0; i < summary.left.size() && i < kLeftShown; ++i) {
    add(fmt::format("left alone: {}: {}", summary.left[i].path, summary.left[i].error.message));
  }
  if (summary.left.size() > kLeftShown) {
    add(fmt::format("left alone: {} more; --json lists them", summary.left.size() - kLeftShown));
  }
  return result;
}

}  // namespace

int run_people_write_xmp(const Call& call) {
  WriteNamesOptions options;
  SettingsSources sources;
  std::string store_path;
  bool json = false;
  bool quiet = false;
  Arguments arguments(
      "mien people write-xmp",
      "Writes the names of people into sidecars beside their photos (photo.jpg.xmp, or photo.xmp where that is there), "
      "as digiKam and Lightroom read them, and takes out what it wrote and nobody says any more. Photos are never "
      "changed, nor is what others wrote. Exit code: 0 done, 1 some files were left alone, 2 wrong call, 130 "
      "interrupted.");
  arguments.positionals({"[SOURCE...]", 0, SIZE_MAX}, options.sources);
  arguments.flag({"--dry-run", "", "say what would be written, and write nothing"}, options.dry_run);
  arguments.flag({"--also-found", "", "faces too that joined a person by similarity alone"}, options.also_found);
  add_store_option(arguments, store_path);
  add_threads_option(arguments, sources);
  arguments.flag({"--json", "", "print JSON"}, json);
  arguments.flag({"--quiet", "", "no progress, no summary", "-q"}, quiet);
  arguments.example("mien people write-xmp --dry-run", "what would be written");
  arguments.example("mien people write-xmp ~/Pictures/2019", "the photos below one folder");
  if (!parse_or_help(call, arguments)) return 0;

  const Settings settings = load(call.terminal, sources);
  options.threads = settings.threads;
  const Interrupt interrupt(call.terminal);
  Store store({store_path, access_to_look(store_path)});
  const People people(store, settings, options.threads);
  std::function<void(std::int64_t, std::int64_t)> on_progress;
  if (call.terminal.shows_progress() && !quiet) {
    on_progress = [&](std::int64_t done, std::int64_t all) {
      call.terminal.show_progress(fmt::format("{}/{} photos", done, all));
    };
  }
  const WriteNamesSummary summary = write_names(store, people, options, on_progress, interrupt.token());
  call.terminal.show_progress("");
  call.terminal.make_out_private();
  if (json) {
    call.terminal.print(json_text(summary_json(summary, options.dry_run)));
  } else if (options.dry_run) {
    call.terminal.print(files_text(summary));
  }
  if (!quiet && !json) {
    const int width = call.terminal.out_is_terminal() ? call.terminal.width() : call.terminal.help_width();
    show_summary(call.terminal, summary_text(summary, options.dry_run, width));
  }
  if (summary.interrupted) {
    call.terminal.note("interrupted; what was written is whole, and the next call goes on\n");
    return error_exit_code(ErrorCode::cancelled);
  }
  return summary.left.empty() ? 0 : 1;
}

}  // namespace mien::cli
