// Detection and embedding on a device. The passes and faces of all images in work meet in batches of few shapes; what
// the device has not begun or not finished in time goes back to the CPU.
#pragma once

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "device/batcher.h"
#include "ops/detect_device.h"
#include "ops/embed_device.h"
#include "pipeline/group.h"

namespace mien {

// The time that the CPU takes for an image or a face: a guess until it was measured, then the mean, the last counting
// most.
class CpuTime {
 public:
  explicit CpuTime(double guess_ms) : ms_(guess_ms) {}
  void add(double ms);
  double ms() const { return ms_; }

 private:
  std::atomic<double> ms_;
  std::atomic<bool> is_measured_{false};
};

class DeviceModels {
 public:
  // Models that are null are not run. `runtime` runs models on the CPU, to compare with.
  DeviceModels(std::shared_ptr<Gpu> gpu, std::shared_ptr<const Detector> detector,
               std::shared_ptr<const Embedder> embedder, Precision precision, const Runtime& runtime);
  ~DeviceModels();

  Batcher::Caller enter() { return batcher_.enter(); }
  // Images that a thread hands in before it asks for the results of the oldest.
  std::size_t images_ahead() const;
  bool is_planning() const { return batcher_.is_planning(); }
  std::size_t callers() const { return batcher_.callers(); }
  BatcherCounts counts() const { return batcher_.counts(); }

  // Hands the passes over an image in. The image's pixels must be here.
  void submit_passes(GroupItem& item, const AnalyzeOptions& options, Image& rotated);
  // Returns an empty text, with the faces in `item.found`, or why the CPU has to find them. `behind`: images of this
  // thread that wait behind it, which the same waiting brings on. Throws Exception(cancelled).
  std::string collect_passes(GroupItem& item, const AnalyzeOptions& options, std::size_t behind);

  // Hands a face in, aligned.
  void submit_face(GroupItem& item, std::size_t face, const Similarity& to_template);
  // Whether the face was handed in.
  static bool has_face(const GroupItem& item, std::size_t face);
  // Returns an empty text, with the face's embedding in its place, or why the CPU has to make it. Throws
  // Exception(cancelled).
  std::string collect_face(GroupItem& item, std::size_t face, const AnalyzeOptions& options, std::size_t behind);
  // The face that was handed in, as the CPU's embedder takes it: 3 x 112 x 112 values.
  void write_face(const GroupItem& item, std::size_t face, float* planes) const;

  CpuTime detect_time{15};
  CpuTime embed_time{4};

 private:
  struct Reference;
  void add_masks(const Runtime& runtime);
  void add_bins();
  BatchBin detector_bin(PixelSize canvas, std::size_t batch, const std::shared_ptr<DeviceDetector>& detector,
                        bool is_planned) const;
  std::vector<std::size_t> bins_for(const LetterboxSize& size);
  Batcher::Patience patience(Operation operation, const GroupItem& item, double cpu_ms,
                             const std::stop_token& stop) const;

  std::shared_ptr<Gpu> gpu_;
  std::shared_ptr<const Detector> detector_;
  std::shared_ptr<const Embedder> embedder_;
  Precision precision_;
  Batcher batcher_;
  std::shared_ptr<Reference> reference_;
  DeviceModel whole_;                  // the detector without masks
  std::optional<DeviceModel> masked_;  // empty: it cannot be masked, or the backend needs no masks
  std::shared_ptr<CanvasFeed> feed_;
  std::shared_ptr<DeviceDetector> rectangles_;               // for backends that take any shape
  std::vector<std::pair<PixelSize, std::size_t>> canvases_;  // and their bins, by area
  std::size_t embedder_bin_ = 0;
  std::mutex mutex_;                                         // guards what follows
  std::map<std::pair<int, int>, std::size_t> by_rectangle_;  // bins
};

}  // namespace mien
