#include "backends/backend_install.h"

#include <fmt/format.h>
#include <stdlib.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "backends/backend_library.h"
#include "base/archive.h"
#include "base/cancel.h"
#include "base/child.h"
#include "base/sha256.h"
#include "base/utf8.h"

namespace mien {
namespace {

namespace fs = std::filesystem;

constexpr double kBytesInMegabyte = 1e6;
constexpr std::chrono::seconds kPipLimit{3600};
// The same package for everybody, whatever Python is here: CUDA's library differs between those of two Pythons.
constexpr const char* kPythonVersion = "3.12";
constexpr const char* kPythonAbi = "cp312";
constexpr const char* kFetchElsewhere = "fetch it on another computer with 'python3 -m pip download' and use --from";

std::string megabytes(std::int64_t bytes) {
  return fmt::format("{:.1f} MB", static_cast<double>(bytes) / kBytesInMegabyte);
}

// A folder beside the target, so that renaming is enough; gone with this object.
class ScratchFolder {
 public:
  explicit ScratchFolder(const fs::path& target) {
    std::error_code failure;
    fs::create_directories(target.parent_path(), failure);
    std::string pattern = (target.parent_path() / ("." + target.filename().string() + ".XXXXXX")).string();
    if (failure || ::mkdtemp(pattern.data()) == nullptr) {
      const std::string reason = failure ? failure.message() : std::generic_category().message(errno);
      throw Exception(ErrorCode::io, fmt::format("cannot write to {}: {}: set MIEN_BACKEND_DIR to a folder of your own",
                                                 target.parent_path().string(), reason));
    }
    path_ = pattern;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  fs::path make(const char* name) const {
    std::error_code failure;
    fs::create_directory(path_ / name, failure);
    if (failure) throw Exception(ErrorCode::io, fmt::format("cannot write {}: {}", path_.string(), failure.message()));
    return path_ / name;
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

const Backend& known_backend(const Settings& settings, const std::string& name) {
  std::string names;
  for (const Backend* const installable : installable_backends(settings)) {
    if (installable->name == name) return *installable;
    names += (names.empty() ? "" : ", ") + std::string(installable->name);
  }
  throw Exception(ErrorCode::invalid_argument,
                  find_backend(name) == nullptr
                      ? fmt::format("there is no backend '{}': use one of {}", replace_invalid_utf8(name), names)
                      : fmt::format("{} is always here: the others are {}", name, names));
}

std::string system_problem(const Backend& backend) {
  return fmt::format("there is no package of {} for this computer: mien has been tried with those for x86_64 and Linux",
                     backend.name);
}

// The package of a backend for this computer, and the one that its folder holds too. Empty when one is missing.
std::vector<InstallPart> parts_of(const Backend& backend) {
  std::vector<InstallPart> parts;
  for (const Backend* part = &backend; part != nullptr; part = part->shares_folder_with) {
    const BackendPackage* const package = find_backend_package(*part);
    if (package == nullptr) return {};
    parts.push_back({part, package});
  }
  return parts;
}

BackendLibrary describe(const Settings& settings, const Backend& backend, const std::vector<InstallPart>& parts) {
  BackendLibrary info;
  info.name = backend.name;
  info.label = backend.label;
  info.package = backend.package;
  info.version = backend.version;
  info.licence = backend.licence;
  const std::string library = installed_backend_library(settings, backend);
  info.installed = !library.empty();
  try {
    info.folder = own_backend_folder(settings, backend);
  } catch (const Exception&) {
    info.problem = "set HOME or MIEN_BACKEND_DIR";
  }
  if (info.installed) {
    const std::string folder = fs::path(library).parent_path().string();
    info.removable = folder == info.folder;
    info.folder = folder;
  }
  if (parts.empty()) info.problem = system_problem(backend);
  for (const InstallPart& part : parts) {
    if (part.backend != parts.front().backend) {
      info.also = fmt::format("{} {} ({})", part.backend->package, part.backend->version, part.backend->licence);
    }
    info.download_bytes += part.package->download_bytes;
    for (const PackageFile& file : part.package->files) {
      info.size_bytes += file.size_bytes;
      info.files.emplace_back(file.name);
    }
  }
  return info;
}

// "onnxruntime-gpu" as it stands in the name of a wheel.
std::string wheel_start(const Backend& backend) {
  std::string start = std::string(backend.package) + "-" + std::string(backend.version) + "-";
  std::replace(start.begin(), start.begin() + static_cast<std::ptrdiff_t>(backend.package.size()), '-', '_');
  return start;
}

// pip's arguments that name this package and no other.
std::vector<std::string> pip_arguments(const Backend& backend, const BackendPackage& package) {
  return {"--no-deps",
          "--only-binary",
          ":all:",
          "--python-version",
          kPythonVersion,
          "--implementation",
          "cp",
          "--abi",
          kPythonAbi,
          "--abi",
          "none",
          "--platform",
          std::string(package.platform),
          fmt::format("{}=={}", backend.package, backend.version)};
}

// Whether a wheel whose name goes on like this after the version is for every Python or for ours. A number of the build
// may come first.
bool is_for_our_python(std::string_view tags) {
  const bool has_build_number = !tags.empty() && tags.front() >= '0' && tags.front() <= '9';
  if (has_build_number) tags.remove_prefix(std::min(tags.find('-'), tags.size() - 1) + 1);
  return tags.starts_with("py3-") || tags.starts_with(kPythonAbi);
}

// Returns the wheel's path; empty when the folder has none.
fs::path find_wheel(const fs::path& folder, const Backend& backend, const BackendPackage& package) {
  const std::string start = wheel_start(backend);
  std::error_code failure;
  for (fs::directory_iterator entry(folder, failure), last; !failure && entry != last; entry.increment(failure)) {
    const std::string name = entry->path().filename();
    const std::string_view tags = std::string_view(name).substr(std::min(start.size(), name.size()));
    const bool is_for_this = tags.ends_with(std::string(package.architecture) + ".whl");
    if (name.starts_with(start) && is_for_our_python(tags) && is_for_this) return entry->path();
  }
  if (!failure) return {};
  throw Exception(ErrorCode::not_found,
                  fmt::format("cannot read {}: {}", replace_invalid_utf8(folder.string()), failure.message()));
}

[[noreturn]] void fail_without_wheel(const fs::path& folder, const Backend& backend, const BackendPackage& package,
                                     bool was_fetched) {
  throw Exception(was_fetched ? ErrorCode::io : ErrorCode::not_found,
                  fmt::format("{} holds no {}*{}.whl: fetch it with 'python3 -m pip download {}'",
                              replace_invalid_utf8(folder.string()), wheel_start(backend), package.architecture,
                              fmt::join(pip_arguments(backend, package), " ")));
}

// Words of pip, and what they mean.
struct PipComplaint {
  std::string_view words;
  std::string_view meaning;
};
constexpr std::array<PipComplaint, 12> kPipComplaints = {{
    {"No module named pip", "python3 has no pip: install the package python3-pip"},
    {"No space left on device", "the disk is full: free room and run it again"},
    {"Disk quota exceeded", "the disk is full: free room and run it again"},
    {"CERTIFICATE_VERIFY_FAILED",
     "pip does not trust the certificate of the registry: look at the clock and the proxy"},
    {"certificate verify failed",
     "pip does not trust the certificate of the registry: look at the clock and the proxy"},
    {"NewConnectionError", "no network"},
    {"name resolution", "no network"},
    {"Name or service not known", "no network"},
    {"Network is unreachable", "no network"},
    {"timed out", "no network"},
    {"ProxyError", "the proxy does not answer: look at HTTPS_PROXY"},
    {"No matching distribution", "the registry that pip uses does not offer it"},
}};

[[noreturn]] void fail_pip(const Backend& backend, const ChildResult& result) {
  std::string meaning;
  for (const PipComplaint& complaint : kPipComplaints) {
    if (meaning.empty() && result.output.find(complaint.words) != std::string::npos) meaning = complaint.meaning;
  }
  if (meaning.empty()) {
    const std::string text = result.problem.empty() ? last_line(result.output) : result.problem;
    meaning = replace_controls(replace_invalid_utf8(text), ' ');
  }
  throw Exception(ErrorCode::io, fmt::format("{} {} could not be fetched: {} (or {})", backend.package, backend.version,
                                             meaning, kFetchElsewhere));
}

void fetch_wheel(const Backend& backend, const BackendPackage& package, const fs::path& folder,
                 const std::stop_token& stop) {
  ChildRun run{{"python3", "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input",
                "--no-cache-dir", "--dest", folder.string()}};
  for (std::string& argument : pip_arguments(backend, package)) run.command.push_back(std::move(argument));
  run.limit = kPipLimit;
  run.stop = stop;
  // A package is unpacked and put together in there, which may be small elsewhere.
  run.environment = {{"TMPDIR", folder.string()}};
  const ChildResult result = run_program(run);
  throw_if_stopped(stop);
  if (result.exit_code == 0 && result.problem.empty()) return;
  if (result.exit_code < 0 && result.problem.find("cannot be started") != std::string::npos) {
    throw Exception(ErrorCode::io, fmt::format("there is no python3, which fetches packages with pip: install "
                                               "python3 and python3-pip, or {}",
                                               kFetchElsewhere));
  }
  fail_pip(backend, result);
}

void unpack(const fs::path& wheel, const BackendPackage& package, const fs::path& folder) {
  std::vector<ArchiveMember> wanted;
  for (const PackageFile& file : package.files) {
    wanted.push_back({std::string(file.name), (folder / file.name).string(), file.size_bytes});
  }
  extract_members(wheel.string(), wanted);
  for (const PackageFile& file : package.files) {
    const std::string found = sha256_hex(sha256_file((folder / file.name).string()).take());
    if (found == file.sha256) continue;
    throw Exception(ErrorCode::bad_data,
                    fmt::format("{} in {} is not the file that mien was tested with (its sha256 is {}, not {}): "
                                "nothing was installed; fetch the package again",
                                file.name, replace_invalid_utf8(wheel.filename().string()), found, file.sha256));
  }
}

void check_room(const BackendLibrary& info, const fs::path& folder, bool fetches) {
  std::error_code failure;
  const fs::space_info space = fs::space(folder, failure);
  const std::int64_t needed = info.size_bytes + (fetches ? 2 * info.download_bytes : 0);
  if (failure || space.available >= static_cast<std::uintmax_t>(needed)) return;
  throw Exception(
      ErrorCode::io,
      fmt::format("{} has {} free, and {} needs {}: free room, or set MIEN_BACKEND_DIR", folder.parent_path().string(),
                  megabytes(static_cast<std::int64_t>(space.available)), info.name, megabytes(needed)));
}

// The complete folder takes the place of what was there.
void put_in_place(const fs::path& files, const fs::path& target, const ScratchFolder& scratch) {
  std::error_code failure;
  if (fs::exists(target, failure)) fs::rename(target, scratch.path() / "old", failure);
  if (!failure) fs::rename(files, target, failure);
  if (failure) throw Exception(ErrorCode::io, fmt::format("cannot write {}: {}", target.string(), failure.message()));
}

std::int64_t folder_bytes(const fs::path& folder) {
  std::int64_t bytes = 0;
  std::error_code failure;
  for (fs::recursive_directory_iterator entry(folder, failure), end; !failure && entry != end;
       entry.increment(failure)) {
    std::error_code ignored;
    if (entry->is_regular_file(ignored)) bytes += static_cast<std::int64_t>(entry->file_size(ignored));
  }
  return bytes;
}

}  // namespace

std::vector<BackendLibrary> list_backend_libraries(const Settings& settings) {
  std::vector<BackendLibrary> infos;
  for (const Backend* const backend : installable_backends(settings)) {
    infos.push_back(describe(settings, *backend, parts_of(*backend)));
  }
  return infos;
}

BackendLibrary install_backend(const Settings& settings, const std::vector<InstallPart>& parts,
                               const InstallBackendOptions& options) {
  const Backend& backend = *parts.front().backend;
  const fs::path target = own_backend_folder(settings, backend);
  BackendLibrary info = describe(settings, backend, parts);
  if (info.installed && !options.force) return info;
  info.folder = target.string();
  if (options.on_plan) options.on_plan(info);
  const bool fetches = options.wheels_folder.empty();
  const ScratchFolder scratch(target);
  check_room(info, scratch.path(), fetches);
  const fs::path wheels = fetches ? scratch.make("wheels") : fs::path(options.wheels_folder);
  const fs::path files = scratch.make("files");
  for (const InstallPart& part : parts) {
    if (fetches) fetch_wheel(*part.backend, *part.package, wheels, options.stop);
    const fs::path wheel = find_wheel(wheels, *part.backend, *part.package);
    if (wheel.empty()) fail_without_wheel(wheels, *part.backend, *part.package, fetches);
    unpack(wheel, *part.package, files);
    throw_if_stopped(options.stop);
  }
  put_in_place(files, target, scratch);
  return describe(settings, backend, parts);
}

BackendLibrary install_backend(const Settings& settings, const std::string& name,
                               const InstallBackendOptions& options) {
  const Backend& backend = known_backend(settings, name);
  const std::vector<InstallPart> parts = parts_of(backend);
  if (parts.empty()) throw Exception(ErrorCode::unsupported, system_problem(backend));
  return install_backend(settings, parts, options);
}

RemovedBackend remove_backend(const Settings& settings, const std::string& name) {
  const Backend& backend = known_backend(settings, name);
  const fs::path target = own_backend_folder(settings, backend);
  std::error_code failure;
  if (!fs::exists(target, failure)) {
    const std::string library = installed_backend_library(settings, backend);
    if (library.empty()) throw Exception(ErrorCode::not_found, fmt::format("the backend {} is not installed", name));
    throw Exception(
        ErrorCode::invalid_argument,
        fmt::format("{} came with mien itself, and not by 'mien backends install': it is left alone", library));
  }
  RemovedBackend removed{target.string(), folder_bytes(target)};
  fs::remove_all(target, failure);
  if (failure) {
    throw Exception(ErrorCode::io, fmt::format("{} cannot be removed: {}", target.string(), failure.message()));
  }
  return removed;
}

}  // namespace mien
