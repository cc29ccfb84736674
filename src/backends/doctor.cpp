#include "backends/doctor.h"
#include "base/processor.h"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

namespace mien {
namespace {

namespace fs = std::filesystem;

std::string user_name() {
  const passwd* const entry = ::getpwuid(::geteuid());
  return entry == nullptr ? std::to_string(::geteuid()) : entry->pw_name;
}

std::string group_name(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return "";
  const group* const entry = ::getgrgid(status.st_gid);
  return entry == nullptr ? std::to_string(status.st_gid) : entry->gr_name;
}

bool is_gpu_asked(const Settings& settings) {
  if (settings.gpu_backend == "cpu") return false;
  return settings.gpu_backend != "auto" || settings.wants_gpu();
}

struct Candidate {
  std::string backend;
  Devices devices;
  bool is_usable = false;
};

// Commands of the rows about this backend, each once.
std::vector<std::string> commands_of(const std::vector<DoctorCheck>& checks, std::string_view backend) {
  std::vector<std::string> commands;
  for (const DoctorCheck& check : checks) {
    if (check.backend != backend) continue;
    for (const std::string& command : check.commands) {
      if (std::find(commands.begin(), commands.end(), command) == commands.end()) commands.push_back(command);
    }
  }
  return commands;
}

void conclude_usable(const Settings& settings, const Candidate& candidate, DoctorReport& report) {
  report.backend = candidate.backend;
  const Devices counted = counted_devices(candidate.devices, settings.allow_software_gpu);
  report.device = to_string(find_chosen_device(counted, settings.gpu_device_id).value_or(counted.front()));
  report.gpu_usable = true;
  report.conclusion = fmt::format("{} can be used.", report.device);
  if (!settings.wants_gpu()) {
    report.conclusion += " No operation is asked to run there.";
    report.commands = {"export ALL_GPU=true"};
  }
}

void conclude_unusable(const Settings& settings, const std::vector<Candidate>& candidates, DoctorReport& report) {
  report.backend = "cpu";
  for (const Candidate& candidate : candidates) {
    report.commands = commands_of(report.checks, candidate.backend);
    if (!report.commands.empty()) break;
  }
  const bool has_problem = std::any_of(report.checks.begin(), report.checks.end(),
                                       [](const DoctorCheck& check) { return check.finding == Finding::problem; });
  if (settings.gpu_backend == "cpu") {
    report.conclusion = "GPU_BACKEND=cpu: the CPU does the work.";
    report.commands.clear();
  } else if (has_problem) {
    report.conclusion = "A GPU cannot be used yet: the CPU does the work.";
    if (!report.commands.empty() && !settings.wants_gpu()) report.commands.emplace_back("export ALL_GPU=true");
    if (!report.commands.empty()) report.commands.emplace_back("mien doctor");
  } else {
    report.conclusion = "There is no GPU that mien can use: the CPU does the work.";
  }
}

}  // namespace

std::string_view finding_name(Finding finding) {
  if (finding == Finding::ok) return "ok";
  return finding == Finding::problem ? "problem" : "not_applicable";
}

void Examination::ok(std::string what, std::string found) {
  checks_.push_back({backend_, std::move(what), Finding::ok, std::move(found), "", {}});
}

void Examination::skip(std::string what, std::string found) {
  checks_.push_back({backend_, std::move(what), Finding::not_applicable, std::move(found), "", {}});
}

void Examination::problem(Problem problem) {
  checks_.push_back({backend_, std::move(problem.what), Finding::problem, std::move(problem.found),
                     std::move(problem.advice), std::move(problem.commands)});
}

bool Examination::has_problem(std::string_view backend) const {
  return std::any_of(checks_.begin(), checks_.end(), [&](const DoctorCheck& check) {
    return check.backend == backend && check.finding == Finding::problem;
  });
}

bool Examination::exists(const std::string& path) const {
  std::error_code ignored;
  return fs::exists(root() + path, ignored);
}

bool Examination::has_gpu_of(std::string_view vendor) const {
  std::error_code failure;
  const fs::path devices = root() + "/sys/bus/pci/devices";
  for (fs::directory_iterator entry(devices, failure), end; !failure && entry != end; entry.increment(failure)) {
    if (read_small_file((entry->path() / "vendor").string()) != vendor) continue;
    const std::string kind = read_small_file((entry->path() / "class").string());
    if (kind.starts_with("0x03") || kind.starts_with("0x12")) return true;  // display, processing accelerator
  }
  return false;
}

std::string Examination::container() const {
  if (exists("/run/.containerenv")) return "podman";
  if (exists("/.dockerenv")) return "docker";
  return roots_.search.variable("container").empty() ? "" : "container";
}

std::vector<std::string> Examination::device_nodes(const std::string& folder, std::string_view prefix) const {
  std::vector<std::string> paths;
  for (const auto& [number, path] : numbered_entries(root() + folder, prefix)) {
    paths.push_back(folder + "/" + path.filename().string());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::vector<std::string> Examination::apt_install(std::string_view packages) const {
  const std::string path = root() + "/etc/os-release";
  const std::string names = read_line_value(path, "ID=") + " " + read_line_value(path, "ID_LIKE=");
  if (!exists("/etc/debian_version") && names.find("debian") == std::string::npos) return {};
  return {fmt::format("sudo apt-get install {}", packages)};
}

DoctorRoots real_doctor_roots() {
  DoctorRoots roots;
  roots.probe = real_probe_roots();
  roots.search = real_search_roots();
  roots.user = user_name();
  roots.may_use = [](const std::string& path) { return ::access(path.c_str(), R_OK | W_OK) == 0; };
  roots.group_of = group_name;
  return roots;
}

DoctorReport diagnose(const Settings& settings, const DoctorRoots& roots) {
  Examination examination(settings, roots);
  examination.begin("");
  const std::string container = examination.container();
  if (container.empty()) {
    examination.skip("container", "mien does not run in one");
  } else {
    examination.ok("container", "mien runs in one (" + container + ")");
  }
  std::vector<Candidate> candidates;
  for (const Backend& backend : backends()) {
    if (backend.is_cpu()) continue;
    examination.begin(backend.name);
    Candidate candidate{std::string(backend.name), backend.examine(examination, backend)};
    candidate.is_usable = !candidate.devices.empty() && !examination.has_problem(backend.name);
    if (may_try(settings, backend)) candidates.push_back(std::move(candidate));
  }

  DoctorReport report;
  report.checks = std::move(examination.checks());
  report.gpu_asked = is_gpu_asked(settings);
  const auto usable = std::find_if(candidates.begin(), candidates.end(),
                                   [](const Candidate& candidate) { return candidate.is_usable; });
  if (usable != candidates.end()) {
    conclude_usable(settings, *usable, report);
  } else {
    conclude_unusable(settings, candidates, report);
  }
  return report;
}

}  // namespace mien
