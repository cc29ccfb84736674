// What a model is fed on a device: bytes of canvases become normalised planes there, and masks that say which part of
// each canvas an image takes.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "device/accelerator.h"
#include "ops/resize.h"

namespace mien {

// Inputs, N images on a canvas of W x H:
//   pixels  u8  [N, 3, H, W]  values of 0 to 255, in the order of the feed's planes, 0 outside of the extents
// and where masks are wanted, each image has an extent, the part of the canvas that counts:
//   heights i32 [N, 1, 1, 1]
//   widths  i32 [N, 1, 1, 1]
//   rows    i32 [1, 1, H, 1]  the numbers from 0 on
//   columns i32 [1, 1, 1, W]  likewise
// Outputs: planes f32 [N, 3, H, W], (value - mean) * scale to the last bit, outside of the extents 0 (of either sign);
// for each of `strides`, which divide H and W, a mask f32 [N, 1, H / s, W / s], 1 where a cell's first pixel lies
// inside and 0 elsewhere.
Graph make_canvas_graph(const Feed& feed, bool is_masked, std::span<const int> strides);

// Bytes of one image: planes [3, height, width].
struct CanvasBytes {
  const std::uint8_t* planes = nullptr;
  int width = 0;
  int height = 0;
};

// Runs the graph. For one device; one thread at a time runs it, and others wait.
class CanvasFeed {
 public:
  // `strides`: those of the masks that the model takes behind its planes; without masks images fill their canvas.
  CanvasFeed(const Feed& feed, bool is_masked, std::vector<int> strides = {});

  // Puts the images at the upper left of canvases of this size and gives the model's inputs for a batch of `batch`
  // places. Only the images go up: places without one hold bytes of earlier runs, or any, and with masks have no
  // extent. Throws OutOfDeviceMemory, DeviceFailure.
  std::vector<DeviceInput> run(Accelerator& device, std::span<const CanvasBytes> images, int width, int height,
                               std::size_t batch);

 private:
  DeviceTensor upload(Accelerator& device, std::span<const CanvasBytes> images, int width, int height,
                      std::size_t batch);

  Feed feed_;
  bool is_masked_;
  std::vector<int> strides_;
  std::mutex mutex_;  // guards what follows
  std::unique_ptr<DeviceSession> session_;
  std::vector<std::uint8_t> pixels_;  // used again
  DeviceTensor canvases_;             // u8 on the device, as many as the largest run took; used again
};

}  // namespace mien
