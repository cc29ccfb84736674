#include "pipeline/device_stages.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/cancel.h"
#include "image/orientation.h"
#include "ops/align.h"
#include "ops/crop.h"
#include "ops/detect_device.h"
#include "ops/embed_device.h"
#include "ops/enhance.h"
#include "ops/enhance_device.h"
#include "ops/quality.h"
#include "ops/quality_device.h"
#include "pipeline/rotations.h"

namespace mien {
namespace {

// Pixels of a group at most: beyond it more images at once gain nothing, and they take memory twice.
constexpr std::size_t kGroupBytesMax = std::size_t{256} << 20;
// The pixels of a group may take 1 / kPixelsShare of the memory ceiling; the rest is for models and what they compute.
constexpr std::uint64_t kPixelsShare = 4;
constexpr std::uint64_t kBytesPerAlignedFace = std::uint64_t{12}
                                               << 20;  // warp and an embedder's values: a generous guess

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

}  // namespace

DeviceStages::DeviceStages(std::shared_ptr<Gpu> gpu, Precision precision) : gpu_(std::move(gpu)) {
  programs_->precision = precision;
}

DeviceStages::~DeviceStages() { gpu_->release(std::move(programs_)); }

void DeviceStages::set_models(std::shared_ptr<const Detector> detector, std::shared_ptr<const Embedder> embedder) {
  programs_->detector = std::move(detector);
  programs_->embedder = std::move(embedder);
}

bool DeviceStages::is_group_full(std::size_t images, std::size_t pixel_bytes) const {
  if (images == 0) return false;
  const std::uint64_t bytes_max = std::min<std::uint64_t>(kGroupBytesMax, gpu_->memory_bytes_max() / kPixelsShare);
  return !gpu_->is_usable() || images >= static_cast<std::size_t>(gpu_->batch_max()) || pixel_bytes >= bytes_max;
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

bool DeviceStages::prepare(const OnDevice& stage, std::span<GroupItem* const> items) {
  if (!is_wanted(stage.operation) || items.empty()) return false;
  const std::string refusal = gpu_->refusal(stage.operation);
  for (GroupItem* const item : items) {
    if (!refusal.empty()) note(*item, stage.operation, refusal);
  }
  if (!refusal.empty()) return false;
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

namespace {

// Runs all passes over one stretch of images that share memory, in both rounds.
std::vector<Detection> detect_on_device(DeviceDetector& detect, const Detector& detector, Precision precision,
                                        Accelerator& device, DevicePixels& pixels, std::span<const DeviceImage> views,
                                        const std::stop_token& stop) {
  std::vector<PixelSize> sizes;
  for (const DeviceImage& view : views) sizes.push_back({view.width, view.height});
  const auto run = [&](std::span<const DetectRequest> requests) {
    throw_if_stopped(stop);
    std::vector<DevicePass> passes;
    for (const auto& [view, pass] : requests) {
      passes.push_back({views[view].crop(pass.x, pass.y, pass.width, pass.height), pass});
    }
    return detect.run(device, pixels, passes);
  };
  return detect_views(detector, precision, sizes, run);
}

}  // namespace

void DeviceStages::detect(Group& group, const AnalyzeOptions& options) {
  const std::vector<GroupItem*> items = alive(group);
  if (!prepare(kDetect, items)) return;
  // Canvases of one size make a batch. While a provider prepares one size, the others need not wait for it.
  std::map<std::pair<int, int>, std::vector<GroupItem*>> by_canvas;
  for (GroupItem* const item : items) {
    const DetectPlan plan =
        plan_detection(*programs_->detector, programs_->precision, item->image.width, item->image.height);
    const LetterboxSize& size = plan.passes.front().size;
    by_canvas[{size.canvas_width, size.canvas_height}].push_back(item);
  }
  for (const auto& [canvas, alike] : by_canvas) detect_alike(alike, {canvas.first, canvas.second}, options);
}

// Detects faces in images whose first pass has a canvas of this size.
void DeviceStages::detect_alike(std::span<GroupItem* const> items, PixelSize canvas, const AnalyzeOptions& options) {
  std::vector<ImageInput> inputs;
  for (GroupItem* const item : items) inputs.push_back({item, item->on_device});
  const WorkSize size{
      .item_bytes = DeviceDetector::bytes_for_canvas(std::int64_t{canvas.width} * canvas.height),
      .batch = batch_max(),
      .shape = "the detector for " + std::to_string(canvas.width) + "x" + std::to_string(canvas.height)};
  const std::size_t rotations = options.rotations ? 4 : 1;
  const auto work = [rotations, stop = options.stop](DevicePrograms& programs, Accelerator& device,
                                                     std::span<const ImageInput> batch, std::span<Detection> out) {
    auto& detect = programs.of<DeviceDetector>(Operation::face_detection, programs.detector);
    for_each_memory(batch, [&](DevicePixels& pixels, std::size_t first, std::size_t count) {
      std::vector<DeviceImage> views;
      for (const ImageInput& input : batch.subspan(first, count)) {
        for (std::size_t rotation = 0; rotation < rotations; ++rotation) {
          views.push_back(input.where.image.turned(kOrientationOfRotation[rotation]));
        }
      }
      std::vector<Detection> found =
          detect_on_device(detect, *programs.detector, programs.precision, device, pixels, views, stop);
      for (std::size_t i = 0; i < count; ++i) {
        const DeviceImage& image = batch[first + i].where.image;
        std::vector<Detection> of_image(
            std::make_move_iterator(found.begin() + static_cast<std::ptrdiff_t>(i * rotations)),
            std::make_move_iterator(found.begin() + static_cast<std::ptrdiff_t>((i + 1) * rotations)));
        out[first + i] = choose_rotation(std::move(of_image), {image.width, image.height});
      }
    });
  };
  run_on_device<Detection>(kDetect, std::move(inputs), size, work,
                           [](ImageInput& input, Detection& found) { input.item->found = std::move(found); });
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

namespace {

struct EmbedInput : ImageInput {
  Similarity to_template;
  ItemFace* face = nullptr;
};

}  // namespace

void DeviceStages::embed(Group& group, const AnalyzeOptions& options) {
  std::vector<GroupItem*> items = alive(group);
  std::erase_if(items, [](const GroupItem* item) { return item->faces.empty(); });
  if (!prepare(kEmbed, items)) return;
  std::vector<EmbedInput> inputs;
  for (GroupItem* const item : items) {
    for (ItemFace& face : item->faces) {
      const std::optional<Similarity> similarity = estimate_alignment(face.candidate.landmarks);
      if (similarity) inputs.push_back({{item, item->on_device}, *similarity, &face});
    }
  }
  const WorkSize size{.item_bytes = kBytesPerAlignedFace, .batch = batch_max(), .shape = "the embedder"};
  const auto work = [stop = options.stop](DevicePrograms& programs, Accelerator& device,
                                          std::span<const EmbedInput> batch, std::span<std::vector<float>> out) {
    auto& embed = programs.of<DeviceEmbedder>(Operation::face_embedding, programs.embedder);
    for_each_memory(batch, [&](DevicePixels& pixels, std::size_t first, std::size_t count) {
      throw_if_stopped(stop);
      std::vector<DeviceFace> faces;
      for (const EmbedInput& input : batch.subspan(first, count)) {
        faces.push_back({input.where.image, input.to_template});
      }
      std::vector<std::vector<float>> embeddings = embed.run(device, pixels, faces);
      std::move(embeddings.begin(), embeddings.end(), out.begin() + static_cast<std::ptrdiff_t>(first));
    });
  };
  run_on_device<std::vector<float>>(
      kEmbed, std::move(inputs), size, work,
      [](EmbedInput& input, std::vector<float>& embedding) { input.face->face.embedding = std::move(embedding); });
}

// ---- Image processing

bool DeviceStages::shrink(ImageView in, PixelSize size, Image& out) {
  if (!is_wanted(Operation::image_processing)) return false;
  Group group(1);
  GroupItem& item = group.front();
  StageNote& note = item.note(Operation::image_processing);
  if (gpu_->is_usable()) {
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
