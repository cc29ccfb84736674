#include "pipeline/placement.h"

#include <fmt/format.h>

namespace mien {
namespace {

std::string_view mode_name(GpuMode mode) {
  if (mode == GpuMode::require) return "require";
  return mode == GpuMode::on ? "gpu" : "cpu";
}

// What computes it on the CPU: the runtime for operations with a model, mien itself for the others.
bool has_model(OperationId id) { return id == OperationId::face_detection || id == OperationId::face_embedding; }

Placement place(const Engine::State& engine, OperationId id, const StageNote& note) {
  Placement placement;
  placement.operation = operation(id).name;
  placement.requested = mode_name(engine.options.settings.gpu_mode(static_cast<std::size_t>(id)));
  placement.ran = "cpu";
  placement.runtime = has_model(id) ? engine.runtime->name() : "mien";
  placement.device = engine.processor;
  if (note.on_device > 0) {
    const Gpu& gpu = engine.device->gpu();
    placement.ran = gpu.backend();
    placement.runtime = gpu.runtime();
    placement.device = gpu.device()->name;
  }
  if (!note.reason.empty()) placement.reason = note.reason;
  if (note.on_device > 0 && note.on_cpu > 0) {
    placement.ran = "mixed";
    placement.reason =
        fmt::format("{} {}, cpu {}: {}", engine.device->gpu().backend(), note.on_device, note.on_cpu, note.reason);
  }
  return placement;
}

}  // namespace

std::vector<Placement> describe_placement(const Engine::State& engine, const GroupItem& item) {
  std::vector<Placement> placements;
  for (const Operation& row : kOperations) {
    const StageNote& note = item.note(row.id);
    if (note.on_device > 0 || note.on_cpu > 0) placements.push_back(place(engine, row.id, note));
  }
  return placements;
}

}  // namespace mien
