#include "mien/tools/bench.h"

#include <fmt/format.h>

#include "cli/arguments.h"
#include "cli/bench.h"
#include "cli/command.h"
#include "cli/engine_options.h"
#include "cli/json.h"
#include "cli/table.h"

namespace mien::cli {
namespace {

struct BenchCommand {
  SettingsSources sources;
  EngineOptions engine;
  PipelineBenchOptions bench;
  bool no_floor = false;
  bool no_quality = false;
  bool no_embed = false;
  bool json = false;
};

void declare(Arguments& arguments, BenchCommand& command) {
  arguments.text({"--images", "DIR", "the photos to analyse (needed)"}, command.bench.images_dir);
  arguments.integer({"--passes", "N", "times that each is analysed; the fastest counts (3)"}, {1, 10'000},
                    command.bench.passes);
  arguments.integer({"--warm-up", "N", "passes before them that do not count (0); OpenVINO compiles on its way"},
                    {0, 10'000}, command.bench.warm_up);
  arguments.integer({"--limit", "N", "images at most"}, {1, 10'000'000}, command.bench.limit);
  arguments.text({"--dump", "FILE", "write the faces of each image there, for comparing programs"},
                 command.bench.dump_path);
  arguments.flag({"--no-floor", "", "do not run the bare sessions beside it"}, command.no_floor);
  arguments.flag({"--no-quality", "", "leave the quality of the faces out"}, command.no_quality);
  arguments.flag({"--no-embed", "", "leave the embeddings out"}, command.no_embed);
  arguments.flag({"--rotations", "", "with the image turned by 90, 180, 270 too"}, command.bench.analyze.rotations);
  arguments.flag({"--image-quality", "", "with the quality of the whole image"}, command.bench.analyze.image_quality);
  arguments.flag({"--enhance", "", "with the enhancement of small images"}, command.bench.analyze.enhance);
  arguments.flag({"--json", "", "print JSON"}, command.json);
  add_model_options(arguments, command.engine, command.sources);
  add_detail_option(arguments, command.sources);
  add_gpu_options(arguments, command.sources);
  arguments.example("mien bench pipeline --images photos --passes 5", "CPU time an image");
}

PipelineBenchImage sums_of(const PipelineBenchResult& result) {
  PipelineBenchImage sums;
  sums.file = fmt::format("sum of {}", result.images.size());
  for (const PipelineBenchImage& image : result.images) {
    sums.faces += image.faces;
    sums.cpu_ms += image.cpu_ms;
    sums.wall_ms += image.wall_ms;
    sums.floor_cpu_ms += image.floor_cpu_ms;
    sums.decode_cpu_ms += image.decode_cpu_ms;
  }
  return sums;
}

nlohmann::ordered_json stages_json(const Timings& stages) {
  return {{"read", stages.read},   {"decode", stages.decode},   {"enhance", stages.enhance}, {"detect", stages.detect},
          {"embed", stages.embed}, {"quality", stages.quality}, {"total", stages.total}};
}

// Adds the times to `json`, which holds the name of the image or the number of images.
nlohmann::ordered_json times_json(nlohmann::ordered_json json, const PipelineBenchImage& image) {
  json.update({{"faces", image.faces},
               {"cpu_ms", image.cpu_ms},
               {"wall_ms", image.wall_ms},
               {"floor_cpu_ms", image.floor_cpu_ms},
               {"decode_cpu_ms", image.decode_cpu_ms}});
  return json;
}

nlohmann::ordered_json models_json(const Engine& engine) {
  nlohmann::ordered_json result = {{"detector", engine.detector().name}, {"embedder", nullptr}};
  if (engine.embedder() != nullptr) result["embedder"] = engine.embedder()->name;
  return result;
}

nlohmann::ordered_json precision_json(const Engine& engine) {
  constexpr const char* kNames[] = {"exact", "default", "fast"};
  const std::string& why_not_fast = engine.why_not_fast();
  const char* const requested = kNames[static_cast<int>(engine.options().precision)];
  return {{"requested", requested},
          {"ran", why_not_fast.empty() ? requested : "default"},
          {"reason", text_or_null(why_not_fast)}};
}

void print_json(Terminal& terminal, const PipelineBenchResult& result, const Engine& engine) {
  nlohmann::ordered_json images = nlohmann::ordered_json::array();
  for (const PipelineBenchImage& image : result.images) images.push_back(times_json({{"file", image.file}}, image));
  terminal.print(json_text({{"models", models_json(engine)},
                            {"runtime", engine.runtime()},
                            {"precision", precision_json(engine)},
                            {"images", images},
                            {"sums", times_json({{"images", result.images.size()}}, sums_of(result))},
                            {"stages_ms", stages_json(result.stages_ms)},
                            {"peak_rss_mb", result.peak_rss_mb},
                            {"first_result_ms", result.first_result_ms}}));
}

std::string images_table(const PipelineBenchResult& result, int width, bool floor) {
  Table table({shrinking("image", Keep::end), right("faces"), right("cpu ms"), right("wall ms"), right("sessions ms"),
               right("decode ms"), right("ratio")});
  const auto add = [&](const PipelineBenchImage& image) {
    const auto bare = [&](double ms) { return floor ? fmt::format("{:.2f}", ms) : "-"; };
    const double bare_ms = image.floor_cpu_ms + image.decode_cpu_ms;
    table.add({image.file, std::to_string(image.faces), fmt::format("{:.2f}", image.cpu_ms),
               fmt::format("{:.2f}", image.wall_ms), bare(image.floor_cpu_ms), bare(image.decode_cpu_ms),
               floor && bare_ms > 0 ? fmt::format("{:.3f}", image.cpu_ms / bare_ms) : "-"});
  };
  for (const PipelineBenchImage& image : result.images) add(image);
  add(sums_of(result));
  return table.render(width);
}

std::string stages_text(const PipelineBenchResult& result, int width) {
  const Timings& stages = result.stages_ms;
  return wrap(fmt::format("stages, mean ms an image: read {:.2f}, decode {:.2f}, enhance {:.2f}, "
                          "detect {:.2f}, embed {:.2f}, quality {:.2f}, total {:.2f}",
                          stages.read, stages.decode, stages.enhance, stages.detect, stages.embed, stages.quality,
                          stages.total),
              width, 2) +
         fmt::format("\npeak memory: {:.0f} MB\nfirst result: {:.0f} ms after the start\n", result.peak_rss_mb,
                     result.first_result_ms);
}

// The bare sessions run on the CPU, once, on the image as it is.
bool floor_would_differ(const BenchCommand& command) {
  return command.engine.settings.wants_gpu() || command.bench.analyze.rotations || command.bench.analyze.enhance;
}

int bench_pipeline_command(const Call& call) {
  BenchCommand command;
  Arguments arguments("mien bench pipeline",
                      "Analyses photos one after another in one thread and prints the least CPU and wall time of "
                      "each. Beside it: the bare model sessions on the same inputs and the bare decoding; ratio is "
                      "CPU time over the sum of both.");
  declare(arguments, command);
  if (!parse_or_help(call, arguments)) return 0;
  if (command.bench.images_dir.empty()) arguments.fail("--images DIR is missing");
  check_output(arguments, "--dump", command.bench.dump_path, '{');
  command.bench.floor = !command.no_floor;
  command.bench.analyze.face_quality = !command.no_quality;
  command.bench.analyze.embed = !command.no_embed;
  command.engine.load_embedder = !command.no_embed;
  load_engine_settings(call.terminal, command.sources, command.engine);
  command.engine.many_images = true;
  command.bench.analyze.detail = command.engine.settings.detail;
  if (command.bench.floor && floor_would_differ(command)) {
    command.bench.floor = false;
    call.terminal.note("the bare sessions are left out: with --rotations, --enhance or a GPU they have other work\n");
  }
  const Engine engine(command.engine);
  const PipelineBenchResult result = bench_pipeline(engine, command.bench);
  if (command.json) {
    print_json(call.terminal, result, engine);
    return 0;
  }
  const int width = call.terminal.table_width();
  const ModelInfo* const embedder = engine.embedder();
  call.terminal.print(
      images_table(result, width, command.bench.floor) +
      legend(call.terminal,
             "ms: of an image, in the last row of all; ratio: cpu ms over sessions and decode together") +
      stages_text(result, width == 0 ? 1000 : width) +
      printable(fmt::format("{} and {} on {}", engine.detector().name,
                            embedder == nullptr ? "no embedder" : embedder->name, engine.runtime())) +
      "\n");
  return 0;
}

}  // namespace

int run_bench(const Call& call) {
  std::vector<std::string> rest = call.arguments;
  if (rest.empty() || rest[0].starts_with('-')) return bench_matrix_command(call);
  const std::string subject = rest[0];
  rest.erase(rest.begin());
  if (subject == "pipeline") return bench_pipeline_command({call.terminal, std::move(rest), call.typed});
  if (subject == "ops") return bench_ops_command({call.terminal, std::move(rest), call.typed});
  throw Exception(
      ErrorCode::invalid_argument,
      fmt::format("unknown subject '{}': mien bench: use 'mien bench', 'mien bench pipeline' or 'mien bench "
                  "ops'",
                  subject));
}

}  // namespace mien::cli
