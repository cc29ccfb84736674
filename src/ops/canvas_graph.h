// What a model is fed on a device: bytes of canvases become normalised planes there, and masks that say which part of
// each canvas an image takes.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "device/accelerator.h"
#include "ops/resize.h"

namespace mien {

// Inputs, N images on a canvas of W x H, M places of a batch:
//   pixels  u8  [N, 3, H, W]  values of 0 to 255, in the order of the feed's planes
//   places  i32 [M]           which image each place of the batch shows
// and where masks are wanted:
//   extents i32 [M, 2]        height and width of the part of the canvas that counts
//   for each stride s of 1 and `strides`: rows i32 [H / s] and columns i32 [W / s], the first pixel of each cell
// Outputs: planes f32 [M, 3, H, W], (value - mean) * scale, outside of the extents 0; for each of `strides` a mask
// f32 [M, 1, H / s, W / s], 1 inside the extents and 0 outside.
Graph make_canvas_graph(const Feed& feed, bool is_masked, std::span<const int> strides);

// Bytes of one image: planes [3, height, width].
struct CanvasBytes {
  const std::uint8_t* planes = nullptr;
  int width = 0;
  int height = 0;
};

// Runs the graph. For one device, on its thread.
class CanvasFeed {
 public:
  // `strides`: those of the masks that the model takes behind its planes; without masks images fill their canvas.
  CanvasFeed(const Feed& feed, bool is_masked, std::vector<int> strides = {});

  // Puts the images at the upper left of canvases of this size and gives the model's inputs for a batch of `batch`
  // places; those without an image of their own show the first one again, as if it had no pixel. Throws
  // OutOfDeviceMemory, DeviceFailure.
  std::vector<DeviceInput> run(Accelerator& device, std::span<const CanvasBytes> images, int width, int height,
                               std::size_t batch);

 private:
  Feed feed_;
  bool is_masked_;
  std::vector<int> strides_;
  std::unique_ptr<DeviceSession> session_;
  std::vector<std::uint8_t> pixels_;  // used again
};

}  // namespace mien
