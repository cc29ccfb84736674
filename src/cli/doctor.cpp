#include <fmt/format.h>

#include <filesystem>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/engine_options.h"
#include "cli/json.h"
#include "cli/text.h"
#include "mien/tools/doctor.h"

namespace mien::cli {
namespace {

constexpr int kLabelWidth = 9;

void print_report_json(Terminal& terminal, const DoctorReport& report) {
  nlohmann::ordered_json checks = nlohmann::ordered_json::array();
  for (const DoctorCheck& check : report.checks) {
    checks.push_back({{"backend", check.backend},
                      {"what", check.what},
                      {"finding", finding_name(check.finding)},
                      {"found", check.found},
                      {"advice", check.advice},
                      {"commands", check.commands}});
  }
  terminal.print(json_text({{"backend", report.backend},
                            {"device", report.device},
                            {"gpu_asked", report.gpu_asked},
                            {"gpu_usable", report.gpu_usable},
                            {"conclusion", report.conclusion},
                            {"commands", report.commands},
                            {"checks", checks}}));
}

std::string label(const Terminal& terminal, Finding finding) {
  if (finding == Finding::ok) return terminal.styled(Style::good, pad("ok", kLabelWidth, Align::left));
  if (finding == Finding::problem) return terminal.styled(Style::bad, pad("PROBLEM", kLabelWidth, Align::left));
  return terminal.styled(Style::faint, pad("-", kLabelWidth, Align::left));
}

// Two columns: what was found, and what to do below it.
std::string row_text(const Terminal& terminal, const DoctorCheck& check) {
  constexpr int kIndent = 2 + kLabelWidth;
  const int width = terminal.help_width();
  // Wrapped as if the label stood there, whose colours have no width.
  std::string text = wrap(std::string(kIndent, '.') + check.what + ": " + printable(check.found), width, kIndent);
  text.replace(0, kIndent, "  " + label(terminal, check.finding));
  text += '\n';
  if (!check.advice.empty()) {
    text += wrap(std::string(kIndent, ' ') + "-> " + printable(check.advice), width, kIndent + 3) + '\n';
  }
  return text;
}

void print_report_text(Terminal& terminal, const DoctorReport& report) {
  std::string text;
  std::string backend;
  for (const DoctorCheck& check : report.checks) {
    if (check.backend != backend) text += "\n" + terminal.styled(Style::strong, check.backend) + "\n";
    backend = check.backend;
    text += row_text(terminal, check);
  }
  text += "\n" + wrap(printable(report.conclusion), terminal.help_width(), 0) + "\n";
  if (!report.commands.empty()) {
    text += report.gpu_usable ? "To use it run:\n" : "To use the GPU run:\n";
    for (const std::string& command : report.commands) text += "  " + printable(command) + "\n";
  }
  terminal.print(text);
}

// For a process of its own: the reason on standard error, or nothing.
int open_only(Terminal& terminal, const Settings& settings, const std::string& name) {
  const std::string problem = open_backend(settings, name);
  if (problem.empty()) return 0;
  terminal.note(printable(problem) + "\n");
  return error_exit_code(ErrorCode::unavailable);
}

}  // namespace

int run_doctor(const Call& call) {
  SettingsSources sources;
  bool json = false;
  std::string open;
  Arguments arguments("mien doctor",
                      "Looks for what keeps the GPU from being used: drivers, rights, libraries, versions, the "
                      "container. Ends with the lines to run. Exit code 3 when a GPU is asked for (by a flag or "
                      "GPU_BACKEND) and cannot be used, else 0.");
  add_gpu_options(arguments, sources);
  arguments.flag({"--json", "", "print JSON"}, json);
  arguments.text({"--open", "BACKEND", "only open this backend: exit code 0, or 3 with the reason"}, open);
  arguments.example("mien doctor", "why the GPU is not used");
  arguments.example("mien doctor --gpu --backend cuda", "whether CUDA works, by the exit code");
  if (!parse_or_help(call, arguments)) return 0;
  const Settings settings = load(call.terminal, sources);
  if (!open.empty()) return open_only(call.terminal, settings, open);
  std::error_code ignored;
  const DoctorReport report =
      diagnose(settings, DoctorOptions{.program = std::filesystem::read_symlink("/proc/self/exe", ignored).string()});
  (json ? print_report_json : print_report_text)(call.terminal, report);
  return report.exit_code();
}

}  // namespace mien::cli
