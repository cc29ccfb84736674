// Detection and embedding on a device. The passes and faces of all images in work meet in batches of few shapes; what
// the device has not begun or not finished in time goes back to the CPU.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
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

// Memory of canvases and faces on their way to a device, used again: whoever comes next finds it in place.
class PlanePool {
 public:
  std::vector<std::uint8_t> take(std::size_t bytes);
  void give_back(std::vector<std::uint8_t> planes);

 private:
  std::mutex mutex_;
  std::vector<std::vector<std::uint8_t>> free_;
};

class DeviceModels {
 public:
  // Models that are null are not run. `runtime` runs models on the CPU, to compare with.
  DeviceModels(std::shared_ptr<Gpu> gpu, std::shared_ptr<const Detector> detector,
               std::shared_ptr<const Embedder> embedder, Precision precision, std::shared_ptr<const Runtime> runtime);
  ~DeviceModels();

  Batcher::Caller enter() { return batcher_.enter(); }
  void set_batch_delay(std::chrono::milliseconds delay) { batcher_.set_delay(delay); }
  // Images that a thread hands in before it asks for the results of the oldest.
  std::size_t images_ahead() const;
  bool is_planning() const { return batcher_.is_planning(); }
  std::size_t callers() const { return batcher_.callers(); }
  BatcherCounts counts() const { return batcher_.counts(); }

  // Hands the passes over an image in; the image's pixels must be here. Returns an empty text, or why the CPU has to
  // find the faces.
  std::string submit_passes(GroupItem& item, const AnalyzeOptions& options, Image& rotated);
  // Hands the faces of an image in, aligned. Returns an empty text, or why the CPU has to embed them.
  std::string submit_faces(GroupItem& item, const std::stop_token& stop);

  // Waits until the device has done what the first of these images has handed in for the operation, for as long as the
  // thread can do nothing better; `mine` are the images that the thread has handed in, the oldest first. Returns
  // nothing then, or the image that the CPU should do now instead. Throws Exception(cancelled).
  GroupItem* wait(Operation operation, Batcher::Caller& caller, std::span<GroupItem* const> mine,
                  const std::stop_token& stop);
  // Says of images that the thread will wait for them soon, and what they have handed in is to be there by then.
  void expect(Operation operation, std::span<GroupItem* const> items);
  // Whether the device has nothing more to do for the image.
  bool is_settled(Operation operation, const GroupItem& item) const;

  // Once all that was handed in for an image's faces is settled: hands in what that calls for, tiles of closer looks,
  // and says whether there was any. Throws Exception(cancelled).
  bool look_closer(GroupItem& item, const AnalyzeOptions& options, Image& rotated);
  // Returns an empty text, with the faces in `item.found`, or why the CPU has to find them.
  std::string collect_passes(GroupItem& item);
  // Whether the face was handed in and has not been fetched.
  static bool has_face(const GroupItem& item, std::size_t face);
  // Fetches a face. Returns an empty text, with the face's embedding in its place, or why the CPU has to make it: of
  // `aligned`, as write_face takes it.
  std::string collect_face(GroupItem& item, std::size_t face, std::vector<std::uint8_t>& aligned);
  // A face that was handed in, as the CPU's embedder takes it: 3 x 112 x 112 values.
  void write_face(const std::vector<std::uint8_t>& aligned, float* planes) const;

  CpuTime detect_time{15};
  CpuTime embed_time{4};
  CpuTime image_time{30};  // from image to image of a thread, whatever it does

 private:
  struct Reference;
  void add_masks(const Runtime& runtime);
  void add_bins();
  BatchBin detector_bin(PixelSize canvas, std::size_t batch, const std::shared_ptr<DeviceDetector>& detector,
                        bool is_planned) const;
  std::vector<std::size_t> bins_for(const LetterboxSize& size);
  // Adds a pass to the round. `waits`: however long it may take.
  void submit_pass(PendingPasses& pending, ImageView view, const DetectPass& pass, bool waits);
  void submit_tiles(GroupItem& item, const AnalyzeOptions& options, Image& rotated);
  // The time in which an image that is handed in now will be asked for.
  double patience_ms() const;
  bool takes_back(Operation operation, const GroupItem& item) const;

  std::shared_ptr<Gpu> gpu_;
  std::shared_ptr<const Detector> detector_;
  std::shared_ptr<const Embedder> embedder_;
  Precision precision_;
  std::shared_ptr<PlanePool> planes_;
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
