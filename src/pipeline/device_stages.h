// The stages of analyze.cpp on a device. Each takes what it can of a group and notes what it took; what it leaves is
// the CPU's.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "device/gpu.h"
#include "models/load.h"
#include "pipeline/device_models.h"
#include "pipeline/group.h"

namespace mien {

// How a stage is done on a device.
struct OnDevice {
  Operation operation;
  double Timings::*time = nullptr;  // where its time is added; null: nowhere
  bool upright = false;             // works on GroupItem::upright instead of GroupItem::image
};

// A part of an item's pixels that a stage works on. Work on the device must not touch the item.
struct ImageInput {
  GroupItem* item;
  ImageOnDevice where;
};

// The graphs that the device's thread works with. Work on the device shares them.
struct DevicePrograms {
  std::array<std::shared_ptr<void>, kOperationCount> made;

  // The class that runs an operation's graphs, made at first use. An operation has one.
  template <typename Program>
  Program& of(Operation operation) {
    std::shared_ptr<void>& program = made[index_of(operation)];
    if (!program) program = std::make_shared<Program>();
    return *static_cast<Program*>(program.get());
  }
};

class DeviceStages {
 public:
  DeviceStages(std::shared_ptr<Gpu> gpu, Precision precision);
  ~DeviceStages();

  // The models that the device is to run; null: none. `runtime` runs models on the CPU.
  void set_models(std::shared_ptr<const Detector> detector, std::shared_ptr<const Embedder> embedder,
                  std::shared_ptr<const Runtime> runtime);

  Gpu& gpu() { return *gpu_; }
  const Gpu& gpu() const { return *gpu_; }

  // Whether a group of so many images, with so many bytes of pixels, should be worked on before another is added.
  bool is_group_full(std::size_t images, std::size_t pixel_bytes) const;
  // Images that a thread hands in before it asks for the results of the oldest.
  std::size_t images_ahead() const;
  // Whether a thread that has handed in so many images, with so many bytes of pixels, should collect the oldest.
  bool is_far_ahead(Operation operation, std::size_t images, std::size_t pixel_bytes) const;
  // The runs of models so far.
  BatcherCounts counts() const { return models_ ? models_->counts() : BatcherCounts{}; }
  void set_batch_delay(std::chrono::milliseconds delay) const {
    if (models_) models_->set_batch_delay(delay);
  }
  // Whether the backend prepares something meanwhile that the CPU does for it.
  bool is_preparing() const { return gpu_->is_compiling() || (models_ && models_->is_planning()); }
  // For a thread that begins to work with images; see Batcher::enter. Nothing where the device runs no models.
  std::optional<Batcher::Caller> enter();

  // Where an operation requires the GPU and it failed, the item gets that as its error. Throw Exception(cancelled).
  void enhance(Group& group, const AnalyzeOptions& options);
  void assess(Group& group, const AnalyzeOptions& options);
  // Detection and embedding are handed to the device first and collected later, with other work in between. What is
  // handed in needs the pixels no longer.
  void begin_detect(Group& group, const AnalyzeOptions& options, Image& rotated);
  // See DeviceModels.
  bool look_closer(GroupItem& item, const AnalyzeOptions& options, Image& rotated);
  // Whether the device has found the image's faces, which are in `item.found` then.
  bool end_detect(GroupItem& item);
  void begin_embed(Group& group, const AnalyzeOptions& options);
  // Hands each face that the CPU has to embed to `on_cpu(face, aligned)`, its aligned pixels as write_face takes them.
  void end_embed(GroupItem& item,
                 const std::function<void(std::size_t face, const std::vector<std::uint8_t>& aligned)>& on_cpu);
  bool has_face(const GroupItem& item, std::size_t face) const;
  void write_face(const std::vector<std::uint8_t>& aligned, float* planes) const;
  // See DeviceModels. The images with an error are left out.
  GroupItem* wait(Operation operation, Batcher::Caller& caller, std::span<GroupItem* const> mine,
                  const std::stop_token& stop);
  bool is_settled(Operation operation, const GroupItem& item) const;
  // DeviceModels::expect().
  void expect(Operation operation, std::span<GroupItem* const> items);
  // Tells how long the CPU took for an image or a face, by which the device is judged.
  void add_cpu_time(Operation operation, double ms);
  // Tells after how long a thread came with its next image.
  void add_image_time(double ms);
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

  // ---- What a stage is made of: prepare(), then run_on_device().

  // The images of a group that have no error.
  static std::vector<GroupItem*> alive(Group& group);
  // Leaves in `items` those that the device is to be asked for, by the settings and as it fared before, and returns
  // whether there are any. Their pixels are on the way to it; the others have noted why not.
  bool prepare(const OnDevice& stage, std::vector<GroupItem*>& items);
  // Images at most that a run gets at a time.
  std::size_t batch_max() const { return static_cast<std::size_t>(gpu_->batch_max()); }
  // Runs `work(programs, device, inputs, outputs)` on the device's thread for a batch of inputs after the other, which
  // are ImageInputs or derived from that, and hands each output to `done(input, output)` here. An item whose input was
  // not done is noted as the CPU's, or gets its error where the GPU is required. Inputs and outputs belong to the work,
  // which may outlive the call when a device hangs: it must own all else that it touches. Throws Exception(cancelled).
  template <typename Output, typename Input, typename Work, typename Done>
  void run_on_device(const OnDevice& stage, std::vector<Input> inputs, const WorkSize& size, Work work, Done done);

 private:
  using Milliseconds = std::chrono::duration<double, std::milli>;
  bool is_wanted(Operation operation) const { return gpu_->mode(operation) != GpuMode::off; }
  // Whether the device is ever asked for it.
  bool is_offered(Operation operation) const { return is_wanted(operation) && gpu_->kept(operation).empty(); }
  // Whether it takes an image's pixels to the device, rather than use them where they are.
  bool brings_pixels_up(Operation operation) const {
    return is_wanted(operation) && gpu_->mode(operation) != GpuMode::where_it_pays;
  }
  bool may_ask(Operation operation, std::span<GroupItem* const> items);
  void put_on_device(std::span<GroupItem* const> items, bool upright);
  void note(GroupItem& item, Operation operation, const std::string& reason) const;
  static void add_time(const OnDevice& stage, GroupItem& item, Milliseconds time);

  std::shared_ptr<Gpu> gpu_;
  Precision precision_;
  std::shared_ptr<DeviceModels> models_;  // null: the device runs none
  std::shared_ptr<DevicePrograms> programs_ = std::make_shared<DevicePrograms>();
  mutable std::mutex mutex_;  // guards counted_
  std::array<StageNote, kOperationCount> counted_{};
};

template <typename Output, typename Input, typename Work, typename Done>
void DeviceStages::run_on_device(const OnDevice& stage, std::vector<Input> inputs, const WorkSize& size, Work work,
                                 Done done) {
  struct Job {
    std::vector<Input> inputs;
    std::vector<Output> outputs;
  };
  const auto begin = std::chrono::steady_clock::now();
  const std::size_t count = inputs.size();
  const auto job = std::make_shared<Job>(Job{std::move(inputs), std::vector<Output>(count)});
  const DeviceRun run =
      gpu_->run(stage.operation, count, size,
                [job, work, programs = programs_](Accelerator& device, std::size_t first, std::size_t length) {
                  work(*programs, device, std::span<const Input>(job->inputs).subspan(first, length),
                       std::span<Output>(job->outputs).subspan(first, length));
                });
  const Milliseconds elapsed = std::chrono::steady_clock::now() - begin;
  for (std::size_t i = 0; i < count; ++i) {
    GroupItem& item = *job->inputs[i].item;
    add_time(stage, item, elapsed / count);
    note(item, stage.operation, run.reasons[i]);
    if (run.reasons[i].empty()) done(job->inputs[i], job->outputs[i]);
  }
}

}  // namespace mien
