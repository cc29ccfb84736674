#include "device/where_it_pays.h"

#include <algorithm>
#include <iterator>

namespace mien {
namespace {

bool brings_pixels_up(const Settings& settings, Operation operation) {
  const GpuMode mode = settings.gpu_mode(operation);
  return !has_model(operation) && (mode == GpuMode::on || mode == GpuMode::require);
}

}  // namespace

std::string kept_by_cpu(const Settings& settings, Operation operation, bool many_images) {
  if (settings.gpu_mode(operation) != GpuMode::where_it_pays) return {};
  if (has_model(operation)) return many_images ? "" : kFewImages;
  const bool others_do = std::any_of(std::begin(kOperations), std::end(kOperations), [&](const OperationRow& row) {
    return brings_pixels_up(settings, row.operation);
  });
  return others_do ? "" : kPixelsAreHere;
}

Settings without_kept(Settings settings, bool many_images) {
  std::array<GpuMode, kOperationCount> modes{};
  for (const OperationRow& row : kOperations) {
    const bool is_kept = !kept_by_cpu(settings, row.operation, many_images).empty();
    modes[index_of(row.operation)] = is_kept ? GpuMode::off : settings.gpu_mode(row.operation);
  }
  settings.operation_gpu = modes;
  settings.all_gpu = settings.all_gpu_where_it_pays = false;
  return settings;
}

}  // namespace mien
