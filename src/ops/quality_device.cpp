#include "ops/quality_device.h"

#include "ops/device_run.h"
#include "ops/quality_graph.h"

namespace mien {
namespace {

constexpr std::uint64_t kBytesPerTile = 1'200'000;
constexpr std::size_t kSumsPerTile = 7;

}  // namespace

std::uint64_t DeviceQuality::bytes_at_once() { return kQualityTilesMax * kBytesPerTile; }

std::vector<Quality> DeviceQuality::run(Accelerator& device, DevicePixels& pixels, std::span<const DeviceImage> parts) {
  if (!session_) session_ = device.create_session(make_quality_graph());
  QualityInputs inputs;
  for (const DeviceImage& part : parts) inputs.add(part);
  std::vector<float> sums;
  for (std::size_t first = 0; first < inputs.tiles(); first += kQualityTilesMax) {
    const std::size_t count = std::min(kQualityTilesMax, inputs.tiles() - first);
    const HostTensor tiles = inputs.tensor(first, quality_bucket(count));
    const std::vector<DeviceOutput> outputs = session_->run(inputs_of(pixels.on(device), {&tiles, 1}), {});
    const std::span<const float> values = outputs.front().values.floats();
    throw_unless_count(values.size(), quality_bucket(count) * kSumsPerTile, "the measure of quality");
    throw_unless_finite(values, "the measure of quality");
    sums.insert(sums.end(), values.begin(), values.begin() + static_cast<std::ptrdiff_t>(count * kSumsPerTile));
  }
  return inputs.measure(sums);
}

}  // namespace mien
