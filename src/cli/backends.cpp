#include "mien/tools/backends.h"

#include <fmt/format.h>

#include "cli/actions.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/engine_options.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/table.h"

namespace mien::cli {
namespace {

constexpr double kBytesInMegabyte = 1e6;

std::string size_text(std::int64_t bytes) {
  return bytes <= 0 ? "-" : fmt::format("{:.1f}", static_cast<double>(bytes) / kBytesInMegabyte);
}

std::string state_text(const BackendLibrary& backend) {
  if (backend.installed) return "installed";
  return backend.problem.empty() ? "not here" : "not for this computer";
}

int list(const Call& call) {
  bool json = false;
  Arguments arguments("mien backends list",
                      "Lists the libraries that run models on GPUs, and faster on CPUs (openvino), the packages "
                      "that they come from, and where they lie. Each has a folder of its own.");
  arguments.flag({"--json", "", "print JSON"}, json);
  arguments.example("mien backends list", "which are here");
  if (!parse_or_help(call, arguments)) return 0;
  const std::vector<BackendLibrary> backends = list_backend_libraries(load(call.terminal));
  if (json) {
    nlohmann::ordered_json rows = nlohmann::ordered_json::array();
    for (const BackendLibrary& backend : backends) {
      rows.push_back({{"name", backend.name},
                      {"label", backend.label},
                      {"package", backend.package},
                      {"version", backend.version},
                      {"licence", backend.licence},
                      {"installed", backend.installed},
                      {"removable", backend.removable},
                      {"folder", backend.folder},
                      {"problem", backend.problem},
                      {"download_bytes", backend.download_bytes},
                      {"size_bytes", backend.size_bytes},
                      {"files", backend.files}});
    }
    call.terminal.print(json_text(rows));
    return 0;
  }
  Table table({"backend", "state", "package", right("download MB"), right("disk MB"), shrinking("folder", Keep::end)});
  for (const BackendLibrary& backend : backends) {
    table.add({backend.name, state_text(backend), backend.package + " " + backend.version,
               size_text(backend.download_bytes), size_text(backend.size_bytes),
               backend.installed ? backend.folder : "-"});
  }
  call.terminal.print(table.render(call.terminal.table_width()));
  return 0;
}

std::string plan_text(const BackendLibrary& plan, const std::string& from) {
  const std::string source =
      from.empty() ? fmt::format("fetched with pip, {} MB", size_text(plan.download_bytes)) : "taken from " + from;
  const std::string also = plan.also.empty() ? "" : " and " + plan.also;
  return printable(
             fmt::format("{}: {} {} ({}){}, {}", plan.name, plan.package, plan.version, plan.licence, also, source)) +
         "\n  " + printable(fmt::format("{} MB to {}", size_text(plan.size_bytes), plan.folder)) + "\n";
}

int install(const Call& call) {
  std::vector<std::string> names;
  InstallBackendOptions options;
  Arguments arguments("mien backends install",
                      "Fetches the library of a backend by the name of its package, with python3's pip, takes the "
                      "needed files out of it and compares their checksums. Nothing else on this computer changes.");
  arguments.positionals({"NAME", 1, 1}, names);
  arguments.text({"--from", "DIR", "take the package from this folder, where pip downloaded it before"},
                 options.wheels_folder);
  arguments.flag({"--force", "", "fetch it again although it is here"}, options.force);
  arguments.example("mien backends install cuda", "for NVIDIA GPUs");
  arguments.example("mien backends install webgpu", "for any GPU with a Vulkan driver");
  arguments.example("mien backends install openvino", "for CPUs (large scans, --precision fast) and Intel GPUs");
  if (!parse_or_help(call, arguments)) return 0;
  const Settings settings = load(call.terminal);
  Interrupt interrupt(call.terminal);
  options.stop = interrupt.token();
  bool has_plan = false;
  options.on_plan = [&](const BackendLibrary& plan) {
    has_plan = true;
    call.terminal.note(plan_text(plan, options.wheels_folder));
    if (call.terminal.shows_progress()) call.terminal.show_progress("fetching");
  };
  const BackendLibrary backend = install_backend(settings, names[0], options);
  call.terminal.show_progress("");
  call.terminal.print(printable(fmt::format("{}: {} in {}", backend.name, has_plan ? "installed" : "installed already",
                                            backend.folder)) +
                      "\n");
  if (has_plan) call.terminal.note("'mien devices' and 'mien doctor' say whether it can be used here\n");
  return 0;
}

int remove(const Call& call) {
  std::vector<std::string> names;
  Arguments arguments("mien backends remove", "Deletes the folder of a backend that 'mien backends install' made.");
  arguments.positionals({"NAME", 1, 1}, names);
  arguments.example("mien backends remove cuda", "frees what it took");
  if (!parse_or_help(call, arguments)) return 0;
  const RemovedBackend removed = remove_backend(load(call.terminal), names[0]);
  call.terminal.print(
      printable(fmt::format("removed {}, {} MB freed", removed.folder, size_text(removed.bytes_freed))) + "\n");
  return 0;
}

}  // namespace

int run_backends(const Call& call) {
  return run_action(
      call, "mien backends", "What runs models on GPUs comes as packages of PyPI.",
      {{"list", list, "which there are"}, {"install", install, "fetch one"}, {"remove", remove, "delete one"}},
      {{"mien backends list", "which there are, and where"}, {"mien backends install webgpu", "fetch one"}});
}

}  // namespace mien::cli
