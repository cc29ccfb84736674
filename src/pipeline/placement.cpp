#include "pipeline/placement.h"
#include "base/processor.h"

#include <fmt/format.h>

#include "backends/backend.h"

namespace mien {
namespace {

std::string_view mode_name(GpuMode mode) {
  if (mode == GpuMode::require) return "require";
  return mode == GpuMode::on ? "gpu" : "cpu";
}

// What computes it on the CPU: a runtime for operations with a model, mien itself for the others.
std::string cpu_runtime(const Engine::State& engine, OperationId id) {
  if (id == OperationId::face_detection) return engine.detector_runtime_name();
  return id == OperationId::face_embedding ? engine.embedder_runtime->name() : "mien";
}

// What an operation runs on when no device does it.
struct Processor {
  std::string name;
  std::string runtime;
  std::string problem;  // why it does not compute them as asked
};

Placement place(OperationId id, GpuMode mode, const StageNote& note, const Processor& processor, const Gpu* gpu) {
  Placement placement;
  placement.operation = operation(id).name;
  placement.requested = mode_name(mode);
  placement.ran = "cpu";
  placement.runtime = processor.runtime;
  placement.device = processor.name;
  if (has_model(id) && !processor.problem.empty()) placement.reason = processor.problem;
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
  for (const Operation& row : kOperations) {
    const StageNote& note = item.note(row.id);
    if (note.on_device == 0 && note.on_cpu == 0) continue;
    const GpuMode mode = engine.options.settings.gpu_mode(static_cast<std::size_t>(row.id));
    const Processor processor{engine.processor, cpu_runtime(engine, row.id), engine.why_not_fast};
    placements.push_back(place(row.id, mode, note, processor, engine.device ? &engine.device->gpu() : nullptr));
  }
  return placements;
}

std::vector<Placement> describe_placement(const DeviceStages& device) {
  const std::string name = read_processor().name;
  const std::array<StageNote, kOperationCount> notes = device.counted();
  std::vector<Placement> placements;
  for (const Operation& row : kOperations) {
    const std::size_t index = static_cast<std::size_t>(row.id);
    if (notes[index].on_device == 0 && notes[index].on_cpu == 0) continue;
    const Processor processor{name, has_model(row.id) ? device.gpu().runtime() : "mien", {}};
    placements.push_back(place(row.id, device.gpu().mode(index), notes[index], processor, &device.gpu()));
  }
  return placements;
}

}  // namespace mien
