#include "pipeline/placement.h"
#include "base/processor.h"

#include <fmt/format.h>

#include "backends/backend.h"

namespace mien {
namespace {

std::string_view mode_name(GpuMode mode) {
  if (mode == GpuMode::require) return "require";
  return mode == GpuMode::off ? "cpu" : "gpu";
}

// Names what computes the operation on the CPU: a runtime for operations with a model, mien itself for the others.
std::string cpu_runtime(const Engine::State& engine, Operation operation) {
  if (operation == Operation::face_detection) return engine.detector_runtime->name();
  return operation == Operation::face_embedding ? engine.embedder_runtime->name() : "mien";
}

// The CPU and the runtime that an operation runs on when no device does it.
struct CpuPlace {
  std::string name;
  std::string runtime;
  std::string problem;  // why it does not compute them as asked
};

Placement place(Operation operation, GpuMode mode, const StageNote& note, const CpuPlace& cpu, const Gpu* gpu) {
  Placement placement;
  placement.operation = operation_name(operation);
  placement.requested = mode_name(mode);
  placement.ran = "cpu";
  placement.runtime = cpu.runtime;
  placement.device = cpu.name;
  if (has_model(operation) && !cpu.problem.empty()) placement.reason = cpu.problem;
  if (!note.reason.empty()) placement.reason = note.reason;
  if (gpu == nullptr || note.on_device == 0) return placement;
  placement.ran = gpu->backend();
  placement.runtime = gpu->runtime();
  placement.device = gpu->device()->name;
  if (note.on_cpu == 0) return placement;
  placement.ran = "mixed";
  placement.reason = fmt::format("{} {}, cpu {}: {}", gpu->backend(), note.on_device, note.on_cpu, note.reason);
  return placement;
}

}  // namespace

std::vector<Placement> describe_placement(const Engine::State& engine, const GroupItem& item) {
  std::vector<Placement> placements;
  for (const OperationRow& row : kOperations) {
    const StageNote& note = item.note(row.operation);
    if (note.on_device == 0 && note.on_cpu == 0) continue;
    const GpuMode mode = engine.options.settings.gpu_mode(row.operation);
    const CpuPlace cpu{engine.cpu, cpu_runtime(engine, row.operation), engine.why_not_fast};
    placements.push_back(place(row.operation, mode, note, cpu, engine.device ? &engine.device->gpu() : nullptr));
  }
  return placements;
}

std::vector<Placement> describe_placement(const DeviceStages& device) {
  const std::string name = read_cpu().name;
  std::vector<Placement> placements;
  for (const OperationRow& row : kOperations) {
    const StageNote note = device.counted(row.operation);
    if (note.on_device == 0 && note.on_cpu == 0) continue;
    const CpuPlace cpu{name, has_model(row.operation) ? device.gpu().runtime() : "mien", {}};
    placements.push_back(place(row.operation, device.gpu().mode(row.operation), note, cpu, &device.gpu()));
  }
  return placements;
}

}  // namespace mien
