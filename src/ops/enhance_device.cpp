#include "ops/enhance_device.h"

#include "ops/device_run.h"
#include "ops/enhance.h"
#include "ops/enhance_graph.h"

namespace mien {
namespace {

// Each value of the enlarged image takes so many bytes: a few copies of it as 32-bit numbers between the steps.
constexpr std::uint64_t kBytesPerValue = 40;

}  // namespace

std::uint64_t DeviceEnhancer::bytes_for(int width, int height) {
  const PixelSize size = enhanced_size(width, height);
  return static_cast<std::uint64_t>(size.width) * static_cast<std::uint64_t>(size.height) * 3 * kBytesPerValue;
}

EnhancedOnDevice DeviceEnhancer::run(Accelerator& device, DevicePixels& pixels, const DeviceImage& image) {
  if (!enhance_) {
    gray_sum_ = device.create_session(make_gray_sum_graph());
    enhance_ = device.create_session(make_enhance_graph());
  }
  const PixelSize size = enhanced_size(image.width, image.height);
  // The width is resized and then the height, also where a side stays: the graphs want the image column by column.
  const DevicePicture wide = resampler_.run_step(device, {pixels.on(device), image}, {true, size.width});
  const DevicePicture large = resampler_.run_step(device, wide, {false, size.height});

  EnhanceInputs inputs(large.image, large.bytes.shape[0], large.bytes.shape[1]);
  const std::vector<DeviceOutput> sums = gray_sum_->run(inputs_of(large.bytes, inputs.gray_tensors()), {});
  const std::span<const float> gray = sums.front().values.floats();
  throw_unless_count(gray.size(), static_cast<std::size_t>(large.bytes.shape[0]), "the sum of gray levels");
  throw_unless_finite(gray, "the sum of gray levels");
  constexpr bool kOnDevice[] = {true};
  DeviceTensor enhanced =
      enhance_->run(inputs_of(large.bytes, inputs.enhance_tensors(gray)), kOnDevice).front().on_device;
  throw_unless_count(element_count(enhanced.shape), element_count(large.bytes.shape), "enhancement");
  const DevicePicture result{std::move(enhanced), large.image};
  return {{std::make_shared<DevicePixels>(result.flat()), result.image}, enhancement_scale(image.width, image.height)};
}

}  // namespace mien
