#include "pipeline/device_stages.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

#include "base/cancel.h"
#include "ops/align.h"
#include "ops/crop.h"
#include "ops/detect_device.h"
#include "ops/embed_device.h"
#include "ops/enhance.h"
#include "ops/enhance_device.h"
#include "ops/quality.h"
#include "ops/quality_device.h"
#include "pipeline/turns.h"

namespace mien {
namespace {

// Pixels of a group at most: beyond it more images at once gain nothing, and they take memory twice.
constexpr std::size_t kGroupBytesMax = std::size_t{256} << 20;
// Of the ceiling, what the pixels of a group may take; the rest is for models and what they compute.
constexpr std::uint64_t kPixelsShare = 4;
constexpr std::uint64_t kBytesPerAlignedFace = std::uint64_t{12}
                                               << 20;  // warp and an embedder's values: a generous guess

using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

std::vector<GroupItem*> alive(Group& group) {
  std::vector<GroupItem*> items;
  for (GroupItem& item : group) {
    if (!item.error) items.push_back(&item);
  }
  return items;
}

// Work for `Input`s of a group, owned by itself: results are taken out once it is over.
template <typename Input, typename Output>
struct Job {
  std::vector<Input> inputs;
  std::vector<Output> outputs;
  std::stop_token stop;
};

struct ImageInput {
  ResidentImage where;
};

// Why the CPU has to do it (and where the GPU is required, nobody does); empty when the device has done it.
void note(const Gpu& gpu, GroupItem& item, Operation operation, const std::string& reason) {
  StageNote& note = item.note(operation);
  if (reason.empty()) {
    ++note.on_device;
  } else if (gpu.mode(operation) == GpuMode::require) {
    item.error = gpu.required_error(operation, reason);
  } else {
    note.reason = reason;
  }
}

// Whether the device will not be asked: then the images learn why, and nothing is copied for it.
bool is_left_to_processor(const Gpu& gpu, std::span<GroupItem* const> items, Operation operation) {
  const std::string reason = gpu.refusal(operation);
  if (reason.empty()) return false;
  for (GroupItem* const item : items) note(gpu, *item, operation, reason);
  return true;
}

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

struct DeviceStages::Programs {
  std::shared_ptr<const Detector> detector;
  std::shared_ptr<const Embedder> embedder;
  Precision precision = Precision::standard;
  // Made on the device's thread at first use.
  std::unique_ptr<DeviceDetector> detect;
  std::unique_ptr<DeviceEmbedder> embed;
  std::unique_ptr<DeviceQuality> quality;
  std::unique_ptr<DeviceEnhancer> enhance;
  std::unique_ptr<DeviceResampler> resample;
};

DeviceStages::DeviceStages(std::shared_ptr<Gpu> gpu, Precision precision)
    : gpu_(std::move(gpu)), precision_(precision), programs_(std::make_shared<Programs>()) {
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

// One copy of the pixels of all images that are not there yet. It goes up while other groups are computed, where the
// backend can do that; otherwise, or when it fails, with the first work that needs it.
void DeviceStages::make_resident(std::span<GroupItem* const> items, bool upright) {
  std::shared_ptr<ResidentPixels> pixels;
  for (GroupItem* const item : items) {
    ResidentImage& where = upright ? item->resident_upright : item->resident;
    const bool is_same = item->image.data == item->upright.data;
    ResidentImage& other = upright ? item->resident : item->resident_upright;
    if (!where && is_same && other) where = other;
    if (where) continue;
    if (!pixels) pixels = std::make_shared<ResidentPixels>();
    where = {pixels, pixels->add(upright ? item->upright : item->image)};
  }
  if (pixels) gpu_->start_copy([pixels](Accelerator& device) { pixels->on(device); });
}

void DeviceStages::release(Group& group) {
  for (GroupItem& item : group) {
    gpu_->release(std::move(item.resident.pixels));
    gpu_->release(std::move(item.resident_upright.pixels));
  }
}

// ---- Detection

namespace {

// All looks at one stretch of images that share memory, in both rounds.
std::vector<Detection> detect_resident(DeviceDetector& detect, const Detector& detector, Precision precision,
                                       Accelerator& device, ResidentPixels& pixels, std::span<const DeviceImage> views,
                                       const std::stop_token& stop) {
  std::vector<PixelSize> sizes;
  for (const DeviceImage& view : views) sizes.push_back({view.width, view.height});
  const auto run = [&](std::span<const DetectRequest> requests) {
    throw_if_stopped(stop);
    std::vector<DeviceLook> looks;
    for (const auto& [view, pass] : requests) {
      looks.push_back({views[view].crop(pass.x, pass.y, pass.width, pass.height), pass});
    }
    return detect.run(device, pixels, looks);
  };
  return detect_views(detector, precision, sizes, run);
}

// EXIF's numbers for clockwise quarter turns.
constexpr int kOrientationOfTurn[] = {1, 6, 3, 8};

}  // namespace

void DeviceStages::detect(Group& group, const AnalyzeOptions& options) {
  const std::vector<GroupItem*> items = alive(group);
  if (!is_wanted(Operation::face_detection) || items.empty()) return;
  if (is_left_to_processor(*gpu_, items, Operation::face_detection)) return;
  const Clock::time_point begin = Clock::now();
  make_resident(items, false);
  // Canvases of one size make a batch. While a provider prepares one size, the others need not wait for it.
  std::map<std::pair<int, int>, std::vector<GroupItem*>> by_canvas;
  for (GroupItem* const item : items) {
    const DetectPlan plan = plan_detection(*programs_->detector, precision_, item->image.width, item->image.height);
    const LetterboxSize& size = plan.passes.front().size;
    by_canvas[{size.canvas_width, size.canvas_height}].push_back(item);
  }
  for (const auto& [canvas, alike] : by_canvas) detect_alike(alike, {canvas.first, canvas.second}, options);
  const double each_ms = ms_since(begin) / static_cast<double>(items.size());
  for (GroupItem* const item : items) item->analysis.timings_ms.detect += each_ms;
}

void DeviceStages::detect_alike(std::span<GroupItem* const> items, PixelSize canvas, const AnalyzeOptions& options) {
  const auto job = std::make_shared<Job<ImageInput, Detection>>();
  job->stop = options.stop;
  for (const GroupItem* const item : items) job->inputs.push_back({item->resident});
  job->outputs.resize(job->inputs.size());
  const WorkSize size{
      .item_bytes = DeviceDetector::bytes_for_canvas(std::int64_t{canvas.width} * canvas.height),
      .batch = static_cast<std::size_t>(gpu_->batch_max()),
      .shape = "the detector for " + std::to_string(canvas.width) + "x" + std::to_string(canvas.height)};
  const std::size_t turns = options.rotations ? 4 : 1;
  const DeviceRun run = gpu_->run(
      Operation::face_detection, job->inputs.size(), size,
      [job, turns, programs = programs_](Accelerator& device, std::size_t first, std::size_t count) {
        if (!programs->detect) programs->detect = std::make_unique<DeviceDetector>(programs->detector);
        const std::span<const ImageInput> inputs(job->inputs.data() + first, count);
        for_each_memory(inputs, [&](ResidentPixels& pixels, std::size_t begin_at, std::size_t length) {
          std::vector<DeviceImage> views;
          for (const ImageInput& input : inputs.subspan(begin_at, length)) {
            for (std::size_t turn = 0; turn < turns; ++turn) {
              views.push_back(input.where.image.turned(kOrientationOfTurn[turn]));
            }
          }
          std::vector<Detection> found = detect_resident(*programs->detect, *programs->detector, programs->precision,
                                                         device, pixels, views, job->stop);
          for (std::size_t i = 0; i < length; ++i) {
            const DeviceImage& image = inputs[begin_at + i].where.image;
            std::vector<Detection> of_image(
                std::make_move_iterator(found.begin() + static_cast<std::ptrdiff_t>(i * turns)),
                std::make_move_iterator(found.begin() + static_cast<std::ptrdiff_t>((i + 1) * turns)));
            job->outputs[first + begin_at + i] = choose_turn(std::move(of_image), {image.width, image.height});
          }
        });
      });
  for (std::size_t i = 0; i < items.size(); ++i) {
    note(*gpu_, *items[i], Operation::face_detection, run.reasons[i]);
    if (run.reasons[i].empty()) items[i]->found = std::move(job->outputs[i]);
  }
}

// ---- Enhancement

void DeviceStages::enhance(Group& group, const AnalyzeOptions& options) {
  if (!is_wanted(Operation::image_enhancement)) return;
  const auto job = std::make_shared<Job<ImageInput, EnhancedOnDevice>>();
  job->stop = options.stop;
  std::vector<GroupItem*> items;
  WorkSize size{.batch = 1, .shape = "enhancement"};
  for (GroupItem* const item : alive(group)) {
    if (item->always_enhance || needs_enhancement(item->upright.width, item->upright.height)) items.push_back(item);
  }
  if (items.empty() || is_left_to_processor(*gpu_, items, Operation::image_enhancement)) return;
  const Clock::time_point begin = Clock::now();
  make_resident(items, true);
  for (const GroupItem* const item : items) {
    job->inputs.push_back({item->resident_upright});
    size.item_bytes = std::max(size.item_bytes, DeviceEnhancer::bytes_for(item->upright.width, item->upright.height));
  }
  job->outputs.resize(items.size());
  const DeviceRun run =
      gpu_->run(Operation::image_enhancement, items.size(), size,
                [job, programs = programs_](Accelerator& device, std::size_t first, std::size_t count) {
                  if (!programs->enhance) programs->enhance = std::make_unique<DeviceEnhancer>();
                  for (std::size_t i = first; i < first + count; ++i) {
                    throw_if_stopped(job->stop);
                    const ResidentImage& where = job->inputs[i].where;
                    job->outputs[i] = programs->enhance->run(device, *where.pixels, where.image);
                  }
                });
  const double each_ms = ms_since(begin) / static_cast<double>(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    GroupItem& item = *items[i];
    item.analysis.timings_ms.enhance += each_ms;
    note(*gpu_, item, Operation::image_enhancement, run.reasons[i]);
    if (!run.reasons[i].empty()) continue;
    EnhancedOnDevice& enhanced = job->outputs[i];
    item.enhancement = static_cast<float>(enhanced.scale);
    item.resident = std::move(enhanced.where);
    // Its pixels are on the device; fetch_image() brings them here for whoever needs them.
    item.image = {};
    item.image.width = item.resident.image.width;
    item.image.height = item.resident.image.height;
    item.image.channels = item.resident.image.channels;
    item.image.bgr = item.resident.image.bgr;
  }
}

void DeviceStages::fetch_image(GroupItem& item) {
  if (item.image.data != nullptr) return;
  const auto fetched = std::make_shared<Image>();
  try {
    gpu_->copy([fetched, where = item.resident](Accelerator& device) {
      *fetched = read_image(where.image, device.download(where.pixels->on(device)).bytes);
    });
    item.memory->enhanced = std::move(*fetched);
  } catch (const Exception& error) {
    (void)enhance_pixels(item.upright, item.memory->enhanced);
    StageNote& note = item.note(Operation::image_enhancement);
    note = {.on_device = 0, .on_cpu = 1, .reason = error.error().message};
  }
  item.image = item.memory->enhanced;
  item.resident = {};
}

// ---- Quality

namespace {

struct QualityInput {
  ResidentImage where;  // of the part
  std::size_t item = 0;
  std::size_t face = 0;  // or kWholeImage
};

constexpr std::size_t kWholeImage = static_cast<std::size_t>(-1);

// What the device is to measure; boxes outside the image are zero without it.
std::vector<QualityInput> quality_inputs(std::span<GroupItem* const> items, bool of_faces, bool of_images) {
  std::vector<QualityInput> inputs;
  for (std::size_t i = 0; i < items.size(); ++i) {
    GroupItem& item = *items[i];
    for (std::size_t j = 0; of_faces && j < item.faces.size(); ++j) {
      const PixelRect rect = clip_box(item.faces[j].face.bbox, 0.0, item.upright.width, item.upright.height);
      if (rect.width <= 0 || rect.height <= 0) continue;
      const DeviceImage part = item.resident_upright.image.crop(rect.x, rect.y, rect.width, rect.height);
      inputs.push_back({{item.resident_upright.pixels, part}, i, j});
    }
    if (of_images) inputs.push_back({item.resident_upright, i, kWholeImage});
  }
  return inputs;
}

}  // namespace

void DeviceStages::assess(Group& group, const AnalyzeOptions& options) {
  if (!is_wanted(Operation::quality_checks)) return;
  std::vector<GroupItem*> items = alive(group);
  if (!options.image_quality) std::erase_if(items, [](const GroupItem* item) { return item->faces.empty(); });
  if (items.empty() || is_left_to_processor(*gpu_, items, Operation::quality_checks)) return;
  const Clock::time_point begin = Clock::now();
  make_resident(items, true);
  const auto job = std::make_shared<Job<QualityInput, Quality>>();
  job->stop = options.stop;
  job->inputs = quality_inputs(items, options.face_quality || options.min_quality > 0, options.image_quality);
  job->outputs.resize(job->inputs.size());
  const WorkSize size{.fixed_bytes = DeviceQuality::bytes_at_once(),
                      .batch = static_cast<std::size_t>(gpu_->batch_max()),
                      .shape = "quality"};
  const DeviceRun run =
      gpu_->run(Operation::quality_checks, job->inputs.size(), size,
                [job, programs = programs_](Accelerator& device, std::size_t first, std::size_t count) {
                  if (!programs->quality) programs->quality = std::make_unique<DeviceQuality>();
                  const std::span<const QualityInput> inputs(job->inputs.data() + first, count);
                  for_each_memory(inputs, [&](ResidentPixels& pixels, std::size_t begin_at, std::size_t length) {
                    throw_if_stopped(job->stop);
                    std::vector<DeviceImage> parts;
                    for (const QualityInput& input : inputs.subspan(begin_at, length))
                      parts.push_back(input.where.image);
                    std::vector<Quality> measured = programs->quality->run(device, pixels, parts);
                    std::move(measured.begin(), measured.end(),
                              job->outputs.begin() + static_cast<std::ptrdiff_t>(first + begin_at));
                  });
                });
  for (std::size_t i = 0; i < job->inputs.size(); ++i) {
    const QualityInput& input = job->inputs[i];
    GroupItem& item = *items[input.item];
    note(*gpu_, item, Operation::quality_checks, run.reasons[i]);
    if (!run.reasons[i].empty()) continue;
    if (input.face == kWholeImage) {
      item.analysis.quality = job->outputs[i];
      continue;
    }
    Face& face = item.faces[input.face].face;
    face.quality = job->outputs[i];
    if (face.landmarks) face.quality->pose_angles = estimate_pose(*face.landmarks);
  }
  const double each_ms = ms_since(begin) / static_cast<double>(items.size());
  for (GroupItem* const item : items) item->analysis.timings_ms.quality += each_ms;
}

// ---- Embedding

namespace {

struct EmbedInput {
  ResidentImage where;
  Similarity to_template;
  std::size_t item = 0;
  std::size_t face = 0;
};

}  // namespace

void DeviceStages::embed(Group& group, const AnalyzeOptions& options) {
  if (!is_wanted(Operation::face_embedding)) return;
  std::vector<GroupItem*> items = alive(group);
  std::erase_if(items, [](const GroupItem* item) { return item->faces.empty(); });
  if (items.empty() || is_left_to_processor(*gpu_, items, Operation::face_embedding)) return;
  const Clock::time_point begin = Clock::now();
  make_resident(items, false);
  const auto job = std::make_shared<Job<EmbedInput, std::vector<float>>>();
  job->stop = options.stop;
  for (std::size_t i = 0; i < items.size(); ++i) {
    for (std::size_t j = 0; j < items[i]->faces.size(); ++j) {
      const std::optional<Similarity> similarity = estimate_alignment(items[i]->faces[j].candidate.landmarks);
      if (similarity) job->inputs.push_back({items[i]->resident, *similarity, i, j});
    }
  }
  job->outputs.resize(job->inputs.size());
  const WorkSize size{.item_bytes = kBytesPerAlignedFace,
                      .batch = static_cast<std::size_t>(gpu_->batch_max()),
                      .shape = "the embedder"};
  const DeviceRun run =
      gpu_->run(Operation::face_embedding, job->inputs.size(), size,
                [job, programs = programs_](Accelerator& device, std::size_t first, std::size_t count) {
                  if (!programs->embed) programs->embed = std::make_unique<DeviceEmbedder>(programs->embedder);
                  const std::span<const EmbedInput> inputs(job->inputs.data() + first, count);
                  for_each_memory(inputs, [&](ResidentPixels& pixels, std::size_t begin_at, std::size_t length) {
                    throw_if_stopped(job->stop);
                    std::vector<DeviceFace> faces;
                    for (const EmbedInput& input : inputs.subspan(begin_at, length)) {
                      faces.push_back({input.where.image, input.to_template});
                    }
                    std::vector<std::vector<float>> embeddings = programs->embed->run(device, pixels, faces);
                    std::move(embeddings.begin(), embeddings.end(),
                              job->outputs.begin() + static_cast<std::ptrdiff_t>(first + begin_at));
                  });
                });
  const double each_ms = ms_since(begin) / static_cast<double>(std::max<std::size_t>(1, job->inputs.size()));
  for (std::size_t i = 0; i < job->inputs.size(); ++i) {
    GroupItem& item = *items[job->inputs[i].item];
    item.analysis.timings_ms.embed += each_ms;
    note(*gpu_, item, Operation::face_embedding, run.reasons[i]);
    if (run.reasons[i].empty()) item.faces[job->inputs[i].face].face.embedding = std::move(job->outputs[i]);
  }
}

// ---- Image processing

bool DeviceStages::shrink(ImageView in, PixelSize size, Image& out) {
  if (!is_wanted(Operation::image_processing)) return false;
  struct Work {
    ResidentPixels pixels;
    DeviceImage where;
    Image small;
  };
  if (!gpu_->is_usable()) {
    count(Operation::image_processing, {0, 1, gpu_->reason()});
    return false;
  }
  const auto work = std::make_shared<Work>();
  work->where = work->pixels.add(in);
  const WorkSize work_size{
      .fixed_bytes = DeviceResampler::bytes_for({in.width, in.height}, size), .batch = 1, .shape = "resampling"};
  const DeviceRun run = gpu_->run(Operation::image_processing, 1, work_size,
                                  [work, size, programs = programs_](Accelerator& device, std::size_t, std::size_t) {
                                    if (!programs->resample) programs->resample = std::make_unique<DeviceResampler>();
                                    work->small = programs->resample->shrink(device, work->pixels, work->where, size);
                                  });
  const bool is_done = run.all_done();
  if (is_done) out = std::move(work->small);
  gpu_->release(work);
  const std::string& reason = run.reasons.front();
  if (!is_done && gpu_->mode(Operation::image_processing) == GpuMode::require) {
    throw Exception(gpu_->required_error(Operation::image_processing, reason));
  }
  count(Operation::image_processing, {is_done ? 1 : 0, is_done ? 0 : 1, reason});
  return is_done;
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
