#include "ops/resample_device.h"

#include <array>

#include "ops/device_run.h"
#include "ops/resample_graph.h"

namespace mien {
namespace {

// Each output value takes so many bytes: for its sum, the positions of its window and the gathered bytes.
constexpr std::uint64_t kBytesPerValue = 24;

}  // namespace

std::uint64_t DeviceResampler::bytes_for(PixelSize from, PixelSize to) {
  std::uint64_t most = 0;
  PixelSize now = from;
  for (const ResampleStep& step : plan_resample(from.width, from.height, to.width, to.height)) {
    (step.is_width ? now.width : now.height) = step.size;
    most = std::max(most, static_cast<std::uint64_t>(now.width) * static_cast<std::uint64_t>(now.height) * 3);
  }
  return most * kBytesPerValue;
}

DevicePicture DeviceResampler::run_step(Accelerator& device, const DevicePicture& in, const ResampleStep& step) {
  if (!session_) session_ = device.create_session(make_resample_graph());
  ResampleInputs inputs(in.image, step, ResampleFilter::lanczos);
  constexpr std::array<bool, 2> kOnDevice = {true, true};
  DeviceInput sums = inputs.first_sums();
  DeviceTensor resampled;
  for (int run = 0; run < inputs.runs(); ++run) {
    std::vector<DeviceInput> values = {in.flat(), sums};
    const std::vector<HostTensor> tensors = inputs.tensors(run);
    values.insert(values.end(), tensors.begin(), tensors.end());
    std::vector<DeviceOutput> outputs = session_->run(values, kOnDevice);
    sums = outputs[0].on_device;
    resampled = std::move(outputs[1].on_device);
  }
  throw_unless_count(element_count(resampled.shape), element_count(inputs.shape()), "resampling");
  return {std::move(resampled), inputs.result()};
}

Image DeviceResampler::shrink(Accelerator& device, DevicePixels& pixels, const DeviceImage& image, PixelSize size) {
  DevicePicture picture{pixels.on(device), image};
  for (const ResampleStep& step : plan_resample(image.width, image.height, size.width, size.height)) {
    picture = run_step(device, picture, step);
  }
  return read_image(picture.image, device.download(picture.bytes).bytes);
}

}  // namespace mien
