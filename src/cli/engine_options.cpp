#include "cli/engine_options.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "cli/text.h"
#include "mien/file.h"
#include "mien/log.h"

namespace mien::cli {
namespace {

// Beyond this number a side would be longer than the formats can say.
constexpr double kPixelsMax = 4e9;

constexpr double kMegabyte = 1 << 20;
constexpr double kMegabytesMax = 1e6;

// --gpu alone leaves flags of single operations as they are; with a value it sets every flag.
void set_gpu(const Arguments& arguments, const std::string& value, SettingsSources& sources) {
  const auto override_with = [&](const std::string& name, const std::string& text) {
    sources.overrides.push_back({name, text, value.empty() ? "--gpu" : "--gpu=" + value});
  };
  if (value.empty()) return override_with("ALL_GPU", "auto");
  if (value != "require" && value != "off") {
    arguments.fail(fmt::format("--gpu={} is not valid", value), "use --gpu, --gpu=require or --gpu=off");
  }
  const bool off = value == "off";
  override_with("ALL_GPU", off ? "false" : "true");
  for (const OperationRow& row : kOperations) override_with(gpu_setting(row.operation), off ? "false" : "require");
}

}  // namespace

void add_override(Arguments& arguments, SettingsSources& sources, Option option, const std::string& setting) {
  const std::string flag = option.name;
  arguments.custom(std::move(option), [&sources, setting, flag](const std::string& value) {
    sources.overrides.push_back({setting, value, flag});
  });
}

void add_device_options(Arguments& arguments, SettingsSources& sources) {
  const std::string backends = fmt::format("kind of GPU: auto, {}", fmt::join(backend_names(), ", "));
  add_override(arguments, sources, {"--backend", "NAME", backends}, "GPU_BACKEND");
  add_override(arguments, sources, {"--device", "N", "which device of that backend, from 0"}, "GPU_DEVICE_ID");
}

int batch_limit_of(const Settings& settings) {
  const bool is_set = std::any_of(settings.values.begin(), settings.values.end(), [](const SettingValue& value) {
    return value.name == "GPU_BATCH_SIZE" && value.source != "default";
  });
  return is_set ? settings.gpu_batch_size : 0;
}

void add_detail_option(Arguments& arguments, SettingsSources& sources) {
  add_override(arguments, sources,
               {"--detail", "HOW",
                "how closely photos are looked at: auto (again where people are small), off (once), or full: down to "
                "every pixel, which takes about 48, 102, 204 or 415 looks for 12, 24, 48 or 100 megapixels"},
               "MIEN_DETAIL");
}

void add_threads_option(Arguments& arguments, SettingsSources& sources) {
  add_override(arguments, sources, {"--threads", "N", "threads that analyse; 0, the default, is one a core"},
               "MIEN_THREADS");
}

void add_gpu_options(Arguments& arguments, SettingsSources& sources) {
  arguments.custom({.name = "--gpu",
                    .placeholder = "require|off",
                    .help = "compute on the GPU where that pays, and on the CPU where it fails; "
                            "require: fail without a GPU (exit code 3); off: on the CPU",
                    .value_may_miss = true},
                   [&](const std::string& value) { set_gpu(arguments, value, sources); });
  add_device_options(arguments, sources);
  add_override(arguments, sources, {"--batch", "N", "images in a device batch at most"}, "GPU_BATCH_SIZE");
}

void add_sandbox_option(Arguments& arguments, bool& sandbox) {
  arguments.flag({"--sandbox", "", "decode images in child processes without rights (see SECURITY.md)"}, sandbox);
}

void add_model_options(Arguments& arguments, EngineOptions& options, SettingsSources& sources) {
  arguments.text({"--det", "NAME|FILE", "detector: a name of 'mien models list' or an ONNX file"}, options.detector);
  arguments.text({"--rec", "NAME|FILE", "embedder: a name of 'mien models list' or an ONNX file"}, options.embedder);
  add_override(arguments, sources, {"--precision", "NAME", "exact (as InsightFace computes), default or fast"},
               "MIEN_PRECISION");
  add_sandbox_option(arguments, options.sandbox);
  arguments.number({"--pixels-max", "N", "images with more pixels are refused before they are decoded (200000000)"},
                   {1, kPixelsMax}, [&](double value) { options.limits.pixels_max = std::llround(value); });
  arguments.number(
      {"--memory-max", "MB", "images that would take more memory to decode are refused (1024)"}, {1, kMegabytesMax},
      [&](double value) { options.limits.memory_bytes_max = static_cast<std::size_t>(value * kMegabyte); });
}

void add_min_face_option(Arguments& arguments, AnalyzeOptions& options) {
  arguments.number({"--min-face", "PX", "drop faces whose longer side has fewer pixels of the photo"}, {0, kPixelsMax},
                   [&](double value) { options.min_face = value; });
}

Settings load(Terminal& terminal, const SettingsSources& sources) {
  Settings settings = load_settings(sources);
  set_log_sink([&terminal](LogLevel, std::string_view line) { terminal.note(printable(line) + "\n"); },
               log_level_from_name(settings.log_level));
  for (const std::string& warning : settings.warnings) {
    terminal.note(fmt::format("mien: warning: {}\n", printable(warning)));
  }
  return settings;
}

void load_engine_settings(Terminal& terminal, const SettingsSources& sources, EngineOptions& options) {
  options.settings = load(terminal, sources);
  options.precision = options.settings.precision;
}

void note_placement(Terminal& terminal, const InputOptions& input) {
  for (const Placement& placement : input_placement(input)) {
    const std::string reason = placement.reason ? fmt::format(" ({})", printable(*placement.reason)) : "";
    terminal.note(fmt::format("ran: {}: {}{}\n", placement.operation, placement.ran, reason));
  }
}

Result<std::vector<std::uint8_t>> read_image(const std::string& path) {
  return read_named_file(path, ImageLimits{}.bytes_max);
}

void write_image(const Output& output, const std::vector<std::uint8_t>& bytes) {
  if (output.path == "-") {
    throw Exception(ErrorCode::invalid_argument, "pictures are not written to standard output: name a file, or ./-");
  }
  struct stat status {};
  if (!output.force && ::lstat(output.path.c_str(), &status) == 0) {
    throw Exception(ErrorCode::invalid_argument,
                    fmt::format("will not overwrite: {}: name another file or add --force", output.path));
  }
  write_private_file(output.path, bytes);
}

void check_writable(const Arguments& arguments, const std::string& option, const std::string& path) {
  std::error_code failure;
  const std::filesystem::path file(path);
  const std::filesystem::path folder = file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
  if (!std::filesystem::is_directory(folder, failure)) {
    arguments.fail(fmt::format("{} {} cannot be written: there is no folder {}", option, path, folder.string()));
  }
  if (std::filesystem::is_directory(file, failure)) {
    arguments.fail(fmt::format("{} {} cannot be written: it is a folder", option, path));
  }
  try {
    require_writable(path);
  } catch (const Exception& error) {
    arguments.fail(fmt::format("{}: {}", option, error.what()), "name a file in a folder that you may write to");
  }
}

void check_output(const Arguments& arguments, const std::string& option, const std::string& path, char first) {
  if (path.empty()) return;
  check_writable(arguments, option, path);
  char begin = first;
  if (std::ifstream(path).get(begin) && begin != first) {
    arguments.fail(fmt::format("{}: will not overwrite {}, which is no earlier result", option, path),
                   "name another file");
  }
}

void note_warnings(Terminal& terminal, const std::string& path, const std::vector<std::string>& warnings) {
  for (const std::string& warning : warnings) {
    terminal.note(fmt::format("mien: warning: {}\n", printable(path + ": " + warning)));
  }
}

std::string complaint(const std::string& path, const Error& error) {
  // Most messages of the library name the file; then once is enough.
  const bool named = error.message.find(path) != std::string::npos;
  return printable(named ? error.message : fmt::format("{}: {}", path, error.message));
}

}  // namespace mien::cli
