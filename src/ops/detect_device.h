// Face detection on a device: canvases go up, the detector and the choice of candidates run there; what comes down is a
// bit for each place a face may be at, and the rows of those that are one.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <tuple>
#include <vector>

#include "device/accelerator.h"
#include "ops/batch_layout.h"
#include "ops/canvas_graph.h"
#include "ops/detect.h"

namespace mien {

// A detector's model as a device runs it.
struct DeviceModel {
  std::shared_ptr<const std::vector<std::uint8_t>> bytes;
  // With masks, each image takes a part of its canvas: strides of the inputs behind the planes, and of the outputs.
  bool is_masked = false;
  std::vector<int> mask_strides;
  std::vector<int> output_strides;
  std::optional<BatchLayout> layout;  // empty: the device's first run tells
};

// One pass: bytes of its own canvas, [3, canvas_height, canvas_width], and where to write what is found there.
struct CanvasPass {
  const DetectPass* pass = nullptr;
  const std::uint8_t* planes = nullptr;
  std::vector<Candidate>* found = nullptr;
};

// Holds sessions of one device; for one thread at a time.
class DeviceDetector {
 public:
  DeviceDetector(std::shared_ptr<const Detector> detector, DeviceModel model, std::shared_ptr<CanvasFeed> feed);
  ~DeviceDetector();

  // Opens the model, runs it once for a batch of this size, and compares what it computes with `reference`, the whole
  // model without masks on the CPU. Throws OutOfDeviceMemory, DeviceFailure.
  void plan(Accelerator& device, int width, int height, std::size_t batch, const Session& reference);

  // Appends to each pass what detect_pass appends. Without masks each pass's own canvas has this size; with masks it
  // fits in. The batch is filled up to `batch`. Throws OutOfDeviceMemory, DeviceFailure.
  void run(Accelerator& device, std::span<const CanvasPass> passes, int width, int height, std::size_t batch);

  // Bytes that a pass over a canvas of so many pixels takes on the device while it runs, a generous guess.
  static std::uint64_t bytes_for_canvas(std::int64_t pixels);

 private:
  struct CanvasKey {
    int width = 0;
    int height = 0;
    std::int64_t images = 0;
    bool operator<(const CanvasKey& other) const {
      return std::tie(width, height, images) < std::tie(other.width, other.height, other.images);
    }
  };
  struct Canvas;

  void open(Accelerator& device);
  std::vector<DeviceOutput> run_model(std::span<const DeviceInput> inputs, bool stays) const;
  Canvas& canvas(Accelerator& device, const CanvasKey& key, std::span<const Shape> shapes);
  void run_batch(Accelerator& device, std::span<const CanvasPass> passes, const CanvasKey& key);
  std::vector<std::int32_t> choose_anchors(const Canvas& canvas, std::span<const DeviceOutput> outputs,
                                           std::span<const CanvasPass> passes) const;
  std::vector<float> pick_rows(const Canvas& canvas, std::span<const DeviceOutput> outputs,
                               std::span<const std::int32_t> anchors) const;

  std::shared_ptr<const Detector> detector_;
  DeviceModel model_;
  std::shared_ptr<CanvasFeed> feed_;
  std::unique_ptr<DeviceSession> session_;
  BatchLayout layout_ = BatchLayout::one_by_one;
  std::map<CanvasKey, std::unique_ptr<Canvas>> canvases_;
};

}  // namespace mien
