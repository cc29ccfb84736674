// Face embedding on a device: aligned faces go up as bytes, and only embeddings come down.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "device/accelerator.h"
#include "ops/canvas_graph.h"
#include "ops/embed.h"

namespace mien {

// An aligned face, planes [3, 112, 112] in the order of the embedder's feed, and where to write its embedding.
struct FaceBytes {
  const std::uint8_t* planes = nullptr;
  std::vector<float>* embedding = nullptr;
};

// Holds sessions of one device; for one thread at a time.
class DeviceEmbedder {
 public:
  // `embedder` must have its model.
  DeviceEmbedder(std::shared_ptr<const Embedder> embedder, std::shared_ptr<CanvasFeed> feed)
      : embedder_(std::move(embedder)), feed_(std::move(feed)) {}

  // Opens the model, runs it once for a batch of this size, and compares what it computes with the CPU. Throws
  // OutOfDeviceMemory, DeviceFailure.
  void plan(Accelerator& device, std::size_t batch);

  // Embeds the faces, filled up to `batch`. Throws OutOfDeviceMemory, DeviceFailure.
  void run(Accelerator& device, std::span<const FaceBytes> faces, std::size_t batch);

 private:
  void open(Accelerator& device);

  std::shared_ptr<const Embedder> embedder_;
  std::shared_ptr<CanvasFeed> feed_;
  std::unique_ptr<DeviceSession> model_;
};

}  // namespace mien
