// The sums of measure_quality as a device graph, by tiles. Every number of it but the lengths of gradients is whole and
// below 2^24, so that 32-bit floats hold it exactly and the order of additions does not matter.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "device/graph.h"
#include "mien/face.h"
#include "ops/device_image.h"

namespace mien {

// A tile is this many pixels square: 2^14 values of at most 1023 stay below 2^24.
inline constexpr int kQualityTile = 128;

// Inputs, T tiles:
//   pixels u8  [any]    the bytes that hold the images
//   tiles  i32 [T, 10]  of the part that is measured: offset, column step, row step, the bytes of a pixel's red, green
//                       and blue, width, height; then the tile's first pixel (x, y) in it
// Output: sums f32 [T, 7], of the pixels of the tile that lie in the part: gray; gray squared in digits to the base of
// 256, high and low; the Laplacian; its square in digits to the base of 1024; lengths of gradients.
Graph make_quality_graph();

// Parts of images cut into tiles, and their measures put together again. 40 bytes a tile.
class QualityInputs {
 public:
  // `part` is the box clipped to its image, at least 1 x 1.
  void add(const DeviceImage& part);
  std::size_t tiles() const { return tiles_.size() / kTile; }
  // Tiles first..first + count, to run at most so many at once; beyond the last they are of one pixel that nobody
  // counts. The tensor views this object until it is called again.
  HostTensor tensor(std::size_t first, std::size_t count);
  // One Quality a part, without pose, from the sums of all tiles in order.
  std::vector<Quality> measure(std::span<const float> sums) const;

 private:
  static constexpr std::size_t kTile = 10;
  struct Part {
    std::size_t tiles = 0;
    double pixels = 0;
  };
  std::vector<Part> parts_;
  std::vector<std::int32_t> tiles_;
  std::vector<std::int32_t> chunk_;
};

// Tiles of a run: 1, 4, 16 or 64. A tile takes about 1.2 MB of the device's memory while it runs.
inline constexpr std::size_t kQualityTilesMax = 64;
std::size_t quality_bucket(std::size_t tiles);

}  // namespace mien
