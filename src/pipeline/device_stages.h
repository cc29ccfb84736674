// The stages of analyze.cpp on a device. Each takes what it can of a group and notes what it took; what it leaves is
// the CPU's.
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "device/gpu.h"
#include "models/load.h"
#include "pipeline/group.h"

namespace mien {

class DeviceStages {
 public:
  DeviceStages(std::shared_ptr<Gpu> gpu, Precision precision);
  ~DeviceStages();

  // The models that the device is to run; null: none.
  void set_models(std::shared_ptr<const Detector> detector, std::shared_ptr<const Embedder> embedder);

  Gpu& gpu() { return *gpu_; }
  const Gpu& gpu() const { return *gpu_; }

  // Whether a group of so many images, with so many bytes of pixels, should be worked on before another is added.
  bool is_group_full(std::size_t images, std::size_t pixel_bytes) const;

  // Where an operation requires the GPU and it failed, the item gets that as its error. Throw Exception(cancelled).
  void enhance(Group& group, const AnalyzeOptions& options);
  void detect(Group& group, const AnalyzeOptions& options);
  void assess(Group& group, const AnalyzeOptions& options);
  void embed(Group& group, const AnalyzeOptions& options);
  // Brings pixels here that are on the device alone.
  void fetch_image(GroupItem& item);
  // Lets the device's memory go; what a group has there is of no use to the next.
  void release(Group& group);

  // Makes an image smaller: image_processing. False: the CPU is to do it. Throws Exception(unavailable) where the GPU
  // is required and failed.
  bool shrink(ImageView in, PixelSize size, Image& out);

  // For operations outside an analysis: adds up where they ran.
  void count(Operation operation, const StageNote& note);
  StageNote counted(Operation operation) const;

 private:
  struct Programs;
  bool is_wanted(Operation operation) const { return gpu_->mode(operation) != GpuMode::off; }
  // Those whose first look has a canvas of this size.
  void detect_alike(std::span<GroupItem* const> items, PixelSize canvas, const AnalyzeOptions& options);
  void make_resident(std::span<GroupItem* const> items, bool upright);

  std::shared_ptr<Gpu> gpu_;
  Precision precision_;
  std::shared_ptr<Programs> programs_;  // shared with the work that is on the device
  mutable std::mutex mutex_;            // guards counted_
  std::array<StageNote, kOperationCount> counted_{};
};

}  // namespace mien
