#include "ops/device_pixels.h"

namespace mien {
namespace {

// Lengths of device memory come in steps, so that providers that compile for each shape see few; what goes up is only
// the images' own bytes.
constexpr std::int64_t kBucketMin = 1 << 16;

}  // namespace

const DeviceTensor& DevicePixels::on(Accelerator& device) {
  const std::lock_guard lock(mutex_);
  if (tensor_) return tensor_;
  const HostTensor bytes = packed_.bytes();
  DeviceTensor tensor = device.allocate(ElementType::u8, {bucket_for(bytes.shape.front(), kBucketMin)});
  device.upload(bytes, tensor);
  tensor_ = std::move(tensor);
  return tensor_;
}

}  // namespace mien
