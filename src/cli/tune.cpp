#include <fmt/format.h>

#include <algorithm>

#include "cli/arguments.h"
#include "cli/bench.h"
#include "cli/command.h"
#include "cli/engine_options.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/table.h"
#include "mien/tools/tune.h"

namespace mien::cli {
namespace {

struct TuneCommand {
  SettingsSources sources;
  TuneOptions tune;
  std::string output = ".env";
  int seconds = 0;
  int batch = 0;
  bool write = false;
  bool json = false;
};

void declare(Arguments& arguments, TuneCommand& command) {
  arguments.flag({"--write", "", "write the settings into the file"}, command.write);
  arguments.text({"--output", "FILE", "which file (.env)"}, command.output);
  arguments.integer({"--seconds", "N", "time for the operations; a target (90)"}, {1, 86'400}, command.seconds);
  arguments.integer({"--iterations", "N", "batches measured in each row instead"}, {1, 100'000},
                    command.tune.iterations);
  arguments.list({"--operation", "NAME", "only this one, as 'mien bench' names it"}, command.tune.operations);
  arguments.list({"--image-size", "NAME", "only this one: small, medium or large"}, command.tune.sizes);
  arguments.integer({"--batch-size", "N", "only batches of N images (1, 8 and 32)"}, {1, 4096}, command.batch);
  arguments.text({"--images", "DIR", "photos with faces, which are composed to the sizes (the build's samples)"},
                 command.tune.images_dir);
  arguments.flag({"--json", "", "print JSON"}, command.json);
  add_model_options(arguments, command.tune.engine, command.sources);
  add_device_options(arguments, command.sources);
  arguments.example("mien tune", "what would be set, and why");
  arguments.example("mien tune --write", "write it into .env in this folder");
}

std::string rows_table(const BenchResult& bench, int width) {
  Table table({"operation", "size", right("batch"), right("cpu ms"), right("gpu ms"), "gpu ran on"});
  for (const BenchRow& row : bench.rows) {
    if (row.gpu) continue;
    const auto pair = std::find_if(bench.rows.begin(), bench.rows.end(), [&](const BenchRow& other) {
      return other.gpu && other.operation == row.operation && other.size == row.size && other.batch == row.batch;
    });
    const bool has_gpu = pair != bench.rows.end();
    table.add({row.operation, row.size, std::to_string(row.batch), fmt::format("{:.2f}", row.ms.median),
               has_gpu && !pair->fell_back() ? fmt::format("{:.2f}", pair->ms.median) : "-",
               has_gpu ? pair->placement.ran : "-"});
  }
  return table.render(width);
}

std::string settings_table(const TuneResult& result, int width) {
  Table table({"setting", "value", shrinking("why")});
  for (const TunedSetting& one : result.settings) table.add({one.name, one.value, one.why});
  return "\n" + table.render(width);
}

nlohmann::ordered_json tune_json(const TuneResult& result) {
  nlohmann::ordered_json settings = nlohmann::ordered_json::array();
  for (const TunedSetting& one : result.settings) {
    nlohmann::ordered_json kept;
    if (!one.kept_by.empty()) kept = {{"by", one.kept_by}, {"value", one.kept_value}};
    settings.push_back({{"name", one.name}, {"value", one.value}, {"why", one.why}, {"kept", kept}});
  }
  nlohmann::ordered_json threads = nlohmann::ordered_json::array();
  for (const ThreadsMeasured& one : result.threads) {
    threads.push_back({{"threads", one.threads}, {"images_per_second", one.images_per_second}});
  }
  nlohmann::ordered_json precisions = nlohmann::ordered_json::array();
  for (const PrecisionMeasured& one : result.precisions) {
    precisions.push_back(
        {{"precision", one.name}, {"detection_ms", one.detection_ms}, {"problem", text_or_null(one.problem)}});
  }
  nlohmann::ordered_json scans;
  if (result.scans.cpu_images_per_second > 0) {
    scans = {{"backend", result.scans.backend},
             {"cpu_images_per_second", result.scans.cpu_images_per_second},
             {"together_images_per_second", result.scans.together_images_per_second},
             {"gain_percent", result.scans.gain_percent}};
  }
  return {{"settings", settings},
          {"scans", scans},
          {"threads", threads},
          {"precisions", precisions},
          {"benchmark", nlohmann::ordered_json::parse(bench_to_json(result.bench))}};
}

std::string update_text(const EnvUpdate& update, const std::string& path) {
  std::string text = update.changed.empty()
                         ? fmt::format("{} stays as it is\n", printable(path))
                         : fmt::format("{}: set {}\n", printable(path), fmt::join(update.changed, ", "));
  for (const auto& [name, place] : update.kept) {
    text += fmt::format("{} stays as it is set by hand: {}\n", name, printable(place));
  }
  return text;
}

// ALL_GPU overrules what is measured; whoever set it should know.
std::string all_gpu_text(const Settings& settings) {
  for (const SettingValue& value : settings.values) {
    if (value.name == "ALL_GPU" && value.value != "false") {
      return fmt::format("ALL_GPU={} ({}) counts for every operation whose flag above is false\n", value.value,
                         value.source);
    }
  }
  return {};
}

}  // namespace

int run_tune(const Call& call) {
  TuneCommand command;
  Arguments arguments(
      "mien tune",
      "Measures each operation on the CPU and on the GPU, over image sizes and batch sizes, then whole scans "
      "with and without the GPU, threads and precisions, and says which settings are fastest here and why. With "
      "--write they are added "
      "to a file of settings; what was set there by hand, or in the environment, stays and wins.");
  declare(arguments, command);
  if (!parse_or_help(call, arguments)) return 0;
  if (command.output.empty()) arguments.fail("--output is empty", "name a file");
  if (command.write) check_writable(arguments, "--output", command.output);
  if (command.seconds > 0) command.tune.seconds_max = command.seconds;
  if (command.batch > 0) command.tune.batches = {command.batch};
  load_engine_settings(call.terminal, command.sources, command.tune.engine);
  const Settings& settings = command.tune.engine.settings;
  Interrupt interrupt(call.terminal);
  command.tune.stop = interrupt.token();
  command.tune.on_progress = bench_progress(call.terminal);
  const TuneResult result = tune(command.tune);
  call.terminal.show_progress("");
  const int width = call.terminal.table_width();
  if (command.json) {
    call.terminal.print(json_text(tune_json(result)));
  } else {
    call.terminal.print(
        rows_table(result.bench, width) + legend(call.terminal, "ms: wall-clock time of an image, median") +
        settings_table(result, width) + "\n" +
        (result.bench.gpu_reason.empty()
             ? ""
             : wrap("no GPU: " + printable(result.bench.gpu_reason), width == 0 ? 100 : width, 2) + "\n") +
        all_gpu_text(settings));
  }
  const std::string end = command.write ? update_text(update_env_file(command.output, result.settings), command.output)
                                        : "nothing is written: add --write\n";
  command.json ? call.terminal.note(end) : call.terminal.print(end);
  return 0;
}

}  // namespace mien::cli
