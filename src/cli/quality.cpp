#include <fmt/format.h>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/engine_options.h"
#include "cli/json.h"
#include "cli/table.h"
#include "service/views.h"

namespace mien::cli {
namespace {

std::string quality_json(const Record& record) {
  const nlohmann::ordered_json whole = record_json(record);
  nlohmann::ordered_json result;
  for (const char* key : {"source", "source_base64"}) {
    if (whole.contains(key)) result[key] = whole[key];
  }
  result.update(service::quality_view(record));
  return result.dump() + "\n";
}

Record measure(const std::string& path, InputOptions input) {
  Record record;
  input.on_warning = [&record](const std::string& warning) { record.analysis.warnings.push_back(warning); };
  record.source = path;
  const Result<std::vector<std::uint8_t>> bytes = read_image(path);
  if (!bytes) {
    record.error = bytes.error();
    return record;
  }
  const Result<ImageQuality> measured = assess_quality(Bytes(*bytes), input);
  if (!measured) {
    record.error = measured.error();
    return record;
  }
  record.analysis.width = measured->width;
  record.analysis.height = measured->height;
  record.analysis.quality = measured->quality;
  return record;
}

}  // namespace

int run_quality(const Call& call) {
  std::vector<std::string> images;
  bool json = false;
  bool sandbox = false;
  Arguments arguments("mien quality",
                      "Measures whole images (faces are measured by 'mien faces' and 'mien scan'): blur (variance "
                      "of the Laplacian, larger is sharper), brightness (0 to 255), contrast (standard deviation), "
                      "sharpness (mean gradient) and an overall score from 0 to 1.");
  arguments.positionals({"IMAGE...", 1, SIZE_MAX}, images);
  arguments.flag({"--json", "", "print a line of JSON an image"}, json);
  add_sandbox_option(arguments, sandbox);
  SettingsSources sources;
  add_gpu_options(arguments, sources);
  arguments.example("mien quality *.jpg", "compare a few photos");
  if (!parse_or_help(call, arguments)) return 0;
  const InputOptions input = open_input({}, sandbox, load(call.terminal, sources));

  Table table({shrinking("image", Keep::end), right("size"), right("blur"), right("brightness"), right("contrast"),
               right("sharpness"), right("overall")});
  std::size_t failed = 0;
  for (const std::string& image : images) {
    if (call.terminal.out_failed()) break;
    const Record record = measure(image, input);
    if (json) call.terminal.print(quality_json(record));
    note_warnings(call.terminal, image, record.analysis.warnings);
    if (record.error) {
      ++failed;
      call.terminal.note(fmt::format("mien: {}\n", complaint(image, *record.error)));
      continue;
    }
    const Quality& quality = *record.analysis.quality;
    table.add({image, fmt::format("{}x{}", record.analysis.width, record.analysis.height),
               fmt::format("{:.1f}", quality.blur_score), fmt::format("{:.1f}", quality.brightness),
               fmt::format("{:.1f}", quality.contrast), fmt::format("{:.1f}", quality.sharpness),
               fmt::format("{:.3f}", quality.overall_score)});
  }
  if (!json && failed < images.size()) {
    call.terminal.print(table.render(call.terminal.table_width()) +
                        legend(call.terminal,
                               "size: pixels; blur: variance of the Laplacian, larger is sharper; brightness: 0 to "
                               "255; contrast: standard deviation; sharpness: mean gradient; overall: 0 to 1"));
  }
  note_placement(call.terminal, input);
  return failed == 0 ? 0 : 1;
}

}  // namespace mien::cli
