// Where each setting is looked for, in order; the settings themselves are rows of
// base/settings_table.cpp.
#include "mien/settings.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>

#include "base/env_file.h"
#include "base/file.h"
#include "base/settings_table.h"
#include "base/text.h"
#include "base/utf8.h"

namespace mien {
namespace {

constexpr std::size_t kEnvFileBytesMax = std::size_t{1} << 20;
constexpr std::size_t kProblemsShownMax = 3;  // a file
constexpr std::size_t kValueShownMax = 60;    // bytes of a wrong value in a message

using Environment = std::vector<std::pair<std::string, std::string>>;

struct Found {
  std::string value;
  std::string source;
};
// The settings of one place, by name in upper case.
using Layer = std::map<std::string, Found, std::less<>>;

Environment process_environment() {
  Environment result;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    result.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return result;
}

std::string_view variable(const Environment& environment, std::string_view name) {
  for (const auto& [key, value] : environment) {
    if (key == name) return value;
  }
  return {};
}

Layer environment_layer(const Environment& environment) {
  Layer layer;
  for (const auto& [name, value] : environment) {
    const std::string key = upper(name);
    const Found found{value, fmt::format("environment {}", name)};
    // Among several spellings, the one in capitals counts.
    if (key == name) {
      layer.insert_or_assign(key, found);
    } else {
      layer.emplace(key, found);
    }
  }
  return layer;
}

// A file as messages call it: below the home folder with "~".
std::string shown_path(const std::string& path, std::string_view home) {
  if (!home.empty() && path.starts_with(home) && path.substr(home.size()).starts_with('/')) {
    return "~" + path.substr(home.size());
  }
  return path;
}

// The user's own file; empty when there is no home to have it in.
std::string user_file_path(const Environment& environment) {
  const std::string_view config = variable(environment, "XDG_CONFIG_HOME");
  if (config.starts_with('/')) return std::string(config) + "/mien/env";
  const std::string_view home = variable(environment, "HOME");
  return home.empty() ? "" : std::string(home) + "/.config/mien/env";
}

// A file that is not there is an empty text; one that is there and cannot be used is a warning as
// well.
std::string read_text(const std::string& path, std::vector<std::string>& warnings) {
  if (path.empty()) return {};
  OptionalFile file = read_optional_file(path, kEnvFileBytesMax, "no setting is taken from it");
  if (!file.warning.empty()) warnings.push_back(std::move(file.warning));
  return {file.bytes.begin(), file.bytes.end()};
}

Layer file_layer(const std::string& path, std::string_view home, std::vector<std::string>& warnings) {
  const std::string shown = shown_path(path, home);
  const EnvFile file = parse_env_file(read_text(path, warnings));
  Layer layer;
  for (const EnvEntry& entry : file.entries) {
    // The last of several lines counts, as in a shell.
    layer.insert_or_assign(upper(entry.name), Found{entry.value, fmt::format("{} line {}", shown, entry.line)});
  }
  const std::size_t shown_count = std::min(file.problems.size(), kProblemsShownMax);
  for (std::size_t i = 0; i < shown_count; ++i) {
    const EnvProblem& problem = file.problems[i];
    warnings.push_back(fmt::format("{} line {} is ignored: {}", shown, problem.line, problem.reason));
  }
  if (shown_count < file.problems.size()) {
    warnings.push_back(fmt::format("{}: {} more lines are ignored", shown, file.problems.size() - shown_count));
  }
  return layer;
}

// Takes out what the file of a folder may not say.
void drop_names_of_code(const std::vector<SettingRow>& rows, Layer& layer, std::vector<std::string>& warnings) {
  for (const SettingRow& row : rows) {
    const Layer::iterator found = row.needs_trust ? layer.find(row.name) : layer.end();
    if (found == layer.end()) continue;
    warnings.push_back(
        fmt::format("{}: {} is not taken from there, because it says what runs or who is let in, and the folder may be "
                    "somebody else's: put it into the environment or ~/.config/mien/env",
                    found->second.source, row.name));
    layer.erase(found);
  }
}

// An empty value means "not set": the search goes on.
const Found* find_in_layer(const Layer& layer, const std::string& name) {
  const bool has_prefix = name.starts_with(kSettingPrefix);
  const std::string prefixed = has_prefix ? name : std::string(kSettingPrefix) + name;
  for (const std::string& key : {prefixed, name}) {
    const Layer::const_iterator found = layer.find(key);
    if (found != layer.end() && !trim(found->second.value).empty()) return &found->second;
  }
  return nullptr;
}

std::optional<Found> find_override(const SettingsSources& sources, const std::string& name) {
  for (auto flag = sources.overrides.rbegin(); flag != sources.overrides.rend(); ++flag) {
    if (upper(flag->name) == name) return Found{flag->value, flag->flag};
  }
  return std::nullopt;
}

std::optional<Found> find(const SettingsSources& sources, const std::vector<Layer>& layers, const std::string& name) {
  std::optional<Found> flag = find_override(sources, name);
  if (flag) return flag;
  for (const Layer& layer : layers) {
    if (const Found* found = find_in_layer(layer, name)) return *found;
  }
  return std::nullopt;
}

// A wrong value as a message shows it: one line, not too long.
std::string shown_value(std::string_view value) {
  const std::string result = replace_controls(value.substr(0, kValueShownMax));
  return value.size() > kValueShownMax ? result + "..." : result;
}

std::string complaint(const SettingRow& row, const Found& found) {
  return fmt::format("{}={} is not valid: {}: use {}", row.name, shown_value(found.value), found.source, row.allowed);
}

SettingValue apply(const SettingRow& row, const std::optional<Found>& found, Settings& settings) {
  if (found) {
    const std::optional<std::string> value = row.set(settings, trim(found->value));
    if (value) return {row.name, *value, found->source, row.help, row.allowed, row.kind};
    if (!row.warn_only) throw Exception(ErrorCode::invalid_argument, complaint(row, *found));
    settings.warnings.push_back(complaint(row, *found) + fmt::format("; {} is used", row.standard));
  }
  return {row.name, *row.set(settings, row.standard), "default", row.help, row.allowed, row.kind};
}

// Another setting may have the last word on the level; then the list must say so.
void show_level_in_effect(Settings& settings) {
  const auto row = [&](std::string_view name) {
    return std::find_if(settings.values.begin(), settings.values.end(),
                        [&](const SettingValue& value) { return value.name == name; });
  };
  const auto level = row("LOG_LEVEL");
  if (level->value == settings.log_level) return;
  level->value = settings.log_level;
  level->source = fmt::format("DEBUG=true, {}", row("DEBUG")->source);
}

// The rows of the table stand where index_of() looks for them.
consteval bool rows_stand_in_order() {
  for (std::size_t i = 0; i < kOperationCount; ++i) {
    if (index_of(kOperations[i].operation) != i) return false;
  }
  return true;
}
static_assert(rows_stand_in_order());

}  // namespace

std::optional<Operation> find_operation(std::string_view name) {
  for (const OperationRow& row : kOperations) {
    if (row.name == name) return row.operation;
  }
  return std::nullopt;
}

namespace {

constexpr std::pair<Detail, std::string_view> kDetails[] = {
    {Detail::automatic, "auto"}, {Detail::off, "off"}, {Detail::full, "full"}};

}  // namespace

std::string_view detail_name(Detail detail) {
  for (const auto& [value, name] : kDetails) {
    if (value == detail) return name;
  }
  return {};
}

std::optional<Detail> find_detail(std::string_view name) {
  for (const auto& [value, word] : kDetails) {
    if (word == name) return value;
  }
  return std::nullopt;
}

std::string gpu_setting(Operation operation) { return upper(operation_name(operation)) + "_GPU"; }

GpuMode Settings::gpu_mode(Operation operation) const {
  const GpuMode own = operation_gpu.at(index_of(operation));
  if (own != GpuMode::off) return own;
  if (all_gpu) return GpuMode::on;
  return all_gpu_where_it_pays ? GpuMode::where_it_pays : GpuMode::off;
}

bool Settings::is_gpu_enabled_for_operation(std::string_view name) const {
  const std::optional<Operation> operation = find_operation(name);
  return operation && gpu_mode(*operation) != GpuMode::off;
}

bool Settings::wants_gpu() const {
  return std::any_of(std::begin(kOperations), std::end(kOperations),
                     [&](const OperationRow& row) { return gpu_mode(row.operation) != GpuMode::off; });
}

Settings load_settings(const SettingsSources& sources, const std::vector<std::string_view>& backends) {
  const Environment environment = sources.environment ? sources.environment() : process_environment();
  const std::string_view home = variable(environment, "HOME");
  const std::string user_path = sources.user_path.empty() ? user_file_path(environment) : sources.user_path;

  const std::vector<SettingRow> rows = setting_rows(backends);

  Settings settings;
  Layer dotenv = file_layer(sources.dotenv_path, home, settings.warnings);
  drop_names_of_code(rows, dotenv, settings.warnings);
  const std::vector<Layer> layers = {
      environment_layer(environment),
      std::move(dotenv),
      file_layer(user_path, home, settings.warnings),
  };
  for (const SettingRow& row : rows) {
    settings.values.push_back(apply(row, find(sources, layers, row.name), settings));
  }
  show_level_in_effect(settings);
  return settings;
}

}  // namespace mien
