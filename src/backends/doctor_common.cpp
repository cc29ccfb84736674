// Checks that are alike for every backend.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "backends/backend_library.h"
#include "backends/doctor.h"
#include "backends/remedy.h"
#include "base/sha256.h"

namespace mien {
namespace {

namespace fs = std::filesystem;

// Libraries of the C and C++ language, which are there when mien itself runs.
bool is_of_the_system(std::string_view name) {
  for (const std::string_view start : {"libc.so", "libm.so", "libdl.so", "librt.so", "libpthread.so", "libstdc++.so",
                                       "libgcc_s.so", "ld-linux", "libonnxruntime"}) {
    if (name.starts_with(start)) return true;
  }
  return false;
}

struct Missing {
  std::vector<std::string> names;
  std::vector<std::string> pip_packages;
  std::vector<std::string> apt_packages;
  std::vector<std::string> advice;
};

template <typename T>
void add_once(std::vector<T>& list, T value) {
  if (!value.empty() && std::find(list.begin(), list.end(), value) == list.end()) list.push_back(std::move(value));
}

void add_missing(Missing& missing, const std::string& name) {
  missing.names.push_back(name);
  const Remedy* const remedy = find_remedy(name);
  if (remedy == nullptr) return;
  add_once(missing.pip_packages, std::string(remedy->pip_package));
  add_once(missing.apt_packages, std::string(remedy->apt_package));
  add_once(missing.advice, std::string(remedy->advice));
}

std::vector<std::string> install_commands(const Examination& examination, const Missing& missing) {
  std::vector<std::string> commands;
  const std::string folder = maker_package_folder(examination.settings());
  if (!missing.pip_packages.empty()) {
    const std::string target = folder.empty() ? "" : fmt::format(" --target {}", folder);
    commands.push_back(fmt::format("python3 -m pip install{} {}", target, fmt::join(missing.pip_packages, " ")));
  }
  if (!missing.apt_packages.empty()) {
    const std::string packages = fmt::format("{}", fmt::join(missing.apt_packages, " "));
    for (const std::string& command : examination.apt_install(packages)) commands.push_back(command);
  }
  return commands;
}

bool examine_needs(Examination& examination, const Backend& backend, const std::string& library) {
  std::vector<std::string> folders = loader_folders(examination.roots().search);
  const std::vector<std::string> others = maker_folders(examination.settings(), examination.roots().search);
  folders.insert(folders.end(), others.begin(), others.end());
  folders.push_back(fs::path(library).parent_path().string());  // what its package brings
  Missing missing;
  std::set<std::string> where;
  for (const std::string& name : libraries_of_backend(backend, library)) {
    if (is_of_the_system(name)) continue;
    const std::string path = find_library(name, folders);
    if (!path.empty()) {
      where.insert(fs::path(path).parent_path().string());
    } else if (examination.roots().search.loads && examination.roots().search.loads(name)) {
      where.insert("the loader's list");
    } else {
      add_missing(missing, name);
    }
  }
  if (missing.names.empty()) {
    examination.ok("libraries",
                   where.empty() ? "needs none but the system's" : fmt::format("{}", fmt::join(where, ", ")));
    return true;
  }
  std::string advice = missing.advice.empty() ? "" : fmt::format("{}", fmt::join(missing.advice, "; "));
  if (advice.empty()) advice = "install them";
  examination.problem({"libraries", fmt::format("missing: {}", fmt::join(missing.names, ", ")), advice,
                       install_commands(examination, missing)});
  return false;
}

// Two builds of ONNX Runtime in one folder: which one is opened is chance.
bool examine_runtimes(Examination& examination, const Backend& backend, const fs::path& folder) {
  std::vector<std::string> names;
  std::set<std::string> contents;
  std::error_code failure;
  for (fs::directory_iterator entry(folder, failure), end; !failure && entry != end; entry.increment(failure)) {
    const std::string name = entry->path().filename();
    if (!name.starts_with("libonnxruntime.so") || entry->is_symlink()) continue;
    names.push_back(name);
    const Result<Sha256Digest> digest = sha256_file(entry->path().string());
    contents.insert(digest ? sha256_hex(*digest) : name);
  }
  std::sort(names.begin(), names.end());
  const std::string again = fmt::format("mien backends install {}", backend.name);
  if (backend.brings_runtime && names.empty()) {
    examination.problem({"runtime",
                         fmt::format("{} holds no libonnxruntime.so", folder.string()),
                         "fetch the backend again",
                         {fmt::format("mien backends remove {}", backend.name), again}});
    return false;
  }
  if (contents.size() <= 1) return true;
  examination.problem({"runtime",
                       fmt::format("{} holds different builds: {}", folder.string(), fmt::join(names, ", ")),
                       "keep each backend in a folder of its own",
                       {fmt::format("mien backends remove {}", backend.name), again}});
  return false;
}

}  // namespace

bool report_no_gpu(Examination& examination, const Backend& backend, std::string_view maker, std::string_view runtime) {
  const bool is_asked = examination.settings().gpu_backend == backend.name;
  if (is_asked) {
    examination.problem({"GPU", fmt::format("this computer shows no {} GPU", maker),
                         fmt::format("{} needs one: look at 'lspci'", runtime)});
  } else {
    examination.skip("GPU", fmt::format("this computer has no {} GPU", maker));
  }
  return is_asked;
}

bool examine_library(Examination& examination, const Backend& backend) {
  const std::string library = installed_backend_library(examination.settings(), backend);
  if (library.empty()) {
    examination.problem({"backend",
                         fmt::format("{} is not installed", backend.library),
                         fmt::format("fetch {} {}", backend.package, backend.version),
                         {fmt::format("mien backends install {}", backend.name)}});
    return false;
  }
  examination.ok("backend", library);
  const bool one_runtime = examine_runtimes(examination, backend, fs::path(library).parent_path());
  return examine_needs(examination, backend, library) && one_runtime;
}

bool examine_opening(Examination& examination, const Backend& backend) {
  const std::string problem = examination.roots().open(backend, {});
  if (problem.empty()) {
    examination.ok("opening", "it opens");
    return true;
  }
  const std::string remedy = remedy_for(problem);
  examination.problem({"opening", problem, remedy.empty() ? "see the rows above" : remedy});
  return false;
}

void examine_memory(Examination& examination, const Devices& devices) {
  if (devices.empty()) return;
  const int wanted = examination.settings().gpu_device_id;
  const Devices counted = counted_devices(devices, examination.settings().allow_software_gpu);
  const std::optional<Device> chosen = find_chosen_device(counted, wanted);
  if (!chosen) {
    examination.problem({"device",
                         fmt::format("GPU_DEVICE_ID={} and there are {}", wanted, counted.size()),
                         "use one of those that 'mien devices' lists",
                         {"export GPU_DEVICE_ID=0"}});
    return;
  }
  const Device& device = *chosen;
  const double limit_mb = examination.settings().gpu_memory_limit_gb * 1024;
  constexpr std::int64_t kMegabytesMin = 512;  // a detector with its runtime
  std::string text = to_string(device);
  if (device.memory_total_mb > 0 && device.memory_free_mb < kMegabytesMin) {
    examination.problem({"memory",
                         text,
                         "end other programs on the GPU, or take smaller batches",
                         {"export GPU_BATCH_SIZE=4", "export GPU_MEMORY_LIMIT_GB=0.5"}});
    return;
  }
  if (limit_mb > static_cast<double>(device.memory_free_mb)) {
    text += fmt::format("; GPU_MEMORY_LIMIT_GB={} is more than is free: 90 % of that is used at most",
                        examination.settings().gpu_memory_limit_gb);
  }
  examination.ok("memory", text);
}

Devices examine_plainly(Examination& examination, const Backend& backend) {
  const Devices devices = backend.probe_devices();
  if (devices.empty()) {
    examination.skip("GPU", fmt::format("no {} device found", backend.label));
    return devices;
  }
  examine_memory(examination, devices);
  if (examine_library(examination, backend)) examine_opening(examination, backend);
  return devices;
}

bool examine_rights(Examination& examination, const std::vector<std::string>& paths) {
  std::vector<std::string> refused;
  std::vector<std::string> groups;
  for (const std::string& path : paths) {
    if (examination.roots().may_use(examination.root() + path)) continue;
    refused.push_back(path);
    add_once(groups, examination.roots().group_of(examination.root() + path));
  }
  if (refused.empty()) {
    examination.ok("rights", fmt::format("{}", fmt::join(paths, ", ")));
    return true;
  }
  std::vector<std::string> commands;
  std::string advice = "ask the administrator for rights on them";
  std::erase(groups, "root");
  if (!groups.empty()) {
    // Distributions spread the nodes over these two groups.
    for (const char* const usual : {"render", "video"}) add_once(groups, std::string(usual));
    commands.push_back(fmt::format("sudo usermod -aG {} {}", fmt::join(groups, ","), examination.roots().user));
    advice = "join the groups, then log out and in again";
    if (!examination.container().empty()) advice = "start the container with --group-add for these groups";
  }
  examination.problem({"rights", fmt::format("{} may not use {}", examination.roots().user, fmt::join(refused, ", ")),
                       advice, commands});
  return false;
}

}  // namespace mien
