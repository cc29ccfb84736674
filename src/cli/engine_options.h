// The parts that several commands share: options for where to compute and with which models, the settings
// that result, and images in and out.
#pragma once

#include <string>
#include <vector>

#include "cli/arguments.h"
#include "cli/terminal.h"
#include "mien/engine.h"
#include "mien/settings.h"

namespace mien::cli {

// An option with a value that wins over every other source of a setting.
void add_override(Arguments& arguments, SettingsSources& sources, Option option, const std::string& setting);

// --gpu[=require|off], --backend, --device and --batch: they win over every other source.
void add_gpu_options(Arguments& arguments, SettingsSources& sources);

// --backend and --device, for commands that choose the flags of the operations themselves.
void add_device_options(Arguments& arguments, SettingsSources& sources);

// GPU_BATCH_SIZE where somebody has set it; 0 where it has its default.
int batch_limit_of(const Settings& settings);

// --sandbox.
void add_sandbox_option(Arguments& arguments, bool& sandbox);

// --det, --rec, --precision, --sandbox, --pixels-max, --memory-max.
void add_model_options(Arguments& arguments, EngineOptions& options, SettingsSources& sources);

// --detail, which wins over MIEN_DETAIL.
void add_detail_option(Arguments& arguments, SettingsSources& sources);

// --threads, which wins over MIEN_THREADS.
void add_threads_option(Arguments& arguments, SettingsSources& sources);

// --min-face.
void add_min_face_option(Arguments& arguments, AnalyzeOptions& options);

// Says where operations ran that a GPU was asked for, a line each.
void note_placement(Terminal& terminal, const InputOptions& input);

// Reads the settings, shows their warnings and lets the log through from their level on.
Settings load(Terminal& terminal, const SettingsSources& sources = {});
// The same into the options of an engine, with the precision that the settings say.
void load_engine_settings(Terminal& terminal, const SettingsSources& sources, EngineOptions& options);

// Bytes of an image file or of standard input ("-"), within the limits of a scan.
Result<std::vector<std::uint8_t>> read_image(const std::string& path);

// Writes a picture. Throws Exception(invalid_argument) when the file is there and force is false.
struct Output {
  std::string path;
  bool force = false;
};
void write_image(const Output& output, const std::vector<std::uint8_t>& bytes);

// Before minutes of work: ends the command where its result cannot be written.
void check_writable(const Arguments& arguments, const std::string& option, const std::string& path);
// Also where it would take the place of a file that is no earlier one; empty: no file. `first` is the character that
// results begin with.
void check_output(const Arguments& arguments, const std::string& option, const std::string& path, char first);

// A line on stderr for each warning of decoding.
void note_warnings(Terminal& terminal, const std::string& path, const std::vector<std::string>& warnings);

// "path: reason", as the line about one image that failed.
std::string complaint(const std::string& path, const Error& error);

// The value, or its error with the file's name in it.
template <typename T>
T take(Result<T> result, const std::string& path) {
  if (!result) throw Exception(result.error().code, complaint(path, result.error()));
  return std::move(*result);
}

}  // namespace mien::cli
