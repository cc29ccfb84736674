#include "ops/detect_device.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "ops/candidates_graph.h"
#include "ops/device_image.h"
#include "ops/device_run.h"

namespace mien {
namespace {

// The canvas's planes and masks, and a model's values.
constexpr std::uint64_t kBytesPerPixel = 3 * 4 * 3 + 150;
// How far a device may be off the CPU, as a share of an output's largest value: 32 bits differ by 1e-6 to 1e-5,
// products of 10 bits (TF32) by 1e-3.
constexpr float kShareOff = 2e-4F;

// All values of a run on the host.
OutputValues run_down(const DeviceSession& model, std::span<const float> planes, const Shape& shape) {
  const DeviceInput input = HostTensor{ElementType::f32, shape, planes.data()};
  OutputValues values;
  for (const DeviceOutput& output : model.run({&input, 1}, {})) {
    const std::span<const float> floats = output.values.floats();
    throw_unless_finite(floats, "the detector");
    values.emplace_back(floats.begin(), floats.end());
  }
  return values;
}

// Throws where the first image of a batch has other values than it has alone on the CPU. `block`: so many values of an
// image lie side by side, those of `images` in turn.
void throw_unless_alike(std::span<const float> batch, const TensorView& alone, std::size_t images, std::size_t block) {
  const std::size_t count = alone.count();
  throw_unless_count(batch.size(), count * images, "the detector");
  float largest = 0;
  float off = 0;
  for (std::size_t i = 0; i < count; ++i) {
    largest = std::max(largest, std::abs(alone.data[i]));
    off = std::max(off, std::abs(alone.data[i] - batch[i / block * block * images + i % block]));
  }
  if (off <= kShareOff * largest) return;
  throw DeviceFailure(fmt::format("the detector's numbers are not the CPU's: {:.3g} off, the largest is {:.3g}",
                                  static_cast<double>(off), static_cast<double>(largest)));
}

}  // namespace

// The plan, the sessions and the outputs for one size of input and one size of batch.
struct DeviceDetector::Canvas {
  CandidatePlan plan;
  std::unique_ptr<DeviceSession> mask;
  std::unique_ptr<DeviceSession> pick;
  SparseOutputs sparse;
  std::size_t mask_floats = 0;
  int width = 0;
};

DeviceDetector::DeviceDetector(std::shared_ptr<const Detector> detector, DeviceModel model,
                               std::shared_ptr<CanvasFeed> feed)
    : detector_(std::move(detector)), model_(std::move(model)), feed_(std::move(feed)) {}
DeviceDetector::~DeviceDetector() = default;

std::uint64_t DeviceDetector::bytes_for_canvas(std::int64_t pixels) {
  return static_cast<std::uint64_t>(pixels) * kBytesPerPixel;
}

void DeviceDetector::open(Accelerator& device) {
  if (session_) return;
  std::unique_ptr<DeviceSession> session = device.create_session(*model_.bytes, "the detector");
  if (session->assignment().on_device == 0) throw DeviceFailure("the device runs no part of the detector");
  if (model_.layout) {
    layout_ = *model_.layout;
  } else {
    layout_ = find_batch_layout(*detector_, [&](std::span<const float> planes, const Shape& shape) {
      return run_down(*session, planes, shape);
    });
  }
  session_ = std::move(session);
}

DeviceDetector::Canvas& DeviceDetector::canvas(Accelerator& device, const CanvasKey& key,
                                               std::span<const Shape> shapes) {
  std::unique_ptr<Canvas>& canvas = canvases_[key];
  if (canvas) return *canvas;
  CandidatePlan plan(detector_->kind->outputs, {shapes.begin(), shapes.end()}, key.images,
                     layout_ == BatchLayout::within_cells);
  const std::int64_t words = (plan.anchors() + kMaskBits - 1) / kMaskBits;
  canvas = std::make_unique<Canvas>(Canvas{plan, device.create_session(make_mask_graph(plan)),
                                           device.create_session(make_pick_graph(plan)), SparseOutputs(plan),
                                           static_cast<std::size_t>(key.images * words), key.width});
  return *canvas;
}

std::vector<DeviceOutput> DeviceDetector::run_model(std::span<const DeviceInput> inputs, bool stays) const {
  const std::size_t count = session_->outputs().size();
  const auto each = std::make_unique<bool[]>(count);
  std::fill_n(each.get(), count, stays);
  return session_->run(inputs, {each.get(), count});
}

void DeviceDetector::plan(Accelerator& device, int width, int height, std::size_t batch, const Session& reference) {
  open(device);
  const std::size_t floats =
      static_cast<std::size_t>(3) * static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
  const std::vector<std::uint8_t> levels_of_noise = make_noise_levels(floats);
  const std::vector<float> planes = make_noise(detector_->kind->feed, floats);
  const TensorView alone{planes.data(), {1, 3, height, width}};
  const Outputs expected = reference.run({&alone, 1});
  const std::size_t images = layout_ == BatchLayout::one_by_one ? 1 : batch;
  const CanvasBytes noise{levels_of_noise.data(), width, height};
  const std::vector<DeviceOutput> outputs = run_model(feed_->run(device, {&noise, 1}, width, height, images), true);
  throw_unless_count(outputs.size(), expected.size(), "the detector");
  const DetectorLevels levels = detector_->kind->outputs.levels(outputs.size());
  std::vector<Shape> shapes;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const HostValues down = device.download(outputs[i].on_device);
    const std::span<const float> values = down.floats();
    throw_unless_finite(values, "the detector");
    const std::size_t group = i / static_cast<std::size_t>(levels.count);
    const int of_cell = detector_->kind->outputs.values[group] * levels.anchors;
    const bool is_plain = layout_ != BatchLayout::within_cells;
    throw_unless_alike(values, expected[i], images, is_plain ? expected[i].count() : static_cast<std::size_t>(of_cell));
    shapes.push_back(down.shape);
  }
  // What a device prepares for the graphs around the model is not to hold up the first images.
  const Canvas& canvas = this->canvas(device, {width, height, static_cast<std::int64_t>(images)}, shapes);
  (void)choose_anchors(canvas, outputs, {});
  const std::int32_t any = 0;
  (void)pick_rows(canvas, outputs, {&any, 1});
}

void DeviceDetector::run(Accelerator& device, std::span<const CanvasPass> passes, int width, int height,
                         std::size_t batch) {
  open(device);
  const bool is_single = layout_ == BatchLayout::one_by_one;
  const std::size_t step = is_single ? 1 : passes.size();
  for (std::size_t first = 0; first < passes.size(); first += step) {
    run_batch(device, passes.subspan(first, std::min(step, passes.size() - first)),
              {width, height, is_single ? 1 : static_cast<std::int64_t>(batch)});
  }
}

// Runs the detector over canvases of one size.
void DeviceDetector::run_batch(Accelerator& device, std::span<const CanvasPass> passes, const CanvasKey& key) {
  std::vector<CanvasBytes> images;
  for (const CanvasPass& one : passes) {
    images.push_back({one.planes, one.pass->size.canvas_width, one.pass->size.canvas_height});
  }
  const std::vector<DeviceInput> inputs =
      feed_->run(device, images, key.width, key.height, static_cast<std::size_t>(key.images));
  const std::vector<DeviceOutput> outputs = run_model(inputs, true);
  std::vector<Shape> shapes;
  for (const DeviceOutput& output : outputs) shapes.push_back(output.on_device.shape);
  Canvas& canvas = this->canvas(device, key, shapes);

  const std::vector<std::int32_t> anchors = choose_anchors(canvas, outputs, passes);
  const std::vector<float> rows = pick_rows(canvas, outputs, anchors);
  for (std::size_t i = 0; i < passes.size(); ++i) {
    std::vector<Candidate>& faces = *passes[i].found;
    canvas.sparse.fill(static_cast<std::int64_t>(i), anchors, rows);
    const LetterboxSize& part = passes[i].pass->size;
    const DecodeContext context{key.width, key.height, pass_threshold(*detector_, *passes[i].pass), part.canvas_width,
                                part.canvas_height};
    detector_->kind->decode(canvas.sparse.outputs(), context, faces);
    finish_pass(*detector_, *passes[i].pass, faces);
  }
}

namespace {

// Whether an anchor of a canvas lies in the image's part of it. `stride` of each level: canvas pixels a cell.
bool is_inside(const CandidatePlan& plan, std::span<const int> strides, int anchors_of_cell, std::int64_t anchor,
               int canvas_width, const LetterboxSize& part) {
  std::size_t level = 0;
  for (; anchor >= plan.levels()[level]; ++level) anchor -= plan.levels()[level];
  const std::int64_t stride = strides[level];
  const std::int64_t cell = anchor / anchors_of_cell;
  const std::int64_t columns = canvas_width / stride;
  return cell % columns * stride < part.canvas_width && cell / columns * stride < part.canvas_height;
}

}  // namespace

// Anchors inside the images whose score may be above the lowest threshold of their passes.
std::vector<std::int32_t> DeviceDetector::choose_anchors(const Canvas& canvas, std::span<const DeviceOutput> outputs,
                                                         std::span<const CanvasPass> passes) const {
  std::optional<float> lowest;
  for (const CanvasPass& one : passes) {
    const float of_pass = pass_threshold(*detector_, *one.pass);
    lowest = std::min(lowest.value_or(of_pass), of_pass);
  }
  const float threshold = mask_threshold(canvas.plan, lowest.value_or(detector_->score_threshold));
  std::vector<DeviceInput> inputs;
  for (std::size_t group = 0; group < canvas.plan.groups().size(); ++group) {
    if (!canvas.plan.groups()[group].is_score) continue;
    for (std::size_t level = 0; level < canvas.plan.levels().size(); ++level) {
      inputs.emplace_back(outputs[canvas.plan.output(group, level)].on_device);
    }
  }
  inputs.emplace_back(HostTensor{ElementType::f32, {1}, &threshold});
  const std::vector<DeviceOutput> mask = canvas.mask->run(inputs, {});
  throw_unless_count(mask.front().values.floats().size(), canvas.mask_floats, "the detector");
  throw_unless_finite(mask.front().values.floats(), "the detector");
  throw_unless_finite(mask.back().values.floats(), "the detector");
  std::vector<std::int32_t> anchors = read_mask(canvas.plan, mask.front().values.floats());
  const DetectorLevels levels = detector_->kind->outputs.levels(outputs.size());
  std::erase_if(anchors, [&](std::int32_t anchor) {
    const std::size_t image = static_cast<std::size_t>(anchor / canvas.plan.anchors());
    if (image >= passes.size()) return true;
    return model_.is_masked && !is_inside(canvas.plan, model_.output_strides, levels.anchors,
                                          anchor % canvas.plan.anchors(), canvas.width, passes[image].pass->size);
  });
  return anchors;
}

std::vector<float> DeviceDetector::pick_rows(const Canvas& canvas, std::span<const DeviceOutput> outputs,
                                             std::span<const std::int32_t> anchors) const {
  std::vector<float> rows;
  for (std::size_t first = 0; first < anchors.size(); first += kPickMax) {
    const std::span<const std::int32_t> part = anchors.subspan(first, std::min(kPickMax, anchors.size() - first));
    std::vector<std::int32_t> wanted(part.begin(), part.end());
    wanted.resize(pick_bucket(part.size()), part.front());
    std::vector<DeviceInput> inputs;
    for (const DeviceOutput& output : outputs) inputs.emplace_back(output.on_device);
    inputs.emplace_back(host_tensor(wanted, {static_cast<std::int64_t>(wanted.size())}));
    const std::vector<DeviceOutput> picked = canvas.pick->run(inputs, {});
    const std::size_t floats = part.size() * static_cast<std::size_t>(canvas.plan.row_floats());
    const std::span<const float> values = picked.front().values.floats();
    throw_unless_count(values.size(), wanted.size() * static_cast<std::size_t>(canvas.plan.row_floats()),
                       "the detector");
    throw_unless_finite(values.first(floats), "the detector");
    rows.insert(rows.end(), values.begin(), values.begin() + static_cast<std::ptrdiff_t>(floats));
  }
  return rows;
}

}  // namespace mien
