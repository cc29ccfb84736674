#include <fmt/format.h>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/engine_options.h"
#include "cli/json.h"
#include "cli/table.h"
#include "mien/device.h"

namespace mien::cli {
namespace {

std::string_view mode_name(GpuMode mode) {
  if (mode == GpuMode::off) return "cpu";
  return mode == GpuMode::on ? "gpu" : "require";
}

void print_json(Terminal& terminal, const std::vector<BackendInfo>& backends, const Settings& settings) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const BackendInfo& backend : backends) {
    nlohmann::ordered_json devices = nlohmann::ordered_json::array();
    for (const Device& device : backend.devices) {
      devices.push_back({{"id", device.id},
                         {"name", device.name},
                         {"backend", device.backend},
                         {"memory_total_mb", device.memory_total_mb},
                         {"memory_free_mb", device.memory_free_mb},
                         {"cores", device.cores},
                         {"features", device.features}});
    }
    rows.push_back(
        {{"name", backend.name}, {"built_in", backend.built_in}, {"status", backend.status}, {"devices", devices}});
  }
  nlohmann::ordered_json requested = nlohmann::ordered_json::object();
  for (std::size_t i = 0; i < kOperationCount; ++i) {
    requested[std::string(operation_name(i))] = mode_name(settings.gpu_mode(i));
  }
  terminal.print(json_text({{"backends", rows}, {"requested", requested}}));
}

std::string device_details(const Device& device) {
  std::string text = device.name;
  if (device.cores > 0) text += ", " + counted(device.cores, "core");
  if (!device.features.empty()) text += " (" + device.features + ")";
  return text;
}

void print_tables(Terminal& terminal, const std::vector<BackendInfo>& backends, const Settings& settings) {
  Table table({{"backend"},
               {"id", Align::right},
               {"device", Align::left, true},
               {"free MB", Align::right},
               {"total MB", Align::right},
               {"status", Align::left, true}});
  for (const BackendInfo& backend : backends) {
    if (backend.devices.empty()) table.add({backend.name, "-", "-", "-", "-", backend.status});
    for (const Device& device : backend.devices) {
      table.add({backend.name, std::to_string(device.id), device_details(device), std::to_string(device.memory_free_mb),
                 std::to_string(device.memory_total_mb), backend.status});
    }
  }
  Table requested({{"operation"}, {"requested"}});
  for (std::size_t i = 0; i < kOperationCount; ++i) {
    requested.add({std::string(operation_name(i)), std::string(mode_name(settings.gpu_mode(i)))});
  }
  const int width = terminal.table_width();
  terminal.print(table.render(width) + "\n" + requested.render(width));
}

}  // namespace

int run_devices(const Call& call) {
  SettingsSources sources;
  bool json = false;
  Arguments arguments("mien devices",
                      "Lists the backends with their devices, and where each operation is asked to "
                      "run. Where it really ran is in every result.");
  add_gpu_options(arguments, sources);
  arguments.flag({"--json", "", "print JSON"}, json);
  arguments.example("mien devices", "what there is on this computer");
  if (!parse_or_help(call, arguments)) return 0;
  const Settings settings = load(call.terminal, sources);
  (json ? print_json : print_tables)(call.terminal, list_backends(settings), settings);
  return 0;
}

}  // namespace mien::cli
