#include <fmt/format.h>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/engine_options.h"
#include "cli/json.h"
#include "cli/table.h"
#include "mien/device.h"
#include "service/views.h"

namespace mien::cli {
namespace {

void print_json(Terminal& terminal, const std::vector<BackendInfo>& backends, const Settings& settings) {
  terminal.print(json_text(service::devices_view(backends, settings)));
}

std::string device_details(const Device& device) {
  std::string text = device.name;
  if (device.cores > 0) text += ", " + counted(device.cores, "core");
  if (!device.features.empty()) text += " (" + device.features + ")";
  if (device.is_software) text += " [software]";
  if (device.unified_memory) text += " [unified memory]";
  if (!device.driver.empty()) text += ", " + device.driver;
  return text;
}

// Explains the labels of the table that are in use.
std::string notes(const std::vector<BackendInfo>& backends, int width) {
  bool has_unified = false;
  bool has_software = false;
  for (const BackendInfo& backend : backends) {
    for (const Device& device : backend.devices) {
      has_unified = has_unified || device.unified_memory;
      has_software = has_software || device.is_software;
    }
  }
  std::string text;
  const auto add = [&](const std::string& note) { text += "\n" + wrap(note, width, 2) + "\n"; };
  if (has_unified) {
    add("unified memory: this GPU has none of its own. Its total is the part of the computer's memory that it may "
        "take, and free shrinks with every program, not only with those that use the GPU.");
  }
  if (has_software) {
    add("software: a GPU that the CPU emulates, for tests. It is slower than the CPU backend, and used only with "
        "MIEN_ALLOW_SOFTWARE_GPU=1.");
  }
  return text;
}

void print_tables(Terminal& terminal, const std::vector<BackendInfo>& backends, const Settings& settings) {
  Table table({"backend", right("id"), shrinking("device"), right("free MB"), right("used MB"), right("mien MB"),
               right("total MB"), shrinking("status")});
  for (const BackendInfo& backend : backends) {
    if (backend.devices.empty()) table.add({backend.name, "-", "-", "-", "-", "-", "-", backend.status});
    for (const Device& device : backend.devices) {
      table.add({backend.name, std::to_string(device.id), device_details(device), std::to_string(device.memory_free_mb),
                 std::to_string(device.memory_used_mb), std::to_string(device.memory_held_mb),
                 std::to_string(device.memory_total_mb), backend.status});
    }
  }
  Table requested({"operation", "requested"});
  for (const OperationRow& row : kOperations) {
    requested.add({std::string(row.name), std::string(service::gpu_mode_name(settings.gpu_mode(row.operation)))});
  }
  const int width = terminal.table_width();
  terminal.print(
      table.render(width) +
      legend(terminal, "MB: memory of the device; mien MB: what programs named mien hold there (NVIDIA alone)") +
      notes(backends, terminal.help_width()) + "\n" + requested.render(width));
}

}  // namespace

int run_devices(const Call& call) {
  SettingsSources sources;
  bool json = false;
  Arguments arguments(
      "mien devices",
      "Lists the backends with their devices and memory, and where each operation is asked to run. Where it "
      "really ran is in every result. 'mien doctor' says what is missing.");
  add_gpu_options(arguments, sources);
  arguments.flag({"--json", "", "print JSON"}, json);
  arguments.example("mien devices", "what there is on this computer");
  arguments.example("mien devices --json", "the same for programs");
  if (!parse_or_help(call, arguments)) return 0;
  const Settings settings = load(call.terminal, sources);
  (json ? print_json : print_tables)(call.terminal, list_backends(settings), settings);
  return 0;
}

}  // namespace mien::cli
