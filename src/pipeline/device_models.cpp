#include "pipeline/device_models.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/cancel.h"
#include "base/log.h"
#include "base/processor.h"
#include "image/orientation.h"
#include "models/mask_probe.h"
#include "ops/align.h"
#include "pipeline/looks.h"

namespace mien {
namespace {

// Canvases of backends that plan by shape, in the order in which they are planned: the first holds everything, the
// second the passes for faces that fill the image, the others what most photos are.
struct CanvasRow {
  PixelSize size;
  std::size_t batch;
  std::size_t worthwhile;  // images that are worth a run; small ones cost little, and large ones wait for them
};
constexpr CanvasRow kFirstCanvas = {{640, 640}, 16, 16};
constexpr CanvasRow kLaterCanvases[] = {
    {{128, 128}, 32, 16}, {{320, 320}, 16, 16}, {{640, 480}, 16, 16}, {{480, 640}, 16, 16}};
constexpr std::size_t kEmbedderBatch = 32;
// Shapes that a model without masks is planned for at most.
constexpr std::size_t kRectanglesMax = 16;
// Images that all threads together have handed in and whose results they have not asked for: four batches.
constexpr std::size_t kImagesMax = 64;
// Canvases whose memory is kept for others.
constexpr std::size_t kFreePlanesMax = 96;

constexpr std::uint64_t kBytesPerFace = std::uint64_t{6} << 20;  // an embedder's values: a generous guess
constexpr std::size_t kFaceBytes = std::size_t{3} * kAlignedSide * kAlignedSide;
// A time that was measured counts so much in the mean of all.
constexpr double kNewest = 0.1;

// Bytes of a canvas or a face; the last who needs them gives their memory back.
struct PlanesItem : BatchItem {
  PlanesItem(std::shared_ptr<PlanePool> of, std::size_t bytes) : planes(of->take(bytes)), pool(std::move(of)) {}
  ~PlanesItem() override { pool->give_back(std::move(planes)); }

  std::vector<std::uint8_t> planes;
  const std::shared_ptr<PlanePool> pool;
};

struct PassItem final : PlanesItem {
  using PlanesItem::PlanesItem;
  DetectPass pass;
  std::vector<Candidate> found;
};

struct FaceItem final : PlanesItem {
  using PlanesItem::PlanesItem;
  std::vector<float> embedding;
};

// Ends what the device does for an image: the CPU has to do it.
struct LeftToCpu {
  std::string reason;
};

template <typename Item>
struct Pending {
  std::shared_ptr<Item> item;
  std::shared_ptr<Batcher::Ticket> ticket;
};

std::int64_t area(const PixelSize& size) { return std::int64_t{size.width} * size.height; }

std::string shape_name(const PixelSize& canvas) {
  return fmt::format("the detector for {}x{}", canvas.width, canvas.height);
}

}  // namespace

// What an image has handed in for one operation. Lets go of what nobody fetched.
struct PendingWork {
  PendingWork(Batcher& used, GroupItem& item) : batcher(used) {
    if (!item.device_wait) item.device_wait = std::make_shared<DeviceWait>();
    wait = item.device_wait;
  }
  ~PendingWork() {
    for (const auto& ticket : job.tickets) batcher.drop(ticket);
  }
  PendingWork(const PendingWork&) = delete;
  PendingWork& operator=(const PendingWork&) = delete;

  template <typename Item>
  Pending<Item> submit(std::shared_ptr<Item> item, const std::vector<std::size_t>& bins) {
    job.tickets.push_back(batcher.submit(item, bins, wait));
    return {std::move(item), job.tickets.back()};
  }

  Batcher& batcher;
  std::shared_ptr<DeviceWait> wait;  // of the image, with what it handed in before
  Batcher::Job job;
};

struct PendingPasses : PendingWork {
  PendingPasses(Batcher& used, GroupItem& item, const Detector& detector, const DetectTerms& terms,
                std::span<const PixelSize> views)
      : PendingWork(used, item), rounds(detector, terms, views), small(views.size()) {}
  DetectRounds rounds;
  std::vector<Pending<PassItem>> round;                 // one a request of `rounds`
  std::vector<std::optional<Pending<PassItem>>> small;  // of each view
  std::string failure;                                  // why the CPU has to find the faces
  ResizeScratch resize;
};

struct PendingFaces : PendingWork {
  using PendingWork::PendingWork;
  std::map<std::size_t, Pending<FaceItem>> faces;
};

// The whole detector on the CPU, which the device's numbers are compared with. Opened at the first plan.
struct DeviceModels::Reference {
  Reference(std::shared_ptr<const Runtime> of_cpu, std::shared_ptr<const std::vector<std::uint8_t>> bytes)
      : runtime(std::move(of_cpu)), model(std::move(bytes)) {}

  const Session& session() {
    const std::lock_guard lock(mutex);
    if (!opened) opened = runtime->create_session(*model, "the detector");
    return *opened;
  }

  const std::shared_ptr<const Runtime> runtime;  // a plan that waits for its turn may outlive the engine
  std::shared_ptr<const std::vector<std::uint8_t>> model;
  std::mutex mutex;
  std::unique_ptr<Session> opened;
};

// What is in it is left from others: whoever takes it writes all of it.
std::vector<std::uint8_t> PlanePool::take(std::size_t bytes) {
  std::vector<std::uint8_t> planes;
  {
    const std::lock_guard lock(mutex_);
    auto best = free_.end();  // the smallest that holds them
    for (auto it = free_.begin(); it != free_.end(); ++it) {
      if (it->capacity() >= bytes && (best == free_.end() || it->capacity() < best->capacity())) best = it;
    }
    if (best != free_.end()) {
      planes = std::move(*best);
      free_.erase(best);
    }
  }
  planes.resize(bytes);
  return planes;
}

void PlanePool::give_back(std::vector<std::uint8_t> planes) {
  const std::lock_guard lock(mutex_);
  if (free_.size() < kFreePlanesMax) free_.push_back(std::move(planes));
}

void CpuTime::add(double ms) { ms_ = is_measured_.exchange(true) ? ms_ + kNewest * (ms - ms_) : ms; }

DeviceModels::DeviceModels(std::shared_ptr<Gpu> gpu, std::shared_ptr<const Detector> detector,
                           std::shared_ptr<const Embedder> embedder, Precision precision,
                           std::shared_ptr<const Runtime> runtime)
    : gpu_(std::move(gpu)),
      detector_(std::move(detector)),
      embedder_(std::move(embedder)),
      precision_(precision),
      planes_(std::make_shared<PlanePool>()),
      batcher_(gpu_) {
  if (detector_ && detector_->model) {
    whole_.bytes = detector_->model;
    reference_ = std::make_shared<Reference>(std::move(runtime), detector_->model);
    if (gpu_->plans_by_shape()) add_masks(*reference_->runtime);
  }
  add_bins();
}

DeviceModels::~DeviceModels() = default;

// Backends that plan by shape run the masked model, where there is one. What it computes is compared with the CPU here,
// so that no device has to plan for that.
void DeviceModels::add_masks(const Runtime& runtime) {
  std::string problem;
  if (detector_->fixed_width || detector_->fixed_height) {
    problem = "it has one size";
  } else if (Result<MaskedModel> masked = mask_model(*detector_->model); !masked) {
    problem = masked.error().message;
  } else {
    const MaskProbe probe = probe_mask(runtime, *detector_, *masked);
    problem = probe.problem;
    if (problem.empty() && probe.layout == BatchLayout::one_by_one) problem = "it takes one image at a time";
    masked_ = DeviceModel{.bytes = std::make_shared<const std::vector<std::uint8_t>>(std::move(masked->model)),
                          .is_masked = true,
                          .mask_strides = masked->strides,
                          .output_strides = masked->output_strides,
                          .layout = probe.layout};
  }
  if (problem.empty()) return;
  masked_.reset();
  whole_.layout = probe_batch_layout(runtime, *detector_);
  log(LogLevel::warning,
      fmt::format("the GPU plans the detector for each size of image, which takes long: its canvases cannot hold "
                  "smaller images ({})",
                  problem));
}

void DeviceModels::add_bins() {
  const std::size_t batch_max = static_cast<std::size_t>(gpu_->batch_max());
  const auto add_canvas = [&](const CanvasRow& row) {
    if (!masked_) return;
    const auto detector = std::make_shared<DeviceDetector>(detector_, *masked_, feed_);
    BatchBin bin = detector_bin(row.size, std::min(row.batch, batch_max), detector, true);
    bin.worthwhile = std::min(row.worthwhile, bin.batch);
    canvases_.emplace_back(row.size, batcher_.add(std::move(bin)));
  };
  if (whole_.bytes) {
    feed_ = std::make_shared<CanvasFeed>(detector_->kind->feed, masked_.has_value(),
                                         masked_ ? masked_->mask_strides : std::vector<int>());
    add_canvas(kFirstCanvas);
    if (!gpu_->plans_by_shape()) rectangles_ = std::make_shared<DeviceDetector>(detector_, whole_, feed_);
  }
  if (embedder_ && embedder_->model) {
    const auto feed = std::make_shared<CanvasFeed>(embedder_->feed, false);
    const auto embedder = std::make_shared<DeviceEmbedder>(embedder_, feed);
    BatchBin bin{.operation = Operation::face_embedding,
                 .name = "the embedder",
                 .batch = std::min(kEmbedderBatch, batch_max),
                 .item_bytes = kBytesPerFace,
                 .plan = {},
                 .run = {}};
    if (gpu_->plans_by_shape()) {
      bin.plan = [embedder](Accelerator& device, std::size_t batch) { embedder->plan(device, batch); };
    }
    bin.run = [embedder](Accelerator& device, BatchItems items, std::size_t batch) {
      std::vector<FaceBytes> faces;
      for (const std::shared_ptr<BatchItem>& item : items) {
        FaceItem& face = static_cast<FaceItem&>(*item);
        faces.push_back({face.planes.data(), &face.embedding});
      }
      embedder->run(device, faces, batch);
    };
    embedder_bin_ = batcher_.add(std::move(bin));
  }
  for (const CanvasRow& row : kLaterCanvases) add_canvas(row);
  std::sort(canvases_.begin(), canvases_.end(),
            [](const auto& a, const auto& b) { return area(a.first) < area(b.first); });
}

BatchBin DeviceModels::detector_bin(PixelSize canvas, std::size_t batch,
                                    const std::shared_ptr<DeviceDetector>& detector, bool is_planned) const {
  BatchBin bin{.operation = Operation::face_detection,
               .name = shape_name(canvas),
               .batch = batch,
               .item_bytes = DeviceDetector::bytes_for_canvas(area(canvas)),
               .plan = {},
               .run = {}};
  if (is_planned) {
    bin.plan = [detector, canvas, reference = reference_](Accelerator& device, std::size_t count) {
      detector->plan(device, canvas.width, canvas.height, count, reference->session());
    };
  }
  bin.run = [detector, canvas](Accelerator& device, BatchItems items, std::size_t count) {
    std::vector<CanvasPass> passes;
    for (const std::shared_ptr<BatchItem>& item : items) {
      PassItem& pass = static_cast<PassItem&>(*item);
      pass.found.clear();  // an attempt with more at a time may have failed
      passes.push_back({&pass.pass, pass.planes.data(), &pass.found});
    }
    detector->run(device, passes, canvas.width, canvas.height, count);
  };
  return bin;
}

// The bins that take a pass of this size, the best first. None where the device shall not plan for it.
std::vector<std::size_t> DeviceModels::bins_for(const LetterboxSize& size) {
  std::vector<std::size_t> bins;
  for (const auto& [canvas, bin] : canvases_) {
    if (size.canvas_width <= canvas.width && size.canvas_height <= canvas.height) bins.push_back(bin);
  }
  if (!bins.empty()) return bins;
  const std::lock_guard lock(mutex_);
  const auto known = by_rectangle_.find({size.canvas_width, size.canvas_height});
  if (known != by_rectangle_.end()) return {known->second};
  const bool is_planned = gpu_->plans_by_shape();
  if (is_planned && by_rectangle_.size() >= kRectanglesMax) return {};
  const PixelSize canvas{size.canvas_width, size.canvas_height};
  std::shared_ptr<DeviceDetector> detector = rectangles_;
  if (!detector) {
    detector =
        std::make_shared<DeviceDetector>(detector_, whole_, std::make_shared<CanvasFeed>(detector_->kind->feed, false));
  }
  const std::size_t bin =
      batcher_.add(detector_bin(canvas, static_cast<std::size_t>(gpu_->batch_max()), detector, is_planned));
  by_rectangle_.emplace(std::pair(canvas.width, canvas.height), bin);
  return {bin};
}

std::size_t DeviceModels::images_ahead() const {
  const std::size_t threads = std::max<std::size_t>(1, batcher_.callers());
  return std::max<std::size_t>(1, kImagesMax / threads);
}

double DeviceModels::patience_ms() const {
  const double processors = usable_processors();
  const double share = std::max(1.0, static_cast<double>(batcher_.callers()) / processors);
  return static_cast<double>(images_ahead()) * image_time.ms() * share;
}

bool DeviceModels::takes_back(Operation operation, const GroupItem& item) const {
  return !item.waits_for_device && gpu_->mode(operation) != GpuMode::require;
}

namespace {

const PendingWork* pending_work(Operation operation, const GroupItem& item) {
  if (operation == Operation::face_detection) return item.pending_passes.get();
  return item.pending_faces.get();
}

}  // namespace

GroupItem* DeviceModels::wait(Operation operation, Batcher::Caller& caller, std::span<GroupItem* const> mine,
                              const std::stop_token& stop) {
  if (pending_work(operation, *mine.front()) == nullptr) {
    caller.go_on();
    return nullptr;
  }
  std::vector<const Batcher::Job*> jobs;
  std::vector<GroupItem*> items;
  for (GroupItem* const item : mine) {
    const PendingWork* const pending = pending_work(operation, *item);
    if (pending == nullptr) continue;
    jobs.push_back(&pending->job);
    items.push_back(item);
  }
  const std::optional<std::size_t> chosen =
      caller.wait(jobs, {.takes_back = takes_back(operation, *mine.front()), .stop = stop});
  return chosen ? items[*chosen] : nullptr;
}

void DeviceModels::expect(Operation operation, std::span<GroupItem* const> items) {
  std::vector<const Batcher::Job*> jobs;
  for (const GroupItem* const item : items) {
    if (const PendingWork* const pending = pending_work(operation, *item)) jobs.push_back(&pending->job);
  }
  if (!jobs.empty()) batcher_.expect(jobs);
}

bool DeviceModels::is_settled(Operation operation, const GroupItem& item) const {
  const PendingWork* const pending = pending_work(operation, item);
  if (pending == nullptr) return true;
  return std::all_of(pending->job.tickets.begin(), pending->job.tickets.end(),
                     [&](const auto& ticket) { return batcher_.is_settled(ticket); });
}

// ---- Detection

namespace {

// View `quarters` of an image: it as it is, or rotated so often.
ImageView view_of(const GroupItem& item, std::size_t quarters, Image& rotated, const std::stop_token& stop) {
  if (quarters == 0) return item.image;
  apply_orientation(item.image, kOrientationOfRotation[quarters], rotated, stop);
  return rotated;
}

}  // namespace

void DeviceModels::submit_pass(PendingPasses& pending, ImageView view, const DetectPass& pass, bool waits) {
  const std::vector<std::size_t> bins = bins_for(pass.size);
  if (bins.empty()) throw LeftToCpu{fmt::format("{} has no room for another size", gpu_->backend())};
  if (!waits && !batcher_.is_worthwhile(bins, patience_ms())) throw LeftToCpu{"the device is behind"};
  const std::size_t pixels =
      static_cast<std::size_t>(pass.size.canvas_width) * static_cast<std::size_t>(pass.size.canvas_height);
  auto one = std::make_shared<PassItem>(planes_, 3 * pixels);
  one->pass = pass;
  letterbox_bytes(view.crop(pass.x, pass.y, pass.width, pass.height), pass.size, detector_->kind->feed.bgr,
                  pending.resize, one->planes.data());
  pending.round.push_back(pending.submit(std::move(one), bins));
}

std::string DeviceModels::submit_passes(GroupItem& item, const AnalyzeOptions& options, Image& rotated) {
  const PixelSize upright{item.image.width, item.image.height};
  const PixelSize turned{upright.height, upright.width};
  std::vector<PixelSize> sizes{upright};
  if (options.rotations) sizes.insert(sizes.end(), {turned, upright, turned});
  auto pending = std::make_shared<PendingPasses>(batcher_, item, *detector_,
                                                 detect_terms(precision_, options, item.enhancement), sizes);
  pending->job.cpu_ms = detect_time.ms();
  const bool waits = !takes_back(Operation::face_detection, item);
  const std::span<const DetectRequest> requests = pending->rounds.requests();
  try {
    for (std::size_t i = 0, at = 0; i < sizes.size(); ++i) {
      const ImageView view = view_of(item, i, rotated, options.stop);
      for (; at < requests.size() && requests[at].view == i; ++at) {
        submit_pass(*pending, view, requests[at].pass, waits);
      }
      // The few pixels of the small pass go with the others, whether or not it will be asked for: that saves a round.
      const std::optional<DetectPass>& small = pending->rounds.small_pass(i);
      if (!small) continue;
      submit_pass(*pending, view, *small, waits);
      pending->small[i] = std::move(pending->round.back());
      pending->round.pop_back();
    }
  } catch (const LeftToCpu& left) {
    return left.reason;
  }
  item.pending_passes = std::move(pending);
  return "";
}

bool DeviceModels::look_closer(GroupItem& item, const AnalyzeOptions& options, Image& rotated) {
  PendingPasses& pending = *item.pending_passes;
  const auto fetch = [&](const Pending<PassItem>& pass) {
    const std::string reason = batcher_.outcome(pass.ticket);
    if (!reason.empty()) throw LeftToCpu{reason};
    return std::move(pass.item->found);
  };
  try {
    bool is_here = true;  // what this round asks for
    while (is_here && pending.failure.empty() && !pending.rounds.requests().empty()) {
      std::vector<std::vector<Candidate>> found;
      for (std::size_t i = 0; i < pending.rounds.requests().size(); ++i) {
        const std::size_t view = pending.rounds.requests()[i].view;
        found.push_back(fetch(pending.rounds.is_small_round() ? *pending.small[view] : pending.round[i]));
      }
      pending.rounds.take(found);
      is_here = pending.rounds.is_small_round();
    }
    if (pending.failure.empty() && !pending.rounds.requests().empty()) {
      submit_tiles(item, options, rotated);
      return true;
    }
  } catch (const LeftToCpu& left) {
    pending.failure = left.reason;
  }
  return false;
}

// A photo whose first look the device has done stays with it.
void DeviceModels::submit_tiles(GroupItem& item, const AnalyzeOptions& options, Image& rotated) {
  PendingPasses& pending = *item.pending_passes;
  pending.round.clear();
  pending.job.tickets.clear();  // they are settled
  ImageView view;
  std::optional<std::size_t> shown;
  for (const DetectRequest& request : pending.rounds.requests()) {
    throw_if_stopped(options.stop);
    if (shown != request.view) view = view_of(item, request.view, rotated, options.stop);
    shown = request.view;
    submit_pass(pending, view, request.pass, true);
  }
}

std::string DeviceModels::collect_passes(GroupItem& item) {
  const std::shared_ptr<PendingPasses> pending = std::move(item.pending_passes);
  if (!pending->failure.empty()) return pending->failure;
  if (pending->rounds.requests().empty()) {
    item.found = merge_rotations(pending->rounds.faces(), {item.image.width, item.image.height});
    return "";
  }
  for (const std::shared_ptr<Batcher::Ticket>& ticket : pending->job.tickets) {
    const std::string reason = batcher_.outcome(ticket);
    if (!reason.empty()) return reason;
  }
  return "the CPU was faster";
}

// ---- Embedding

std::string DeviceModels::submit_faces(GroupItem& item, const std::stop_token& stop) {
  const double cpu_ms = embed_time.ms() * static_cast<double>(item.faces.size());
  if (takes_back(Operation::face_embedding, item) &&
      !batcher_.is_worthwhile({embedder_bin_}, std::max(cpu_ms, patience_ms()))) {
    return "the device is behind";
  }
  auto pending = std::make_shared<PendingFaces>(batcher_, item);
  for (std::size_t i = 0; i < item.faces.size(); ++i) {
    throw_if_stopped(stop);
    const std::optional<Similarity> to_template = estimate_alignment(item.faces[i].landmarks);
    if (!to_template) continue;
    auto one = std::make_shared<FaceItem>(planes_, kFaceBytes);
    warp_aligned_bytes(item.image, *to_template, embedder_->feed.bgr, one->planes.data());
    pending->faces[i] = pending->submit(std::move(one), {embedder_bin_});
  }
  pending->job.cpu_ms = cpu_ms;
  if (!pending->faces.empty()) item.pending_faces = std::move(pending);
  return "";
}

bool DeviceModels::has_face(const GroupItem& item, std::size_t face) {
  return item.pending_faces != nullptr && item.pending_faces->faces.contains(face);
}

std::string DeviceModels::collect_face(GroupItem& item, std::size_t face, std::vector<std::uint8_t>& aligned) {
  const Pending<FaceItem> pending = std::move(item.pending_faces->faces.extract(face).mapped());
  const std::string reason = batcher_.outcome(pending.ticket);
  if (reason.empty()) {
    item.faces[face].face.embedding = std::move(pending.item->embedding);
  } else {
    aligned = pending.item->planes;
  }
  return reason;
}

void DeviceModels::write_face(const std::vector<std::uint8_t>& aligned, float* planes) const {
  normalise_aligned(aligned, embedder_->feed, planes);
}

}  // namespace mien
