// Face embedding on a device: faces are warped from the image that is there already, and only embeddings come down.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "device/accelerator.h"
#include "ops/device_pixels.h"
#include "ops/embed.h"

namespace mien {

struct DeviceFace {
  DeviceImage image;
  Similarity to_template;
};

// Holds sessions of one device; for its thread alone.
class DeviceEmbedder {
 public:
  // `embedder` must have its model.
  explicit DeviceEmbedder(std::shared_ptr<const Embedder> embedder) : embedder_(std::move(embedder)) {}

  // One embedding a face, in order. Throws OutOfDeviceMemory, DeviceFailure.
  std::vector<std::vector<float>> run(Accelerator& device, DevicePixels& pixels, std::span<const DeviceFace> faces);

 private:
  void run_batch(Accelerator& device, DevicePixels& pixels, std::span<const DeviceFace> faces,
                 std::vector<std::vector<float>>& embeddings);

  std::shared_ptr<const Embedder> embedder_;
  std::unique_ptr<DeviceSession> warp_;
  std::unique_ptr<DeviceSession> model_;
};

}  // namespace mien
