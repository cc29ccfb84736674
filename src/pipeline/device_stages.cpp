#include "pipeline/device_stages.h"

#include <algorithm>
#include <utility>

#include "base/cancel.h"
#include "device/where_it_pays.h"
#include "ops/align.h"
#include "ops/crop.h"
#include "ops/enhance.h"
#include "ops/enhance_device.h"
#include "ops/quality.h"
#include "ops/quality_device.h"

namespace mien {
namespace {

// Pixels of a group at most: beyond it more images at once gain nothing, and they take memory twice.
constexpr std::size_t kGroupBytesMax = std::size_t{256} << 20;
// Pixels of images that all threads have handed in, at most; one image more for each thread.
constexpr std::size_t kPixelBytesMax = std::size_t{512} << 20;
// The pixels of a group may take 1 / kPixelsShare of the memory ceiling; the rest is for models and what they compute.
constexpr std::uint64_t kPixelsShare = 4;

constexpr OnDevice kEnhance{Operation::image_enhancement, &Timings::enhance, true};
constexpr OnDevice kDetect{Operation::face_detection, &Timings::detect};
constexpr OnDevice kAssess{Operation::quality_checks, &Timings::quality, true};
constexpr OnDevice kEmbed{Operation::face_embedding, &Timings::embed};
constexpr OnDevice kShrink{Operation::image_processing};

// Runs of neighbours that lie in the same memory of the device.
template <typename Input, typename Work>
void for_each_memory(std::span<const Input> inputs, Work work) {
  for (std::size_t first = 0; first < inputs.size();) {
    std::size_t last = first + 1;
    while (last < inputs.size() && inputs[last].where.pixels == inputs[first].where.pixels) ++last;
    work(*inputs[first].where.pixels, first, last - first);
    first = last;
  }
}

// Whether the pixels that a stage works on are on the device already.
bool is_there(const OnDevice& stage, const GroupItem& item) {
  const ImageOnDevice& where = stage.upright ? item.upright_on_device : item.on_device;
  const ImageOnDevice& other = stage.upright ? item.on_device : item.upright_on_device;
  return where || (other && item.image.data == item.upright.data);
}

}  // namespace

DeviceStages::DeviceStages(std::shared_ptr<Gpu> gpu, Precision precision)
    : gpu_(std::move(gpu)), precision_(precision) {}

DeviceStages::~DeviceStages() { gpu_->release(std::move(programs_)); }

void DeviceStages::set_models(std::shared_ptr<const Detector> detector, std::shared_ptr<const Embedder> embedder,
                              std::shared_ptr<const Runtime> runtime) {
  // What is not offered is not planned.
  if (!is_offered(Operation::face_detection)) detector = nullptr;
  if (!is_offered(Operation::face_embedding)) embedder = nullptr;
  if (!gpu_->is_usable() || (!detector && !embedder)) return;
  models_ =
      std::make_shared<DeviceModels>(gpu_, std::move(detector), std::move(embedder), precision_, std::move(runtime));
}

std::optional<Batcher::Caller> DeviceStages::enter() {
  return models_ ? std::optional(models_->enter()) : std::nullopt;
}

bool DeviceStages::is_group_full(std::size_t images, std::size_t pixel_bytes) const {
  if (images == 0) return false;
  // Only the operations without a model work on whole groups.
  const bool is_for_group =
      brings_pixels_up(Operation::quality_checks) || brings_pixels_up(Operation::image_enhancement);
  const std::size_t ahead = images_ahead();
  const std::size_t images_max = is_for_group ? std::min<std::size_t>(ahead, gpu_->batch_max()) : 1;
  const std::uint64_t bytes_max = std::min<std::uint64_t>(kGroupBytesMax, gpu_->memory_bytes_max() / kPixelsShare);
  return !gpu_->is_usable() || images >= images_max || pixel_bytes >= bytes_max;
}

std::size_t DeviceStages::images_ahead() const {
  return models_ ? models_->images_ahead() : static_cast<std::size_t>(gpu_->batch_max());
}

bool DeviceStages::is_far_ahead(Operation operation, std::size_t images, std::size_t pixel_bytes) const {
  // Without a device to wait for there is nothing to be ahead of.
  if (!models_ || !is_wanted(operation) || !gpu_->refusal(operation).empty()) return images > 0;
  return images > models_->images_ahead() ||
         pixel_bytes > kPixelBytesMax / std::max<std::size_t>(1, models_->callers());
}

// Notes where the operation was done. `reason` says why the CPU has to do it (where the GPU is required, nobody does);
// it is empty when the device has done it.
void DeviceStages::note(GroupItem& item, Operation operation, const std::string& reason) const {
  StageNote& note = item.note(operation);
  if (reason.empty()) {
    ++note.on_device;
  } else if (gpu_->mode(operation) == GpuMode::require) {
    item.error = gpu_->required_error(operation, reason);
  } else {
    note.reason = reason;
  }
}

void DeviceStages::add_time(const OnDevice& stage, GroupItem& item, Milliseconds time) {
  if (stage.time != nullptr) item.analysis.timings_ms.*stage.time += time.count();
}

std::vector<GroupItem*> DeviceStages::alive(Group& group) {
  std::vector<GroupItem*> items;
  for (GroupItem& item : group) {
    if (!item.error) items.push_back(&item);
  }
  return items;
}

bool DeviceStages::prepare(const OnDevice& stage, std::vector<GroupItem*>& items) {
  if (!is_wanted(stage.operation) || items.empty()) return false;
  const std::string refusal = gpu_->refusal(stage.operation);
  for (GroupItem* const item : items) {
    if (!refusal.empty()) note(*item, stage.operation, refusal);
  }
  if (!refusal.empty()) return false;
  if (!brings_pixels_up(stage.operation)) {
    std::erase_if(items, [&](GroupItem* item) {
      const bool stays = !is_there(stage, *item);
      if (stays) note(*item, stage.operation, kPixelsAreHere);
      return stays;
    });
    if (items.empty()) return false;
  }
  const auto begin = std::chrono::steady_clock::now();
  put_on_device(items, stage.upright);
  const Milliseconds elapsed = std::chrono::steady_clock::now() - begin;
  for (GroupItem* const item : items) add_time(stage, *item, elapsed / items.size());
  return true;
}

// Makes one copy of the pixels of all images that are not there yet. It goes up while other groups are computed, where
// the backend can do that; otherwise, or when it fails, with the first work that needs it.
void DeviceStages::put_on_device(std::span<GroupItem* const> items, bool upright) {
  std::shared_ptr<DevicePixels> pixels;
  for (GroupItem* const item : items) {
    ImageOnDevice& where = upright ? item->upright_on_device : item->on_device;
    const bool is_same = item->image.data == item->upright.data;
    ImageOnDevice& other = upright ? item->on_device : item->upright_on_device;
    if (!where && is_same && other) where = other;
    if (where) continue;
    if (!pixels) pixels = std::make_shared<DevicePixels>();
    where = {pixels, pixels->add(upright ? item->upright : item->image)};
  }
  if (pixels) gpu_->start_copy([pixels](Accelerator& device) { pixels->on(device); });
}

void DeviceStages::release(Group& group) {
  for (GroupItem& item : group) {
    gpu_->release(std::move(item.on_device.pixels));
    gpu_->release(std::move(item.upright_on_device.pixels));
  }
}

// ---- Detection

// Returns whether the device is to be asked now, by the settings and as it fared before; else each item notes why not.
bool DeviceStages::may_ask(Operation operation, std::span<GroupItem* const> items) {
  if (!models_ || !is_wanted(operation)) {
    const std::string reason = gpu_->refusal(operation);
    for (GroupItem* const item : items) {
      if (is_wanted(operation) && !reason.empty()) note(*item, operation, reason);
    }
    return false;
  }
  const std::string refusal = gpu_->refusal(operation);
  for (GroupItem* const item : items) {
    if (!refusal.empty()) note(*item, operation, refusal);
  }
  return refusal.empty();
}

void DeviceStages::begin_detect(Group& group, const AnalyzeOptions& options, Image& rotated) {
  const std::vector<GroupItem*> items = alive(group);
  if (!may_ask(Operation::face_detection, items)) return;
  for (GroupItem* const item : items) {
    const auto begin = std::chrono::steady_clock::now();
    fetch_image(*item);
    const std::string reason = models_->submit_passes(*item, options, rotated);
    if (!reason.empty()) note(*item, Operation::face_detection, reason);
    add_time(kDetect, *item, std::chrono::steady_clock::now() - begin);
  }
}

bool DeviceStages::look_closer(GroupItem& item, const AnalyzeOptions& options, Image& rotated) {
  if (!item.pending_passes) return false;
  const auto begin = std::chrono::steady_clock::now();
  const bool has_more = models_->look_closer(item, options, rotated);
  add_time(kDetect, item, std::chrono::steady_clock::now() - begin);
  return has_more;
}

bool DeviceStages::end_detect(GroupItem& item) {
  if (!item.pending_passes) return false;
  const std::string reason = models_->collect_passes(item);
  note(item, Operation::face_detection, reason);
  return reason.empty();
}

GroupItem* DeviceStages::wait(Operation operation, Batcher::Caller& caller, std::span<GroupItem* const> mine,
                              const std::stop_token& stop) {
  return models_ ? models_->wait(operation, caller, mine, stop) : nullptr;
}

bool DeviceStages::is_settled(Operation operation, const GroupItem& item) const {
  return !models_ || models_->is_settled(operation, item);
}

void DeviceStages::expect(Operation operation, std::span<GroupItem* const> items) {
  if (models_) models_->expect(operation, items);
}

// ---- Enhancement

void DeviceStages::enhance(Group& group, const AnalyzeOptions& options) {
  std::vector<GroupItem*> items = alive(group);
  std::erase_if(items, [](const GroupItem* item) {
    return !item->always_enhance && !needs_enhancement(item->upright.width, item->upright.height);
  });
  if (!prepare(kEnhance, items)) return;
  std::vector<ImageInput> inputs;
  WorkSize size{.batch = 1, .shape = "enhancement"};
  for (GroupItem* const item : items) {
    inputs.push_back({item, item->upright_on_device});
    size.item_bytes = std::max(size.item_bytes, DeviceEnhancer::bytes_for(item->upright.width, item->upright.height));
  }
  const auto work = [stop = options.stop](DevicePrograms& programs, Accelerator& device,
                                          std::span<const ImageInput> batch, std::span<EnhancedOnDevice> out) {
    auto& enhance = programs.of<DeviceEnhancer>(Operation::image_enhancement);
    for (std::size_t i = 0; i < batch.size(); ++i) {
      throw_if_stopped(stop);
      out[i] = enhance.run(device, *batch[i].where.pixels, batch[i].where.image);
    }
  };
  run_on_device<EnhancedOnDevice>(kEnhance, std::move(inputs), size, work,
                                  [](ImageInput& input, EnhancedOnDevice& enhanced) {
                                    GroupItem& item = *input.item;
                                    item.enhancement = static_cast<float>(enhanced.scale);
                                    item.on_device = std::move(enhanced.where);
                                    // Its pixels are on the device; fetch_image() brings them here for whoever needs
                                    // them.
                                    item.image = {};
                                    item.image.width = item.on_device.image.width;
                                    item.image.height = item.on_device.image.height;
                                    item.image.channels = item.on_device.image.channels;
                                    item.image.bgr = item.on_device.image.bgr;
                                  });
}

void DeviceStages::fetch_image(GroupItem& item) {
  if (item.image.data != nullptr) return;
  const auto fetched = std::make_shared<Image>();
  try {
    gpu_->copy([fetched, where = item.on_device](Accelerator& device) {
      *fetched = read_image(where.image, device.download(where.pixels->on(device)).bytes);
    });
    item.memory->enhanced = std::move(*fetched);
  } catch (const Exception& error) {
    (void)enhance_pixels(item.upright, item.memory->enhanced);
    StageNote& note = item.note(Operation::image_enhancement);
    note = {.on_device = 0, .on_cpu = 1, .reason = error.error().message};
  }
  item.image = item.memory->enhanced;
  item.on_device = {};
}

// ---- Quality

namespace {

// A part to measure.
struct QualityInput : ImageInput {
  ItemFace* face = nullptr;  // whose box it is; null: the whole image
};

// Lists what the device is to measure. Boxes outside the image are left out: their quality is zero without measuring.
std::vector<QualityInput> quality_inputs(std::span<GroupItem* const> items, bool of_faces, bool of_images) {
  std::vector<QualityInput> inputs;
  for (GroupItem* const item : items) {
    const ImageOnDevice& whole = item->upright_on_device;
    for (std::size_t i = 0; of_faces && i < item->faces.size(); ++i) {
      ItemFace& face = item->faces[i];
      const PixelRect rect = clip_box(face.face.bbox, 0.0, item->upright.width, item->upright.height);
      if (rect.width <= 0 || rect.height <= 0) continue;
      const DeviceImage part = whole.image.crop(rect.x, rect.y, rect.width, rect.height);
      inputs.push_back({{item, {whole.pixels, part}}, &face});
    }
    if (of_images) inputs.push_back({{item, whole}});
  }
  return inputs;
}

}  // namespace

void DeviceStages::assess(Group& group, const AnalyzeOptions& options) {
  std::vector<GroupItem*> items = alive(group);
  if (!options.image_quality) std::erase_if(items, [](const GroupItem* item) { return item->faces.empty(); });
  if (!prepare(kAssess, items)) return;
  const WorkSize size{.fixed_bytes = DeviceQuality::bytes_at_once(), .batch = batch_max(), .shape = "quality"};
  const auto work = [stop = options.stop](DevicePrograms& programs, Accelerator& device,
                                          std::span<const QualityInput> batch, std::span<Quality> out) {
    auto& quality = programs.of<DeviceQuality>(Operation::quality_checks);
    for_each_memory(batch, [&](DevicePixels& pixels, std::size_t first, std::size_t count) {
      throw_if_stopped(stop);
      std::vector<DeviceImage> parts;
      for (const QualityInput& input : batch.subspan(first, count)) parts.push_back(input.where.image);
      std::vector<Quality> measured = quality.run(device, pixels, parts);
      std::move(measured.begin(), measured.end(), out.begin() + static_cast<std::ptrdiff_t>(first));
    });
  };
  run_on_device<Quality>(kAssess,
                         quality_inputs(items, options.face_quality || options.min_quality > 0, options.image_quality),
                         size, work, [](QualityInput& input, const Quality& measured) {
                           if (input.face == nullptr) {
                             input.item->analysis.quality = measured;
                             return;
                           }
                           Face& face = input.face->face;
                           face.quality = measured;
                           if (face.landmarks) face.quality->pose_angles = estimate_pose(*face.landmarks);
                         });
}

// ---- Embedding

void DeviceStages::begin_embed(Group& group, const AnalyzeOptions& options) {
  std::vector<GroupItem*> items = alive(group);
  std::erase_if(items, [](const GroupItem* item) { return item->faces.empty(); });
  if (items.empty() || !may_ask(Operation::face_embedding, items)) return;
  for (GroupItem* const item : items) {
    const auto begin = std::chrono::steady_clock::now();
    fetch_image(*item);
    const std::string reason = models_->submit_faces(*item, options.stop);
    if (!reason.empty()) note(*item, Operation::face_embedding, reason);
    add_time(kEmbed, *item, std::chrono::steady_clock::now() - begin);
  }
}

void DeviceStages::end_embed(
    GroupItem& item, const std::function<void(std::size_t face, const std::vector<std::uint8_t>& aligned)>& on_cpu) {
  std::vector<std::uint8_t> aligned;
  for (std::size_t i = 0; i < item.faces.size() && !item.error; ++i) {
    if (!DeviceModels::has_face(item, i)) continue;
    const std::string reason = models_->collect_face(item, i, aligned);
    note(item, Operation::face_embedding, reason);
    if (!reason.empty() && !item.error) on_cpu(i, aligned);
  }
  item.pending_faces.reset();
}

bool DeviceStages::has_face(const GroupItem& item, std::size_t face) const {
  return DeviceModels::has_face(item, face);
}

void DeviceStages::write_face(const std::vector<std::uint8_t>& aligned, float* planes) const {
  models_->write_face(aligned, planes);
}

void DeviceStages::add_cpu_time(Operation operation, double ms) {
  if (models_) (operation == Operation::face_detection ? models_->detect_time : models_->embed_time).add(ms);
}

void DeviceStages::add_image_time(double ms) {
  if (models_) models_->image_time.add(ms);
}

// ---- Image processing

bool DeviceStages::shrink(ImageView in, PixelSize size, Image& out) {
  if (!is_wanted(Operation::image_processing)) return false;
  Group group(1);
  GroupItem& item = group.front();
  StageNote& note = item.note(Operation::image_processing);
  if (!brings_pixels_up(Operation::image_processing)) {
    note.reason = kPixelsAreHere;
  } else if (gpu_->is_usable()) {
    const auto pixels = std::make_shared<DevicePixels>();
    item.on_device = {pixels, pixels->add(in)};
    const WorkSize work_size{.fixed_bytes = DeviceResampler::bytes_for({in.width, in.height}, size),
                             .shape = "resampling"};
    const auto work = [size](DevicePrograms& programs, Accelerator& device, std::span<const ImageInput> batch,
                             std::span<Image> small) {
      const ImageOnDevice& where = batch.front().where;
      small.front() =
          programs.of<DeviceResampler>(Operation::image_processing).shrink(device, *where.pixels, where.image, size);
    };
    run_on_device<Image>(kShrink, std::vector<ImageInput>{{&item, item.on_device}}, work_size, work,
                         [&out](ImageInput&, Image& small) { out = std::move(small); });
    release(group);
  } else {
    note.reason = gpu_->reason();
  }
  if (item.error) throw Exception(*item.error);
  note.on_cpu = 1 - note.on_device;
  count(Operation::image_processing, note);
  return note.on_device > 0;
}

void DeviceStages::count(Operation operation, const StageNote& note) {
  const std::lock_guard lock(mutex_);
  StageNote& sum = counted_[index_of(operation)];
  sum.on_device += note.on_device;
  sum.on_cpu += note.on_cpu;
  if (!note.reason.empty()) sum.reason = note.reason;
}

StageNote DeviceStages::counted(Operation operation) const {
  const std::lock_guard lock(mutex_);
  return counted_[index_of(operation)];
}

}  // namespace mien
