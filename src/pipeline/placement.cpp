#include "pipeline/placement.h"

#include <fmt/format.h>

#include "device/backend.h"

namespace mien {
namespace {

constexpr const char* kNoGpu = "this version has no GPU backend: the CPU does the work";

std::string_view mode_name(GpuMode mode) {
  if (mode == GpuMode::require) return "require";
  return mode == GpuMode::on ? "gpu" : "cpu";
}

Placement place(const Engine::State& engine, std::string_view operation, std::string runtime) {
  Placement placement;
  placement.operation = operation;
  for (std::size_t i = 0; i < kOperationCount; ++i) {
    if (operation_name(i) == operation) placement.requested = mode_name(engine.options.settings.gpu_mode(i));
  }
  placement.ran = "cpu";
  placement.runtime = std::move(runtime);
  placement.device = engine.processor;
  if (placement.requested != "cpu") placement.reason = kNoGpu;
  return placement;
}

}  // namespace

std::vector<Placement> describe_placement(const Engine::State& engine, const AnalyzeOptions& options,
                                          const Analysis& analysis) {
  std::vector<Placement> placements;
  placements.push_back(place(engine, "face_detection", engine.runtime->name()));
  if (options.embed && engine.embedder != nullptr && !analysis.faces.empty()) {
    placements.push_back(place(engine, "face_embedding", engine.runtime->name()));
  }
  if (analysis.timings_ms.enhance > 0) placements.push_back(place(engine, "image_enhancement", "mien"));
  const bool measured = options.image_quality || (options.face_quality && !analysis.faces.empty());
  if (measured) placements.push_back(place(engine, "quality_checks", "mien"));
  return placements;
}

void check_required_gpu(const Settings& settings) {
  for (std::size_t i = 0; i < kOperationCount; ++i) {
    if (settings.gpu_mode(i) != GpuMode::require) continue;
    throw Exception(ErrorCode::unavailable, fmt::format("{} requires a GPU, and {}: set it to true to let the CPU take "
                                                        "over, or to false",
                                                        operation_name(i), "this version has no GPU backend"));
  }
}

}  // namespace mien
