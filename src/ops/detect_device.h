// Face detection on a device: letterbox, detector and the choice of candidates stay there; what comes down is a bit for
// each place a face may be at, and the rows of those that are one.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "device/accelerator.h"
#include "ops/batch_layout.h"
#include "ops/detect.h"
#include "ops/device_pixels.h"

namespace mien {

// One pass: the part of an image, as it lies on the device, that becomes the detector's input.
struct DevicePass {
  DeviceImage part;
  DetectPass pass;
};

// Holds sessions of one device; for its thread alone.
class DeviceDetector {
 public:
  // `detector` must have its model.
  explicit DeviceDetector(std::shared_ptr<const Detector> detector);
  ~DeviceDetector();

  // One list a pass, equal to what detect_pass appends. Throws OutOfDeviceMemory, DeviceFailure.
  std::vector<std::vector<Candidate>> run(Accelerator& device, DevicePixels& pixels,
                                          std::span<const DevicePass> passes);

  // Bytes that a pass over a canvas of so many pixels takes on the device while it runs: counted for the letterbox, a
  // generous guess for the model's own values.
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
  BatchLayout find_batch_layout(const DeviceSession& model) const;
  Canvas& canvas(Accelerator& device, const CanvasKey& key, std::span<const DeviceOutput> outputs);
  void run_batch(Accelerator& device, DevicePixels& pixels, std::span<const DevicePass> passes,
                 std::span<const std::size_t> chosen, std::vector<std::vector<Candidate>>& found);
  std::vector<std::int32_t> choose_anchors(const Canvas& canvas, std::span<const DeviceOutput> outputs,
                                           std::size_t images) const;
  std::vector<float> pick_rows(const Canvas& canvas, std::span<const DeviceOutput> outputs,
                               std::span<const std::int32_t> anchors) const;

  std::shared_ptr<const Detector> detector_;
  std::unique_ptr<DeviceSession> letterbox_;
  std::unique_ptr<DeviceSession> model_;
  BatchLayout layout_ = BatchLayout::one_by_one;
  std::map<CanvasKey, std::unique_ptr<Canvas>> canvases_;
};

}  // namespace mien
