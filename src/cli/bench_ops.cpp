#include <fmt/format.h>

#include "cli/arguments.h"
#include "cli/bench.h"
#include "cli/engine_options.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/table.h"
#include "mien/tools/bench.h"

namespace mien::cli {
namespace {

std::string ops_json(const std::vector<OpsBenchRow>& rows) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const OpsBenchRow& row : rows) {
    list.push_back({{"operation", row.operation},
                    {"case", row.name},
                    {"device", row.device},
                    {"iterations", row.iterations},
                    {"median_ms", row.ms.median},
                    {"min_ms", row.ms.min},
                    {"p95_ms", row.ms.p95},
                    {"megapixels_per_second", row.megapixels_per_second},
                    {"problem", text_or_null(row.problem)}});
  }
  return json_text({{"cases", list}});
}

std::string ops_table(const std::vector<OpsBenchRow>& rows, int width) {
  Table table(
      {"operation", "case", "device", right("median ms"), right("min ms"), right("p95 ms"), right("MP/s"), right("n")});
  std::string problem;
  for (const OpsBenchRow& row : rows) {
    if (!row.problem.empty()) {
      table.add({row.operation, row.name, row.device, "-", "-", "-", "-", "0"});
      problem = row.problem;
      continue;
    }
    table.add({row.operation, row.name, row.device, fmt::format("{:.3f}", row.ms.median),
               fmt::format("{:.3f}", row.ms.min), fmt::format("{:.3f}", row.ms.p95),
               fmt::format("{:.0f}", row.megapixels_per_second), std::to_string(row.iterations)});
  }
  std::string text = table.render(width);
  if (!problem.empty()) {
    text += "\n" + wrap("not on the GPU: " + printable(problem), width == 0 ? 100 : width, 2) + "\n";
  }
  return text;
}

}  // namespace

int bench_ops_command(const Call& call) {
  OpsBenchOptions bench;
  SettingsSources sources;
  bool no_gpu = false;
  bool json = false;
  Arguments arguments(
      "mien bench ops",
      "Runs the code of each operation on a fixed list of cases, in one thread on the CPU, and the same "
      "as device graphs where a GPU can be used. The pixels are made by the program, so that machines "
      "and versions can be compared. Times are of one image; stages are what an analysis runs.");
  arguments.list({"--operation", "NAME", "only this one: face_detection, ..."}, bench.operations);
  arguments.integer({"--iterations", "N", "runs of each case (as many as fit into 0.3 s)"}, {1, 1'000'000},
                    bench.iterations);
  arguments.flag({"--no-gpu", "", "on the CPU alone"}, no_gpu);
  arguments.flag({"--json", "", "print JSON"}, json);
  add_model_options(arguments, bench.engine, sources);
  add_device_options(arguments, sources);
  arguments.example("mien bench ops --operation quality_checks", "one operation");
  if (!parse_or_help(call, arguments)) return 0;
  bench.gpu = !no_gpu;
  load_engine_settings(call.terminal, sources, bench.engine);
  Interrupt interrupt(call.terminal);
  bench.stop = interrupt.token();
  const std::vector<OpsBenchRow> rows = bench_operations(bench);
  call.terminal.print(json ? ops_json(rows)
                           : ops_table(rows, call.terminal.table_width()) +
                                 legend(call.terminal, "ms: of an image; MP/s: megapixels a second; n: runs"));
  return 0;
}

}  // namespace mien::cli
