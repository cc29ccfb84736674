#include <fmt/format.h>

#include <algorithm>

#include "cli/arguments.h"
#include "cli/bench.h"
#include "cli/engine_options.h"
#include "cli/interrupt.h"
#include "cli/table.h"
#include "mien/file.h"
#include "mien/tools/bench.h"

namespace mien::cli {
namespace {

constexpr const char* kOutputStandard = "gpu_benchmark_results.json";

struct MatrixCommand {
  SettingsSources sources;
  BenchOptions bench;
  int batch = 0;
  bool gpu = false;
  bool no_gpu = false;
  std::string output = kOutputStandard;
  std::string report;
  bool json = false;
};

std::string size_names() {
  std::string names;
  for (const BenchSize& size : bench_sizes()) {
    names += fmt::format("{}{} ({}x{})", names.empty() ? "" : ", ", size.name, size.width, size.height);
  }
  return names;
}

void declare(Arguments& arguments, MatrixCommand& command) {
  arguments.list({"--operation", "NAME", fmt::format("only this one: {}", fmt::join(bench_operation_names(), ", "))},
                 command.bench.operations);
  arguments.list({"--image-size", "NAME", fmt::format("only this one: {}", size_names())}, command.bench.sizes);
  arguments.flag({"--gpu", "", "only with the operations on the GPU"}, command.gpu);
  arguments.flag({"--no-gpu", "", "only with the operations on the CPU"}, command.no_gpu);
  arguments.integer({"--batch-size", "N", "only batches of N images (1, 10 and 50)"}, {1, 4096}, command.batch);
  arguments.integer({"--iterations", "N", "batches measured in each row (as many as the time allows)"}, {1, 100'000},
                    command.bench.iterations);
  arguments.text({"--images", "DIR", "photos with faces, which are composed to the sizes (the build's samples)"},
                 command.bench.images_dir);
  arguments.text({"--output", "FILE", fmt::format("the result as JSON ({})", kOutputStandard)}, command.output);
  arguments.text({"--report", "FILE", "write an HTML page with charts there"}, command.report);
  arguments.flag({"--json", "", "print the JSON instead of tables"}, command.json);
  add_model_options(arguments, command.bench.engine, command.sources);
  add_device_options(arguments, command.sources);
  arguments.example("mien bench", "every operation, size and batch, on the CPU and on the GPU: some minutes");
  arguments.example("mien bench --operation face_detection --image-size medium --iterations 20", "one of them");
  arguments.example("mien bench --no-gpu --report bench.html", "the CPU alone, with charts");
  arguments.example("mien bench pipeline --images photos", "the whole way from the bytes of a photo to its faces");
  arguments.example("mien bench ops", "the code of each operation on a fixed list of cases");
}

std::string ran_text(const BenchRow& row) {
  if (!row.gpu) return "cpu";
  if (row.placement.ran == "mixed") return "mixed (GPU asked)";
  return row.fell_back() ? "cpu (GPU asked)" : row.placement.ran;
}

std::string rows_table(const BenchResult& result, int width) {
  Table table({"operation", "size", right("batch"), "ran on", right("median ms"), right("p95 ms"), right("+- ms"),
               right("images/s"), right("peak MB"), right("n")});
  for (const BenchRow& row : result.rows) {
    const bool failed = row.error_rate > 0;
    table.add({row.operation, row.size, std::to_string(row.batch), failed ? ran_text(row) + ": failed" : ran_text(row),
               fmt::format("{:.2f}", row.ms.median), fmt::format("{:.2f}", row.ms.p95),
               fmt::format("{:.2f}", row.ms.std), fmt::format("{:.1f}", row.images_per_second),
               fmt::format("{:.0f}", row.peak_memory_mb), fmt::format("{}x{}", row.iterations, row.images)});
  }
  return table.render(width);
}

std::string gain_text(const BenchComparison& one) {
  // Beyond twice the time a percentage says little.
  if (one.time_improvement_percent > -100) return fmt::format("{:+.0f} %", one.time_improvement_percent);
  return fmt::format("{:.1f}x slower", 1 - one.time_improvement_percent / 100);
}

std::string comparisons_table(const BenchResult& result, int width) {
  Table table({"operation", "size", right("GPU gain"), "use", "fastest"});
  bool any = false;
  for (const BenchComparison& one : result.comparisons) {
    if (!one.compared) continue;
    any = true;
    const std::string gain = one.reason.empty() ? gain_text(one) : "none";
    table.add({one.operation, one.size, gain, one.use_gpu ? "GPU" : "CPU",
               fmt::format("{}, batch {}: {:.2f} ms", one.best_device, one.best_batch, one.best_ms)});
  }
  return any ? "\n" + table.render(width) : "";
}

std::string notes_text(const BenchResult& result, int width) {
  std::string text =
      "\n" +
      wrap(fmt::format("Wall-clock ms an image of the operation alone; +-: standard deviation; peak MB: "
                       "memory of this program; n: batches measured x images in each. {} photos; {:.0f} s in all.",
                       result.photos, result.seconds),
           width, 0) +
      "\n";
  if (!result.gpu.empty()) text += wrap("GPU: " + printable(result.gpu), width, 2) + "\n";
  if (!result.gpu_reason.empty()) {
    text += wrap(fmt::format("No GPU was used, and what ran on the CPU instead is no gain: {}",
                             printable(result.gpu_reason)),
                 width, 2) +
            "\n";
  }
  for (const BenchRow& row : result.rows) {
    if (row.error.empty()) continue;
    return text + wrap(fmt::format("failed: {}, {}: {}", row.operation, row.size, printable(row.error)), width, 2) +
           "\n";
  }
  return text;
}

void write_text(const std::string& path, const std::string& text) {
  write_private_file(path, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

}  // namespace

std::function<void(const BenchProgress&)> bench_progress(Terminal& terminal) {
  if (!terminal.shows_progress()) return {};
  return [&terminal](const BenchProgress& progress) {
    terminal.show_progress(
        fmt::format("{} of {}: {}", std::min(progress.done + 1, progress.total), progress.total, progress.what));
  };
}

int bench_matrix_command(const Call& call) {
  MatrixCommand command;
  Arguments arguments("mien bench",
                      "Measures each operation by itself, on images with faces of three sizes, on the CPU and on the "
                      "GPU, in batches of 1, 10 and 50, and says where a GPU pays. Options make it less. 'mien tune' "
                      "sets the switches from it. Exit code 1: some images failed.");
  declare(arguments, command);
  if (!parse_or_help(call, arguments)) return 0;
  if (command.output.empty()) arguments.fail("--output is empty", "name a file");
  check_output(arguments, "--output", command.output, '{');
  check_output(arguments, "--report", command.report, '<');
  if (!command.report.empty() && is_one_file(command.output, command.report)) {
    arguments.fail(fmt::format("--output and --report are one file, {}", command.report), "name two");
  }
  command.bench.gpu = command.gpu || !command.no_gpu;
  command.bench.cpu = command.no_gpu || !command.gpu;
  if (command.batch > 0) command.bench.batches = {command.batch};
  load_engine_settings(call.terminal, command.sources, command.bench.engine);
  command.bench.device_batch_max = batch_limit_of(command.bench.engine.settings);

  Interrupt interrupt(call.terminal);
  command.bench.stop = interrupt.token();
  command.bench.on_progress = bench_progress(call.terminal);
  const BenchResult result = bench_matrix(command.bench);
  call.terminal.show_progress("");
  const std::string json = bench_to_json(result);
  const int width = call.terminal.table_width();
  // Printed before it is written: what cannot be kept is seen at least.
  call.terminal.print(command.json ? json
                                   : rows_table(result, width) + comparisons_table(result, width) +
                                         notes_text(result, width == 0 ? 100 : width));
  write_text(command.output, json);
  if (!command.report.empty()) write_text(command.report, bench_to_html(result, command_line(call.typed)));
  if (!command.json) {
    call.terminal.print(fmt::format("written: {}{}\n", printable(command.output),
                                    command.report.empty() ? "" : ", " + printable(command.report)));
  }
  const bool failed =
      std::any_of(result.rows.begin(), result.rows.end(), [](const BenchRow& row) { return row.error_rate > 0; });
  return failed ? 1 : 0;
}

}  // namespace mien::cli
