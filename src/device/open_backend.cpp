// Opens one backend to see whether it works: the last check of `mien doctor`.
#include <fmt/format.h>

#include <chrono>

#include "backends/backend_library.h"
#include "backends/doctor.h"
#include "base/child.h"
#include "device/gpu.h"
#include "device/session.h"

namespace mien {
namespace {

constexpr std::chrono::seconds kOpenLimit{120};

// In a process of its own: whatever a driver does there, the answer is a text.
std::string open_in_child(const std::string& program, const Backend& backend,
                          const std::vector<std::pair<std::string, std::string>>& variables) {
  ChildRun run{{program, "doctor", "--open", std::string(backend.name)}, variables};
  run.limit = kOpenLimit;
  const ChildResult result = run_program(run);
  if (!result.problem.empty()) return "while it was opened: " + result.problem;
  return result.exit_code == 0 ? "" : last_line(result.output);
}

// Opens the backend in this process as far as that shows what is missing: empty text, or the loader's complaint.
std::string try_backend(const Settings& settings, const Backend& backend) {
  if (backend.is_cpu()) return "";
  const std::string library = installed_backend_library(settings, backend);
  if (library.empty()) return fmt::format("{} is not installed: mien backends install {}", backend.name, backend.name);
  Settings only = settings;
  only.gpu_backend = backend.name;
  only.operation_gpu.fill(GpuMode::on);
  try {
    const std::unique_ptr<Runtime> runtime = open_onnxruntime(only);
    const std::shared_ptr<Gpu> gpu = Gpu::open(only, *runtime);
    return gpu->reason();
  } catch (const Exception& error) {
    return error.what();
  }
}

}  // namespace

std::string open_backend(const Settings& settings, const std::string& name) {
  const Backend* const backend = find_backend(name);
  if (backend == nullptr) {
    throw Exception(ErrorCode::invalid_argument,
                    fmt::format("there is no backend '{}': 'mien devices' lists them", name));
  }
  return try_backend(settings, *backend);
}

DoctorReport diagnose(const Settings& settings, const DoctorOptions& options) {
  DoctorRoots roots = real_doctor_roots();
  if (options.program.empty()) {
    // A variable that only the tried backend shall see cannot be set in this process.
    roots.open = [settings](const Backend& backend, const auto& variables) {
      return variables.empty() ? try_backend(settings, backend) : std::string("it was not tried");
    };
  } else {
    roots.open = [program = options.program](const Backend& backend, const auto& variables) {
      return open_in_child(program, backend, variables);
    };
  }
  return diagnose(settings, roots);
}

}  // namespace mien
